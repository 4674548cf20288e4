/** The OCSP responder (RFC 6960, RFC 5019): bytes in, bytes out, and never an answer that the inventory contradicts. */
import { createHash, type KeyObject } from 'node:crypto';
import { sequence } from '../../pki/der.js';
import {
  assembleOcspResponse,
  buildResponseData,
  type CertId,
  OCSP_ERROR,
  OcspMalformed,
  readOcspRequest,
  type SingleResponse,
} from '../../pki/ocsp.js';
import type { Clock, KeyType, Log, Serial } from '../../types.js';
import { certifyDelegate, type Delegate, type DelegateIssuer, isDueForRotation } from './delegate.js';
import { IssuerHashes } from './issuer-hashes.js';
import { type Period, Periods } from './period.js';
import { Presigned, PresignedAnswers } from './presigned.js';
import { requestInPath, unmergedRequests } from './request-path.js';
import { GOOD, isSame, type SerialState, statusFor, statusName } from './serial-state.js';
import { Tallies } from './tallies.js';

export interface ResponderParts {
  authority: DelegateIssuer & {
    readonly certificate: { readonly subject: Buffer; readonly subjectPublicKeyInfo: Buffer };
  };
  /** The state of a serial number; undefined when it was never issued. */
  lookup: (serial: Serial) => SerialState | undefined;
  keys: { generate(type: KeyType): Promise<KeyObject> };
  clock: Clock;
  log: Log;
  /** Lifetime of an answer. */
  hours: number;
  /** Told how long each signature took, in seconds. */
  onSigned?: (seconds: number) => void;
}

/** An answer and, where it may be cached, for how long (RFC 5019 §6). */
export interface OcspAnswer {
  /** The DER, one character an octet: Node writes a string in one piece with the head of the response. */
  readonly text: string;
  readonly cache: Period | null;
  /** Strong entity tag, quoted; empty where there is nothing to cache. */
  readonly etag: string;
  /** Whether another answer to the same request was signed in the same second. */
  readonly sharesSecond?: boolean;
}

/** Counts a signature for a caller; false where that is one too many. */
type MaySign = () => boolean;
const always: MaySign = () => true;

/** Answers are signed again in the background from this part of their life on, and on demand from half of it on. */
const REFRESH_FROM = 0.4;
/** So many at a time, one after another: about a tenth of a second's work, most of it off the loop. */
const REFRESHED_IN_ONE_GO = 2000;

export class OcspResponder {
  /** How many answers of each kind have left. */
  readonly tallies = new Tallies();
  readonly #parts: ResponderParts;
  readonly #issuer: IssuerHashes;
  readonly #periods: Periods;
  readonly #presigned = new PresignedAnswers();
  /** Of delegates, which may still have answers in caches, and of others that no record tells of. */
  readonly #serials = new Set<Serial>();
  readonly #malformed = this.tallies.of('malformed', 'none');
  readonly #unauthorized = this.tallies.of('unauthorized', 'none');
  readonly #failed = this.tallies.of('failed', 'none');
  readonly #tryLater = this.tallies.of('try_later', 'none');
  #delegate: Delegate;
  #rotation: Promise<void> | null = null;

  private constructor(parts: ResponderParts, delegate: Delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
    this.#serials.add(delegate.serial);
    this.#issuer = new IssuerHashes(parts.authority.certificate);
    this.#periods = new Periods(parts.hours, parts.authority.certificate.notAfter);
  }

  /** Certifies the first delegate and is ready to answer. */
  static async open(parts: ResponderParts): Promise<OcspResponder> {
    const delegate = await certifyDelegate(parts.authority, parts.keys, parts.clock, parts.hours);
    return new OcspResponder(parts, delegate);
  }

  /** The delegate that signs now. */
  get delegate(): Delegate {
    return this.#delegate;
  }

  /** From now on answers `good` for a serial number that no record has: of a certificate that the CA signed for this server. */
  vouchFor(serial: Serial): void {
    this.#serials.add(serial);
  }

  /** The state of a serial number as answers tell it; undefined for one never issued. */
  stateOf(serial: Serial): SerialState | undefined {
    return this.#serials.has(serial) ? GOOD : this.#parts.lookup(serial);
  }

  /** From when until when an answer holds that is signed at `now`. */
  periodFrom(now: Date): Pick<Period, 'thisUpdate' | 'nextUpdate'> {
    return this.#periods.from(now);
  }

