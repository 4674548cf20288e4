/** How many answers left, by what they said and where they came from: plain numbers, read when somebody asks. */

export type AnswerStatus =
  | 'good'
  | 'revoked'
  | 'unknown'
  | 'several'
  | 'malformed'
  | 'unauthorized'
  | 'failed'
  | 'try_later';
/** `hit`: signed before; `miss`: signed for this request, and kept if it may be; `nonce`; `none`: not signed at all. */
export type AnswerSource = 'hit' | 'miss' | 'nonce' | 'none';

export interface Tally {
  readonly status: AnswerStatus;
  readonly cache: AnswerSource;
  count: number;
}

export class Tallies {
  readonly #tallies = new Map<string, Tally>();

  /** The one of this kind, to be kept by whoever counts often. */
  of(status: AnswerStatus, cache: AnswerSource): Tally {
    const key = `${status} ${cache}`;
    const known = this.#tallies.get(key);
    if (known) return known;
    const tally = { status, cache, count: 0 };
    this.#tallies.set(key, tally);
    return tally;
  }

  *readings(): Generator<{ labels: { status: AnswerStatus; cache: AnswerSource }; value: number }> {
    for (const { status, cache, count } of this.#tallies.values()) yield { labels: { status, cache }, value: count };
  }
}
