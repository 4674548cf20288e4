/** From when until when answers hold (RFC 6960 §4.2.2.1), as OCSP and HTTP say it. */
import { backdated, secondsAfter, wholeSeconds } from '../../clock.js';

/** One object for all answers of a second. */
export interface Period {
  /** When it was signed. */
  readonly producedAt: Date;
  /** A minute earlier, for relying parties whose clocks are slow. */
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** The same as HTTP writes them. */
  readonly lastModified: string;
  readonly expires: string;
  /** From when on (ms) a new answer is signed instead. */
  readonly staleAt: number;
  /** What HTTP says of the period, until a second of the clock ends; see headers.ts. */
  lines?: { readonly until: number; readonly text: string };
}

export class Periods {
  readonly #hours: number;
  readonly #end: Date;
  #last: Period | null = null;

  /**
   * @param hours how long each lasts
   * @param end when the CA's certificate ends: none lasts longer
   */
  constructor(hours: number, end: Date) {
    this.#hours = hours;
    this.#end = end;
  }

  /** The one of an answer signed at `now`. */
  from(now: Date): Period {
    const producedAt = wholeSeconds(now);
    if (this.#last?.producedAt.getTime() === producedAt.getTime()) return this.#last;
    const thisUpdate = backdated(now);
    const planned = secondsAfter(producedAt, this.#hours * 3600);
    const nextUpdate = planned > this.#end ? this.#end : planned;
    this.#last = {
      producedAt,
      thisUpdate,
      nextUpdate,
      lastModified: thisUpdate.toUTCString(),
      expires: nextUpdate.toUTCString(),
      staleAt: (producedAt.getTime() + nextUpdate.getTime()) / 2,
    };
    return this.#last;
  }
}