  /** Makes a new delegate well before the present one ends; the present one answers until the new one is there. */
  async rotateIfDue(): Promise<void> {
    const { authority, keys, clock, hours, log } = this.#parts;
    if (!isDueForRotation(this.#delegate, authority, clock.now(), hours)) return;
    this.#rotation ??= certifyDelegate(authority, keys, clock, hours)
      .then((delegate) => {
        this.#delegate = delegate;
        this.#serials.add(delegate.serial);
        this.#presigned.clear();
        log.info({ serial_number: delegate.serial }, 'OCSP signer rotated');
      })
      .finally(() => {
        this.#rotation = null;
      });
    await this.#rotation;
  }

  /**
   * Answers one request; at once where the answer has been signed before, as it has for most.
   * @param request the DER of an OCSPRequest
   * @param now the present moment, from those who have asked the clock already
   * @param maySign asked where the answer has to be signed for this request; false: the answer is tryLater
   * @returns always an answer; errors are the unsigned five bytes of RFC 6960 §4.2.1
   */
  respond(request: Buffer, now = this.#parts.clock.now(), maySign = always): OcspAnswer | Promise<OcspAnswer> {
    return this.respondToText(request.toString('latin1'), now, maySign);
  }

  /** The same for a request of one character an octet. */
  respondToText(request: string, now: Date, maySign: MaySign): OcspAnswer | Promise<OcspAnswer> {
    try {
      const kept = this.#presigned.get(request);
      if (kept !== undefined && this.#holds(kept, now)) return this.#leaves(kept);
      const answer = this.#answer(Buffer.from(request, 'latin1'), maySign);
      return answer instanceof Promise ? answer.catch((error: unknown) => this.#fail(error)) : answer;
    } catch (error) {
      return this.#fail(error);
    }
  }

  /**
   * The same for the request of a GET.
   * @param path what follows `/ocsp` in its URL
   */
  respondToPath(path: string, now: Date, maySign: MaySign): OcspAnswer | Promise<OcspAnswer> {
    const kept = this.#presigned.atPath(path);
    if (kept !== undefined && this.#holds(kept, now)) return this.#leaves(kept);
    const answer = this.respond(this.#requestIn(path), now, maySign);
    if (answer instanceof Presigned) this.#presigned.putPath(path, answer);
    return answer;
  }

  /** The request of a path; where a proxy has merged slashes, the one that asks about a certificate of this CA. */
  #requestIn(path: string): Buffer {
    let first: Buffer | null = null;
    for (const candidate of unmergedRequests(path)) {
      const certIds = certIdsOf(candidate);
      if (certIds === null || !certIds.some((certId) => this.#issuer.match(certId))) continue;
      if (certIds.every(({ serial }) => this.stateOf(serial) !== undefined)) return candidate;
      first ??= candidate;
    }
    return first ?? requestInPath(path);
  }

  /** The answer to a caller who asks too often (RFC 6960 §2.3): the request is not looked at. */
  tryLater(): OcspAnswer {
    this.#tryLater.count += 1;
    return TRY_LATER;
  }

  #answer(request: Buffer, maySign: MaySign): OcspAnswer | Promise<OcspAnswer> {
    let parsed: ReturnType<typeof readOcspRequest>;
    try {
      parsed = readOcspRequest(request);
    } catch (error) {
      if (!(error instanceof OcspMalformed)) throw error;
      this.#malformed.count += 1;
      return MALFORMED;
    }
    const { certIds, nonce } = parsed;
    if (!certIds.some((certId) => this.#issuer.match(certId))) {
      this.#unauthorized.count += 1;
      return UNAUTHORIZED;
    }
    const [first] = certIds;
    if (first && certIds.length === 1 && nonce === null)
      return this.#answerFor(first, plainRequest(first.raw), maySign);
    return maySign() ? this.#answerOnce(certIds, nonce) : this.tryLater();
  }

  /** What an OCSP client understands where another one would get a 500. */
  #fail(error: unknown): OcspAnswer {
    this.#parts.log.error({ err: error }, 'an OCSP request could not be answered');
    this.#failed.count += 1;
    return INTERNAL_ERROR;
  }

  /**
   * Signs answers again that are about to reach half their life, so that nobody has to wait for it; those that nobody
   * has asked for go. A bounded amount of work; call it often.
   */
  async refresh(): Promise<void> {
    const { clock, hours } = this.#parts;
    const before = clock.now().getTime() - hours * 3_600_000 * REFRESH_FROM;
    for (const request of this.#presigned.due(before, REFRESHED_IN_ONE_GO)) {
      const [certId] = readOcspRequest(request).certIds;
      if (!certId) continue;
      const { answer } = await this.#presign(certId, request);
      if (answer instanceof Presigned) answer.asked = false;
    }
  }

  /** How many answers are kept. */
  get kept(): number {
    return this.#presigned.size;
  }

  /** Whether a kept answer is still true and young enough. */
  #holds({ serial, state, cache }: Presigned, now: Date): boolean {
    const time = now.getTime();
    return time < cache.staleAt && time >= cache.thisUpdate.getTime() && isSame(state, this.stateOf(serial));
  }

  #leaves(answer: Presigned): Presigned {
    answer.asked = true;
    answer.tally.count += 1;
    return answer;
  }

  async #answerFor(certId: CertId, request: Buffer, maySign: MaySign): Promise<OcspAnswer> {
    const kept = this.#presigned.get(request.toString('latin1'));
    if (kept !== undefined && this.#holds(kept, this.#parts.clock.now())) return this.#leaves(kept);
    if (!maySign()) return this.tryLater();
    for (;;) {
      const { answer, state } = await this.#presign(certId, request);
      // It was changed while the answer was being signed: this one has become a lie.
      if (!isSame(this.stateOf(certId.serial), state)) continue;
      this.tallies.of(statusName(state), 'miss').count += 1;
      return answer;
    }
  }

  /** Signs an answer that may be cached, and keeps it. */
  async #presign(certId: CertId, request: Buffer): Promise<{ answer: OcspAnswer; state: SerialState | undefined }> {
    const { serial } = certId;
    const state = this.stateOf(serial);
    const cache = this.#periods.from(this.#parts.clock.now());
    const signer = this.#delegate;
    const signed = await this.#sign([certId], null, cache, signer);
    const etag = `"${createHash('sha1').update(signed).digest('base64url')}"`;
    // Serial numbers never issued are endless: keeping answers for them would let anybody fill the memory.
    if (state === undefined) return { answer: { text: signed.toString('latin1'), cache, etag }, state };
    const tally = this.tallies.of(statusName(state), 'hit');
    const answer = new Presigned(signed, signer, { serial, state, cache, etag, tally });
    if (signer === this.#delegate) this.#presigned.put(request, answer);
    return { answer, state };
  }

  async #answerOnce(certIds: readonly CertId[], nonce: Buffer | null): Promise<OcspAnswer> {
    for (;;) {
      const states = certIds.map((certId) => this.#stateFor(certId));
      const period = this.#periods.from(this.#parts.clock.now());
      const signed = await this.#sign(certIds, nonce, period, this.#delegate);
      // One was changed while the answer was being signed: this one has become a lie.
      if (!certIds.every((certId, index) => isSame(this.#stateFor(certId), states[index]))) continue;
      const status = states.length === 1 ? statusName(states[0]) : 'several';
      this.tallies.of(status, nonce === null ? 'miss' : 'nonce').count += 1;
      return { text: signed.toString('latin1'), cache: null, etag: '' };
    }
  }

  async #sign(
    certIds: readonly CertId[],
    nonce: Buffer | null,
    { producedAt, thisUpdate, nextUpdate }: Period,
    { signer, keyHash, certificate }: Delegate,
  ): Promise<Buffer> {
    const responses = certIds.map(
      (certId): SingleResponse => ({
        certId: certId.raw,
        status: statusFor(this.#stateFor(certId), producedAt),
        thisUpdate,
        nextUpdate,
      }),
    );
    const data = buildResponseData({ responderKeyHash: keyHash, producedAt, responses, nonce });
    const began = performance.now();
    const signature = await signer.sign(data);
    this.#parts.onSigned?.((performance.now() - began) / 1000);
    return assembleOcspResponse(data, signer.scheme, signature, [certificate]);
  }

  #stateFor(certId: CertId): SerialState | undefined {
    return this.#issuer.match(certId) ? this.stateOf(certId.serial) : undefined;
  }
}

const MALFORMED: OcspAnswer = { text: OCSP_ERROR.malformedRequest.toString('latin1'), cache: null, etag: '' };
const INTERNAL_ERROR: OcspAnswer = { text: OCSP_ERROR.internalError.toString('latin1'), cache: null, etag: '' };
const TRY_LATER: OcspAnswer = { text: OCSP_ERROR.tryLater.toString('latin1'), cache: null, etag: '' };
const UNAUTHORIZED: OcspAnswer = { text: OCSP_ERROR.unauthorized.toString('latin1'), cache: null, etag: '' };

/** The shortest request for one CertID (RFC 6960 §4.1.1). */
function plainRequest(certId: Buffer): Buffer {
  return sequence(sequence(sequence(sequence(certId))));
}

/** Null for what is no request. */
function certIdsOf(request: Buffer): CertId[] | null {
  try {
    return readOcspRequest(request).certIds;
  } catch (error) {
    if (error instanceof OcspMalformed) return null;
    throw error;
  }
}
