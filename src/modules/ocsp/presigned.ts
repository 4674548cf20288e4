/** Answers signed in advance: one for each CertID that is asked about, kept while clients ask. */

import type { Serial } from '../../types.js';
import type { Delegate } from './delegate.js';
import type { Period } from './period.js';
import type { OcspAnswer } from './responder.js';
import type { SerialState } from './serial-state.js';
import type { Tally } from './tallies.js';

/** Answers kept, at about half a kilobyte each. The one signed longest ago goes first. */
const MOST_KEPT = 200_000;

/** The longest plain request for one CertID: SHA-512 and a serial number of 64 octets. */
const LONGEST_KEY = 256;

/** Paths of GET requests that are remembered, and the longest of them. */
const MOST_PATHS = 50_000;
const LONGEST_PATH = 512;

/** An answer without nonce for one CertID. */
export class Presigned implements OcspAnswer {
  readonly serial: Serial;
  /** The state that it tells; it leaves only while the inventory says the same. */
  readonly state: SerialState;
  readonly cache: Period;
  readonly etag: string;
  /** Counted each time it leaves. */
  readonly tally: Tally;
  /** Whether another answer to the same request was signed in the same second: the two differ in their tags only. */
  sharesSecond = false;
  /** Whether anybody has asked for it since it was signed; what nobody asks for is not signed again. */
  asked = true;
  readonly #head: string;
  readonly #signer: Delegate;

  /** @param der the complete answer; what does not differ between answers of one signer is not kept twice */
  constructor(
    der: Buffer,
    signer: Delegate,
    told: { serial: Serial; state: SerialState; cache: Period; etag: string; tally: Tally },
  ) {
    this.serial = told.serial;
    this.state = told.state;
    this.cache = told.cache;
    this.etag = told.etag;
    this.tally = told.tally;
    this.#signer = signer;
    this.#head = der.toString('latin1', 0, der.length - signer.tail.length);
  }

  get text(): string {
    return this.#head + this.#signer.tail;
  }
}

/** Keyed by the plainest request for the CertID, so that most requests need not be read before their answer is found. */
export class PresignedAnswers {
  /** In the order of signing. */
  readonly #answers = new Map<string, Presigned>();
  /** By the path of a GET as its client spells it, so that usual ones need not be decoded either. */
  readonly #byPath = new Map<string, Presigned>();

  get size(): number {
    return this.#answers.size;
  }

  /** The answer kept for exactly this request. @param request one character an octet */
  get(request: string): Presigned | undefined {
    return request.length > LONGEST_KEY ? undefined : this.#answers.get(request);
  }

  /** @param request the plainest request: nothing in it but the CertID */
  put(request: Buffer, answer: Presigned): void {
    if (request.length > LONGEST_KEY) return;
    const key = request.toString('latin1');
    answer.sharesSecond = this.#answers.get(key)?.cache === answer.cache;
    this.#answers.delete(key);
    if (this.#answers.size >= MOST_KEPT) {
      for (const oldest of this.#answers.keys()) {
        this.#answers.delete(oldest);
        break;
      }
    }
    this.#answers.set(key, answer);
  }

  /** The answer that was given to a GET with exactly this path; it may have become old or untrue since. */
  atPath(path: string): Presigned | undefined {
    return this.#byPath.get(path);
  }

  putPath(path: string, answer: Presigned): void {
    if (path.length > LONGEST_PATH) return;
    if (this.#byPath.size >= MOST_PATHS) this.#byPath.clear();
    // A copy: the path is a piece of all that came with it, and would keep that in memory.
    this.#byPath.set(Buffer.from(path, 'latin1').toString('latin1'), answer);
  }

  /**
   * Takes out those signed at `before` (ms) or earlier that nobody has asked for since.
   * @returns the requests of the others, at most so many, signed longest ago first
   */
  due(before: number, most: number): Buffer[] {
    const requests: Buffer[] = [];
    for (const [key, answer] of this.#answers) {
      if (requests.length === most || answer.cache.producedAt.getTime() > before) break;
      if (answer.asked) requests.push(Buffer.from(key, 'latin1'));
      else this.#answers.delete(key);
    }
    return requests;
  }

  clear(): void {
    this.#byPath.clear();
    this.#answers.clear();
  }
}
