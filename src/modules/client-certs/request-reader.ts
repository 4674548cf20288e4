/**
 * Reads CSRs beside the event loop: to take over a key and verify a signature with it takes longer than everything else
 * about a request, with a large RSA key a multiple of that, and meanwhile nobody would be answered.
 */
import { CertMateError, type ErrorCode } from '../../errors.js';
import { takeApart, type UnjudgedRequest } from '../../pki/request.js';
import { WorkerThread } from '../../worker-thread.js';

/** Why a CSR was not accepted; a code of null means that reading it failed, which is nobody's CSR's fault. */
export interface Refusal {
  code: ErrorCode | null;
  message: string;
}

/** So many CSRs are judged on one journey. */
const JUDGED_TOGETHER = 16;

export class RequestReader {
  readonly #thread: WorkerThread<string | Uint8Array, null, Refusal>;

  /** @param worker what judges them: request-reader-worker.js, unless told */
  constructor(worker = new URL('./request-reader-worker.js', import.meta.url)) {
    this.#thread = new WorkerThread(worker, JUDGED_TOGETHER);
  }

  /**
   * The same as `acceptRequest`.
   * @throws CertMateError INVALID_CSR, WEAK_KEY; UNAVAILABLE it could not be judged
   */
  async read(csr: string): Promise<UnjudgedRequest> {
    await this.#judge(csr);
    // What is in it is read here: that takes less than to hand it over from there.
    return takeApart(csr);
  }

  /**
   * The same as `assertAcceptableKey`.
   * @throws CertMateError WEAK_KEY; UNAVAILABLE it could not be judged
   */
  async assertAcceptable(subjectPublicKeyInfo: Buffer): Promise<void> {
    await this.#judge(new Uint8Array(subjectPublicKeyInfo));
  }

  async #judge(order: string | Uint8Array): Promise<void> {
    const answer = await this.#thread.ask(order).catch((cause: unknown) => {
      throw new CertMateError('UNAVAILABLE', 'The CSR could not be checked just now. Try again.', { cause });
    });
    if ('done' in answer) return;
    const { code, message } = answer.failed;
    throw code === null ? new Error(`a key could not be judged: ${message}`) : new CertMateError(code, message);
  }

  /** Waits for what is being judged, then stops the thread. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
