/** The pair that the servers show: exchanged for a new one while they serve, and never for one that could not serve. */
import type { Clock, Log } from '../../types.js';
import { checkPair, type PairSource, type PairText, type ServerPair, UnusablePair } from './pair.js';

const DAY = 86_400_000;
/** A certificate that nobody has renewed is reported from so long before its end on (ms), or from a third of its life. */
const ALARM = 7 * DAY;

export class ServedPair {
  readonly #source: PairSource;
  readonly #show: (pair: PairText) => void;
  readonly #clock: Clock;
  readonly #log: Log;
  #current: ServerPair;
  /** What was looked at last, good or bad, so that one bad file is reported once. */
  #seen: PairText;
  #problem: string | null = null;
  #looking: Promise<void> | null = null;

  private constructor(
    source: PairSource,
    show: (pair: PairText) => void,
    { clock, log }: { clock: Clock; log: Log },
    first: ServerPair,
  ) {
    this.#source = source;
    this.#show = show;
    this.#clock = clock;
    this.#log = log;
    this.#current = first;
    this.#seen = first;
  }

  /**
   * Shows the first pair.
   * @param show hands a pair to the servers; throws if TLS itself refuses it
   * @throws UnusablePair
   */
  static async open(
    source: PairSource,
    show: (pair: PairText) => void,
    parts: { clock: Clock; log: Log },
  ): Promise<ServedPair> {
    const pair = checkPair(await source.read(), source.names, parts.clock.now());
    present(pair, source, show);
    return new ServedPair(source, show, parts, pair);
  }

  get current(): ServerPair {
    return this.#current;
  }

  /** Looks whether there is another pair, and shows it if it can serve; else the present one stays, and `trouble` says why. */
  refresh(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** What an operator should look at, without any path; null if all is well. */
  get trouble(): string | null {
    const { notBefore, notAfter } = this.#current;
    const left = notAfter.getTime() - this.#clock.now().getTime();
    if (notBefore > this.#clock.now()) return 'the TLS certificate is not valid yet: check the clock';
    if (left <= 0) return 'the TLS certificate has expired';
    if (this.#problem !== null) return `the new TLS certificate is not used, the old one stays: ${this.#problem}`;
    if (left > Math.min(ALARM, (notAfter.getTime() - notBefore.getTime()) / 3)) return null;
    return `the TLS certificate expires in ${Math.floor(left / 3_600_000)} hours and has not been renewed`;
  }

  async #look(): Promise<void> {
    try {
      const text = await this.#source.read();
      if (isSame(text, this.#seen)) return;
      this.#seen = text;
      const pair = checkPair(text, this.#source.names, this.#clock.now());
      if (!isSame(pair, this.#current)) {
        present(pair, this.#source, this.#show);
        this.#current = pair;
        this.#log.info({ fingerprint_sha256: pair.fingerprint, expires_at: pair.notAfter }, 'new TLS certificate');
      }
      this.#problem = null;
    } catch (error) {
      const problem = error instanceof UnusablePair ? error.message : 'it could not be read; see the log';
      if (problem !== this.#problem) this.#log.error({ err: error }, `the old TLS certificate stays: ${problem}`);
      this.#problem = problem;
    }
  }
}

function present(pair: ServerPair, { names }: PairSource, show: (pair: PairText) => void): void {
  try {
    show({ cert: pair.cert, key: pair.key });
  } catch (error) {
    throw new UnusablePair(`${names.cert}: TLS refuses this certificate (${(error as Error).message})`);
  }
}

function isSame(a: PairText, b: PairText): boolean {
  return a.cert === b.cert && a.key === b.key;
}
