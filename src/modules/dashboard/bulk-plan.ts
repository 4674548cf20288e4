/** Steps for many certificates that somebody has been asked to confirm, and what became of them. */
import { randomUUID } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import type { BulkResult } from './services.js';

export type BulkStep = 'revoke' | 'renew' | 'tag';

export interface BulkPlan {
  readonly id: string;
  readonly step: BulkStep;
  /** Whose it is; nobody else sees it. */
  readonly owner: string;
  /** The view of the list that it came from, as a query string. */
  readonly view: string;
  /** What would happen, as it was when the step was chosen. Exactly these certificates are meant, whatever a filter finds later. */
  readonly foreseen: BulkResult;
  /** What happened; null until it is confirmed. */
  result: BulkResult | null;
}

/** Each may name 30 000 certificates. */
const MOST_KEPT = 40;

/** The plans of this process: whoever confirms one after a restart is asked to choose again. */
export class BulkPlans {
  readonly #plans = new Map<string, BulkPlan>();
  readonly #running = new Map<string, Promise<BulkResult>>();

  add(plan: Omit<BulkPlan, 'id' | 'result'>): BulkPlan {
    const kept: BulkPlan = { ...plan, id: randomUUID(), result: null };
    this.#plans.set(kept.id, kept);
    for (const oldest of this.#plans.keys()) {
      if (this.#plans.size <= MOST_KEPT) break;
      this.#plans.delete(oldest);
    }
    return kept;
  }

  /** @throws CertMateError NOT_FOUND: too long ago, or somebody else's */
  find(id: string, owner: string): BulkPlan {
    const plan = this.#plans.get(id);
    if (plan !== undefined && plan.owner === owner) return plan;
    throw new CertMateError(
      'NOT_FOUND',
      'This choice was made too long ago. Choose the certificates in the list again.',
    );
  }

  /** Does what was planned, once: pressing the button again waits for the same result. */
  async carryOut(plan: BulkPlan, work: () => Promise<BulkResult>): Promise<BulkResult> {
    if (plan.result !== null) return plan.result;
    const running = this.#running.get(plan.id) ?? work();
    this.#running.set(plan.id, running);
    try {
      plan.result = await running;
      return plan.result;
    } finally {
      this.#running.delete(plan.id);
    }
  }
}
