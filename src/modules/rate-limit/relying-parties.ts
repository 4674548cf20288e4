/**
 * The allowances of servers that check certificates. Each is one address for all its clients, so what it asks does not count
 * against the ceiling of an address, and refusing it shuts its clients out: /health says so.
 */
import { callerAddress, inNetworks } from '../../address.js';
import { CallCounter, type Standing } from './windows.js';

/** What a server asks: OCSP in DER, an answer that has to be signed for it, the CRL. */
export type ServersClass = 'ocsp_der' | 'ocsp_signed' | 'crl_download';

export interface RelyingPartyParts {
  limits: Readonly<Record<ServersClass, number>>;
  /** Counted up with each refusal. */
  refused: Record<ServersClass, number>;
  /** Addresses and CIDRs that are not limited. */
  exempt: readonly string[];
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  log: { warn(details: object, message: string): void };
  /** Told of the first refusal: from then on `check` has something to say. */
  onFirstRefusal: () => void;
}

/** /health speaks of a refusal for so long (ms); the log names an address at most once in so long. */
const REMEMBERED = 15 * 60_000;
const NAMED_AGAIN = 60_000;

export class RelyingParties {
  readonly #parts: RelyingPartyParts;
  readonly #isExempt: (ip: string) => boolean;
  readonly #counters = { ocsp_der: new CallCounter(), ocsp_signed: new CallCounter(), crl_download: new CallCounter() };
  #lastRefusal: number | null = null;
  #namedUntil = 0;

  constructor(parts: RelyingPartyParts) {
    this.#parts = parts;
    this.#isExempt = inNetworks(parts.exempt);
  }

  /** Whether this address is of a server that is not limited. */
  isExempt(ip: string): boolean {
    return this.#isExempt(ip);
  }

  /** Whether one more call would be too many. Counts nothing. */
  isFull(ip: string, kind: ServersClass): boolean {
    const { limits, now } = this.#parts;
    return !this.isExempt(ip) && this.#counters[kind].isFull(callerAddress(ip), limits[kind], now());
  }

  /** Counts a call. @returns how the address stands; null for one that is not limited */
  count(ip: string, kind: ServersClass): Standing | null {
    if (this.isExempt(ip)) return null;
    const { limits, now } = this.#parts;
    const standing = this.#counters[kind].count(callerAddress(ip), limits[kind], now());
    if (standing.exceeded) this.#refuse(ip, kind);
    return standing;
  }

  /** For /health. */
  check(): { ok: boolean; detail?: string } {
    const { now } = this.#parts;
    if (this.#lastRefusal === null || now() - this.#lastRefusal > REMEMBERED) return { ok: true };
    const detail =
      'servers that check certificates were refused for asking too often: name them in CERTMATE_RELYING_PARTIES, or raise ' +
      'ocsp_der, ocsp_signed or crl_download in the settings';
    return { ok: false, detail };
  }

  #refuse(ip: string, kind: ServersClass): void {
    const { refused, now, log, onFirstRefusal } = this.#parts;
    refused[kind] += 1;
    if (this.#lastRefusal === null) onFirstRefusal();
    this.#lastRefusal = now();
    if (now() < this.#namedUntil) return;
    this.#namedUntil = now() + NAMED_AGAIN;
    const advice = 'If it is a server of yours, name it in CERTMATE_RELYING_PARTIES, or raise this limit.';
    log.warn(
      { address: ip, limit: kind },
      `a server that checks certificates was refused for asking too often. ${advice}`,
    );
  }
}
