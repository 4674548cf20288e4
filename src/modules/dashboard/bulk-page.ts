/** What the pages about a step for many certificates show. */
import type { BulkPlan, BulkStep } from './bulk-plan.js';
import type { Columns } from './csv.js';
import { LIST_PATH } from './list-state.js';
import type { BulkOutcome, BulkResult } from './services.js';
import { REASONS } from './wording.js';

export const BULK_PATH = `${LIST_PATH}/bulk`;

/** Lines that a page shows; the table to take away has all. */
const SHOWN = 500;

const WORDS: Record<BulkStep, { verb: string; did: string; can: string; busy: string }> = {
  revoke: { verb: 'Revoke', did: 'revoked', can: 'be revoked', busy: 'Revoking …' },
  renew: { verb: 'Renew', did: 'renewed', can: 'be renewed', busy: 'Renewing …' },
  tag: { verb: 'Tag', did: 'tagged', can: 'be tagged', busy: 'Saving …' },
};

export interface BulkPage {
  id: string;
  step: BulkStep;
  words: (typeof WORDS)[BulkStep];
  count: number;
  failed: number;
  noun: string;
  backHref: string;
  href: string;
  reasons: typeof REASONS;
  outcomes: { name: string; identifier: string; href: string; success: boolean; text: string }[];
  moreOutcomes: number;
}

/** @param nameOf the common name, or null if there is no such certificate */
export function bulkPage(plan: BulkPlan, nameOf: (identifier: string) => string | null): BulkPage {
  const { id, step, view, foreseen, result } = plan;
  const { results, successful, failed } = result ?? foreseen;
  const words = WORDS[step];
  const ordered = [...results].sort((a, b) => Number(a.success) - Number(b.success));
  return {
    id,
    step,
    words,
    count: successful,
    failed,
    noun: certificates(successful),
    backHref: view === '' ? LIST_PATH : `${LIST_PATH}?${view}`,
    href: `${BULK_PATH}/${id}`,
    reasons: REASONS,
    outcomes: ordered.slice(0, SHOWN).map(({ identifier, success, error }) => {
      const name = nameOf(identifier);
      return {
        name: name ?? identifier,
        identifier,
        href: name === null ? '' : `${LIST_PATH}/${encodeURIComponent(identifier)}`,
        success,
        text: error?.message ?? (result === null ? `can ${words.can}` : words.did),
      };
    }),
    moreOutcomes: Math.max(0, results.length - SHOWN),
  };
}

/** `12 certificates were tagged.` */
export function bulkSentence(step: BulkStep, { successful, failed }: BulkResult): string {
  const done = `${successful} ${certificates(successful)} ${successful === 1 ? 'was' : 'were'} ${WORDS[step].did}`;
  return failed === 0 ? `${done}.` : `${done}, ${failed} ${failed === 1 ? 'was' : 'were'} not.`;
}

export const OUTCOME_COLUMNS: Columns<BulkOutcome> = {
  identifier: ({ identifier }) => identifier,
  serial_number: ({ serial_number }) => serial_number,
  result: ({ success }) => (success ? 'done' : 'not done'),
  message: ({ error }) => error?.message ?? '',
};

function certificates(count: number): string {
  return count === 1 ? 'certificate' : 'certificates';
}
