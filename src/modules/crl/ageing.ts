/** Says in the log that a CRL grows old, louder as its end comes nearer. */
import { timestamp } from '../../clock.js';
import type { Log } from '../../types.js';
import type { PublishedCrl } from './published-crl.js';

/** A CRL is replaced at half its life. From these parts of it on that has failed for long: a warning, then an alarm. */
export const AGEING_FROM = 0.75;
export const OLD_FROM = 0.9;
/** Between two warnings about the same CRL. */
const WARNING_STEP = 0.05;

export class AgeWarnings {
  readonly #log: Log;
  /** The part of its life at which the log last spoke of the present CRL; 0 if it has not. */
  #warnedAt = 0;

  constructor(log: Log) {
    this.#log = log;
  }

  /** To be called from time to time with the CRL that is given out. */
  look(crl: PublishedCrl, now: Date): void {
    const used = crl.used(now);
    if (used < AGEING_FROM) this.#warnedAt = 0;
    if (used < Math.max(AGEING_FROM, this.#warnedAt + WARNING_STEP)) return;
    this.#warnedAt = used;
    const details = {
      crl_number: String(crl.number),
      next_update: timestamp(crl.nextUpdate),
      used_percent: Math.round(used * 100),
    };
    const message = 'the CRL grows old and is not renewed; once it has expired, every certificate is refused';
    if (used < OLD_FROM) this.#log.warn(details, message);
    else this.#log.error(details, message);
  }
}
