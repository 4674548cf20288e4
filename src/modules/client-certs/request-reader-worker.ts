/** Runs in a worker thread: judges CSRs, their keys and their signatures, and keys alone. */
import { CertMateError } from '../../errors.js';
import { assertAcceptableKey } from '../../pki/keys.js';
import { acceptRequest } from '../../pki/request.js';
import type { Work } from '../../worker-thread.js';
import type { Refusal } from './request-reader.js';

const work: Work<string | Uint8Array, null, Refusal> = async (orders) =>
  orders.map((order) => {
    try {
      if (typeof order === 'string') acceptRequest(order);
      else assertAcceptableKey(Buffer.from(order));
      return { done: null };
    } catch (error) {
      if (error instanceof CertMateError) return { failed: { code: error.code, message: error.message } };
      return { failed: { code: null, message: (error as Error).stack ?? String(error) } };
    }
  });

export default work;
