/** What the pages about batches show. */
import type { KeyType } from '../../types.js';
import { type Moment, moment } from './dates.js';
import type { Tone } from './wording.js';

export const BATCH_PATH = '/client-certificates/batch';

/** A job, as far as pages show it. */
export interface BatchView {
  id: string;
  state: 'queued' | 'running' | 'cancelling' | 'cancelled' | 'completed';
  total: number;
  done: number;
  successful: number;
  failed: number;
  rate_per_second: number | null;
  eta_seconds: number | null;
  created_at: string;
  finished_at: string | null;
  created_by: string;
  key_types: Partial<Record<KeyType | 'csr', number>>;
  errors: { row: number; error: string }[];
  note: string | null;
}

const STATES: Record<BatchView['state'], { label: string; tone: Tone }> = {
  queued: { label: 'In line', tone: 'quiet' },
  running: { label: 'Running', tone: 'warn' },
  cancelling: { label: 'Being cancelled', tone: 'warn' },
  cancelled: { label: 'Cancelled', tone: 'quiet' },
  completed: { label: 'Completed', tone: 'good' },
};

/** Seconds after which a browser without scripts asks again. */
const REFRESH = 3;

/** The texts of a job that change while it runs. */
export function batchTexts(view: BatchView): Record<'state' | 'done' | 'failed' | 'rate' | 'left' | 'note', string> {
  return {
    state: STATES[view.state].label,
    done: `${view.done} of ${view.total}`,
    failed: String(view.failed),
    rate: view.rate_per_second === null ? '–' : `${view.rate_per_second} a second`,
    left: view.eta_seconds === null ? '–' : lasting(view.eta_seconds),
    note: view.note ?? '',
  };
}

export function batchPage(view: BatchView, now: Date) {
  const ended = view.state === 'completed' || view.state === 'cancelled';
  const href = `${BATCH_PATH}/${view.id}`;
  const { label, tone } = STATES[view.state];
  return {
    ...view,
    ended,
    refresh: ended ? 0 : REFRESH,
    status: { label, tone: view.state === 'completed' && view.failed > 0 ? ('warn' as const) : tone },
    texts: batchTexts(view),
    created: moment(view.created_at, now),
    finished: view.finished_at === null ? null : moment(view.finished_at, now),
    notIssued: view.total - view.done,
    href,
    moreErrors: view.failed - view.errors.length,
  };
}

/** A job in the list of jobs. */
export function batchRow(
  view: BatchView,
  now: Date,
): {
  href: string;
  status: { label: string; tone: Tone };
  created: Moment;
  by: string;
  done: string;
  failed: number;
} {
  const { href, status, created, created_by, texts, failed } = batchPage(view, now);
  return { href, status, created, by: created_by, done: texts.done, failed };
}

/** `40 seconds`, `12 minutes`, `3.5 hours`: as exact as an estimate is. */
export function lasting(seconds: number): string {
  const [count, unit] =
    seconds < 90
      ? [Math.round(seconds), 'second']
      : seconds < 5400
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 360) / 10, 'hour'];
  return `about ${count} ${unit}${count === 1 ? '' : 's'}`;
}
