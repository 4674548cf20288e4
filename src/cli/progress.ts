/** How far a batch is, on standard error: a bar that moves on a terminal, now and then a line elsewhere. */
import { harmless, isLookedAt, lineWidth } from './terminal.js';

/** A batch as the API gives it. */
export interface Job {
  id: string;
  state: 'queued' | 'running' | 'cancelling' | 'cancelled' | 'completed';
  total: number;
  done: number;
  successful: number;
  failed: number;
  rate_per_second: number | null;
  eta_seconds: number | null;
  errors: { row: number; error: string }[];
  note: string | null;
}

/** Elsewhere than on a terminal: a line whenever so much more of the whole is done. */
const STEP = 0.1;

export class Progress {
  readonly #stream = process.stderr;
  #next = 0;
  #note: string | null = null;
  #drawn = false;

  show(job: Job): void {
    if (job.note !== null && job.note !== this.#note) this.#line(harmless(job.note));
    this.#note = job.note;
    if (isLookedAt(this.#stream)) {
      this.#stream.write(`\r\x1b[K${bar(job, lineWidth(this.#stream) - 1)}`);
      this.#drawn = true;
      return;
    }
    const part = job.total === 0 ? 1 : job.done / job.total;
    if (part < this.#next) return;
    this.#next = Math.floor(part / STEP) * STEP + STEP;
    this.#stream.write(`${facts(job)}\n`);
  }

  end(): void {
    if (this.#drawn) this.#stream.write('\n');
    this.#drawn = false;
  }

  #line(text: string): void {
    this.#stream.write(this.#drawn ? `\r\x1b[K${text}\n` : `${text}\n`);
    this.#drawn = false;
  }
}

function facts({ state, done, total, failed, rate_per_second: rate, eta_seconds: eta }: Job): string {
  const parts = [`${done} of ${total}`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (state === 'queued') parts.push('in line');
  if (rate !== null && rate > 0) parts.push(`${rate >= 10 ? Math.round(rate) : rate.toFixed(1)}/s`);
  if (eta !== null && eta > 0) parts.push(`${duration(eta)} left`);
  return parts.join(', ');
}

/** @param width of the whole line; the bar takes what the text leaves */
function bar(job: Job, width: number): string {
  const text = facts(job);
  const room = Math.min(40, width - text.length - 3);
  if (room < 5) return text.slice(0, Math.max(0, width));
  const filled = job.total === 0 ? room : Math.floor((job.done / job.total) * room);
  return `${'█'.repeat(filled)}${'░'.repeat(room - filled)}  ${text}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
