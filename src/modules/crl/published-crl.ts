/** A CRL as it is given out: in pieces, which it shares with the next one. */
import { createHash } from 'node:crypto';

/** So many bytes are joined when somebody first asks for them, and sent in one go; more are sent piece by piece. */
const JOINED = 1 << 20;

export class PublishedCrl {
  readonly number: bigint;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /**
   * The whole second after it was published (thisUpdate lies a minute before): later than any date that a caller can have from
   * before. CRLs that follow one another within a second each get a later one, so that If-Modified-Since tells them apart.
   */
  readonly changedAt: Date;
  /** How many entries it has. */
  readonly count: number;
  /** The DER. The pieces never change. */
  readonly pieces: readonly Buffer[];
  /** Octets of the DER. */
  readonly size: number;
  /** Strong entity tag, quoted (RFC 9110 §8.8.3). The signature stands for all that is signed. */
  readonly etag: string;
  #whole: Buffer | null = null;

  /** @param pieces the DER; the last piece is what follows the TBSCertList: algorithm and signature */
  constructor(
    pieces: readonly Buffer[],
    facts: Pick<PublishedCrl, 'number' | 'thisUpdate' | 'nextUpdate' | 'changedAt' | 'count'>,
  ) {
    this.number = facts.number;
    this.thisUpdate = facts.thisUpdate;
    this.nextUpdate = facts.nextUpdate;
    this.changedAt = facts.changedAt;
    this.count = facts.count;
    this.size = pieces.reduce((size, { length }) => size + length, 0);
    this.pieces = pieces;
    const signature = createHash('sha256').update(pieces.at(-1) ?? '');
    this.etag = `"${signature.digest('base64url').slice(0, 27)}"`;
  }

  /** The DER in one piece, the same for every caller; null for a long one, which is better sent in pieces. */
  get whole(): Buffer | null {
    if (this.size <= JOINED) this.#whole ??= Buffer.concat(this.pieces);
    return this.#whole;
  }

  /** The DER in one piece, however long. */
  get der(): Buffer {
    return this.whole ?? Buffer.concat(this.pieces);
  }

  /** The part of its life that is over at this moment: 0 to 1, more when it has expired. */
  used(now: Date): number {
    const from = this.thisUpdate.getTime();
    return (now.getTime() - from) / (this.nextUpdate.getTime() - from);
  }
}
