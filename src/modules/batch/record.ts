/** What the audit trail says of a batch as a whole, when it begins, is cancelled, and ends. */
import type { Actor, AuditSink } from '../../types.js';

export interface BatchTotals {
  id: string;
  phase: 'start' | 'cancel' | 'end';
  state: string;
  total: number;
  successful: number;
  failed: number;
}

/** Resolves once the line is on disk. */
export async function recordBatch(audit: AuditSink, actor: Actor, totals: BatchTotals): Promise<void> {
  const { id, phase, state, total, successful, failed } = totals;
  await audit.record({
    operation: 'batch_import',
    resource_type: 'batch',
    resource_id: id,
    status: phase === 'end' && successful === 0 && failed > 0 ? 'failure' : 'success',
    actor,
    details: { phase, state, total, successful, failed },
  });
}
