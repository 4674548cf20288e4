/** Small batches with an Idempotency-Key: whoever sends one again, its answer having been lost, gets that answer. */
import { CertMateError } from '../../errors.js';
import type { BatchResult } from './batch.js';

interface Mark {
  identifier: string;
  serial_number: string;
}

interface Answer {
  body: Record<string, unknown>;
  secret: Record<string, string>;
}

/** Does each call once and remembers its answer, from the moment on at which it is announced. */
export interface Ledger {
  once(
    call: { caller: string; key: string; request: unknown },
    action: { perform(announce: (mark: Mark) => Promise<void>): Promise<Answer>; find(mark: Mark): Promise<null> },
  ): Promise<Answer & { replayed: boolean }>;
}

/** The ledger looks for single certificates by their marks; a batch has none to look for. */
const NO_MARK: Mark = { identifier: 'batch', serial_number: '0' };

/**
 * Issues a batch, or gives the answer that the same call got before.
 * @throws CertMateError CONFLICT the key was used for another table, or the server stopped in the middle of this one
 */
export async function issueNowOnce(
  ledger: Ledger,
  call: { caller: string; key: string; request: unknown },
  issueNow: () => Promise<BatchResult>,
): Promise<{ result: BatchResult; replayed: boolean }> {
  let failed = false;
  const { body, replayed } = await ledger.once(call, {
    async perform(announce) {
      await announce(NO_MARK);
      try {
        return { body: { ...(await issueNow()) }, secret: {} };
      } catch (error) {
        failed = true;
        throw error;
      }
    },
    async find() {
      if (failed) return null;
      throw new CertMateError(
        'CONFLICT',
        'The server stopped in the middle of the batch with this Idempotency-Key. See in the list what was issued, and send the rest with another key.',
      );
    },
  });
  return { result: body as unknown as BatchResult, replayed };
}
