/** From when until when answers hold (RFC 6960 §4.2.2.1), as OCSP and HTTP say it. */
import { secondsAfter } from '../../clock.js';

/** One object for all answers of a second. */
export interface Period {
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
  #last: Period | null = null;

  /** @param hours how long each lasts */
  constructor(hours: number) {
    this.#hours = hours;
  }

  /** The one that begins then. @param thisUpdate in whole seconds */
  from(thisUpdate: Date): Period {
    if (this.#last?.thisUpdate.getTime() === thisUpdate.getTime()) return this.#last;
    const nextUpdate = secondsAfter(thisUpdate, this.#hours * 3600);
    this.#last = {
      thisUpdate,
      nextUpdate,
      lastModified: thisUpdate.toUTCString(),
      expires: nextUpdate.toUTCString(),
      staleAt: thisUpdate.getTime() + this.#hours * 1_800_000,
    };
    return this.#last;
  }
}
