/** Runs in a worker thread: judges CSRs, their keys and their signatures. */
import { CertMateError } from '../../errors.js';
import { readRequest } from '../../pki/request.js';
import type { Work } from '../../worker-thread.js';
import type { Refusal } from './request-reader.js';

const work: Work<string, null, Refusal> = async (requests) =>
  requests.map((csr) => {
    try {
      readRequest(csr);
      return { done: null };
    } catch (error) {
      if (error instanceof CertMateError) return { failed: { code: error.code, message: error.message } };
      return { failed: { code: null, message: (error as Error).stack ?? String(error) } };
    }
  });

export default work;
