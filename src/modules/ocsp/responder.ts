/** The OCSP responder (RFC 6960, RFC 5019): bytes in, bytes out, and never an answer that the inventory contradicts. */
import { createHash, type KeyObject } from 'node:crypto';
import { secondsAfter, wholeSeconds } from '../../clock.js';
import { publicKeyBits } from '../../pki/keys.js';
import {
  assembleOcspResponse,
  buildResponseData,
  type CertId,
  OCSP_ERROR,
  OcspMalformed,
  readOcspRequest,
  type SingleResponse,
} from '../../pki/ocsp.js';
import type { Clock, KeyType, Log, RevocationReason, Serial, Timestamp } from '../../types.js';
import { certifyDelegate, type Delegate, type DelegateIssuer, isDueForRotation } from './delegate.js';

/** What the inventory knows of a serial number. */
export interface SerialState {
  revoked_at: Timestamp | null;
  reason: RevocationReason | null;
}

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
}

/** An answer and, where it may be cached, for how long (RFC 5019 §6). */
export interface OcspAnswer {
  body: Buffer;
  cache: { thisUpdate: Date; nextUpdate: Date; etag: string } | null;
}

interface Presigned extends OcspAnswer {
  /** The state that it tells; it leaves only while the inventory says the same. */
  state: SerialState | undefined;
  cache: { thisUpdate: Date; nextUpdate: Date; etag: string };
  /** From when on a new answer is signed instead. */
  staleAt: number;
}

/** Answers kept; at about 1 KB each. The oldest goes first. */
const MOST_PRESIGNED = 200_000;
const HASHES = ['sha1', 'sha256', 'sha384', 'sha512'] as const;

export class OcspResponder {
  readonly #parts: ResponderParts;
  /** Issuer name and key hash per algorithm, concatenated. */
  readonly #issuer: Record<(typeof HASHES)[number], Buffer>;
  readonly #presigned = new Map<string, Presigned>();
  /** Delegates that may still have answers in caches: the present one last. */
  readonly #serials = new Set<Serial>();
  #delegate: Delegate;
  #rotation: Promise<void> | null = null;

  private constructor(parts: ResponderParts, delegate: Delegate) {
    this.#parts = parts;
    this.#delegate = delegate;
    this.#serials.add(delegate.serial);
    const { subject, subjectPublicKeyInfo } = parts.authority.certificate;
    const key = publicKeyBits(subjectPublicKeyInfo);
    const both = (hash: string) =>
      Buffer.concat([createHash(hash).update(subject).digest(), createHash(hash).update(key).digest()]);
    this.#issuer = { sha1: both('sha1'), sha256: both('sha256'), sha384: both('sha384'), sha512: both('sha512') };
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

  /** The state of a serial number as answers tell it; undefined for one never issued. */
  stateOf(serial: Serial): SerialState | undefined {
    return this.#serials.has(serial) ? GOOD : this.#parts.lookup(serial);
  }

  /** Makes a new delegate well before the present one ends; the present one answers until the new one is there. */
  async rotateIfDue(): Promise<void> {
    const { authority, keys, clock, hours, log } = this.#parts;
    if (!isDueForRotation(this.#delegate, clock.now(), hours)) return;
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
   * Answers one request.
   * @param request the DER of an OCSPRequest
   * @returns always an answer; errors are the unsigned five bytes of RFC 6960 §4.2.1
   */
  async respond(request: Buffer): Promise<OcspAnswer> {
    let parsed: ReturnType<typeof readOcspRequest>;
    try {
      parsed = readOcspRequest(request);
    } catch (error) {
      if (error instanceof OcspMalformed) return MALFORMED;
      throw error;
    }
    const { certIds, nonce } = parsed;
    const [first] = certIds;
    if (!certIds.some((certId) => this.#isOurs(certId))) return UNAUTHORIZED;
    if (first && certIds.length === 1 && nonce === null) return this.#presignedFor(first);
    const now = wholeSeconds(this.#parts.clock.now());
    return { body: await this.#sign(certIds, nonce, now), cache: null };
  }

  async #presignedFor(certId: CertId): Promise<OcspAnswer> {
    const { clock, hours } = this.#parts;
    // One character a byte: the cheapest key that a Map can hold.
    const key = certId.raw.toString('latin1');
    const state = this.stateOf(certId.serial);
    const kept = this.#presigned.get(key);
    const present = clock.now();
    if (kept && isSame(kept.state, state) && present.getTime() < kept.staleAt && present >= kept.cache.thisUpdate) {
      return kept;
    }
    const now = wholeSeconds(present);
    const signed = await this.#sign([certId], null, now);
    const nextUpdate = secondsAfter(now, hours * 3600);
    const answer: Presigned = {
      body: copied(signed),
      state,
      cache: { thisUpdate: now, nextUpdate, etag: `"${createHash('sha1').update(signed).digest('base64url')}"` },
      staleAt: now.getTime() + hours * 1_800_000,
    };
    // Serial numbers never issued are endless: keeping answers for them would let anybody fill the memory.
    if (state === undefined) return answer;
    if (!isSame(this.stateOf(certId.serial), state)) return this.#presignedFor(certId);
    if (this.#presigned.size >= MOST_PRESIGNED && !this.#presigned.has(key)) {
      const [oldest] = this.#presigned.keys();
      if (oldest !== undefined) this.#presigned.delete(oldest);
    }
    this.#presigned.set(key, answer);
    return answer;
  }

  async #sign(certIds: readonly CertId[], nonce: Buffer | null, now: Date): Promise<Buffer> {
    const delegate = this.#delegate;
    const nextUpdate = secondsAfter(now, this.#parts.hours * 3600);
    const responses = certIds.map((certId): SingleResponse => {
      const state = this.#isOurs(certId) ? this.stateOf(certId.serial) : undefined;
      return { certId: certId.raw, status: statusFor(state), thisUpdate: now, nextUpdate };
    });
    const data = buildResponseData({ responderKeyHash: delegate.keyHash, producedAt: now, responses, nonce });
    const signature = await delegate.signer.sign(data);
    return assembleOcspResponse(data, delegate.signer.scheme, signature, [delegate.certificate]);
  }

  #isOurs({ hash, issuerNameHash, issuerKeyHash }: CertId): boolean {
    if (hash === null) return false;
    const ours = this.#issuer[hash];
    const half = ours.length / 2;
    return (
      issuerNameHash.length === half &&
      issuerKeyHash.length === half &&
      ours.compare(issuerNameHash, 0, half, 0, half) === 0 &&
      ours.compare(issuerKeyHash, 0, half, half) === 0
    );
  }
}

const GOOD: SerialState = { revoked_at: null, reason: null };
const MALFORMED: OcspAnswer = { body: OCSP_ERROR.malformedRequest, cache: null };
const UNAUTHORIZED: OcspAnswer = { body: OCSP_ERROR.unauthorized, cache: null };

function statusFor(state: SerialState | undefined): SingleResponse['status'] {
  if (state === undefined) return 'unknown';
  if (state.revoked_at === null) return 'good';
  return { revokedAt: new Date(state.revoked_at), reason: state.reason ?? 'unspecified' };
}

function isSame(a: SerialState | undefined, b: SerialState | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.revoked_at === b.revoked_at && a.reason === b.reason);
}

/** A copy outside the shared slab: kept answers would otherwise pin 8 KB each. */
function copied(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
