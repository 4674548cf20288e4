/** A pair that somebody else renews, in two files. */
import { type PairSource, type PairText, UnusablePair } from './pair.js';

/** Reads one file; null if there is none. */
type Read = () => Promise<Buffer | null>;

export class PairFiles implements PairSource {
  readonly names = { cert: 'CERTMATE_TLS_CERT', key: 'CERTMATE_TLS_KEY' };
  readonly #read: { cert: Read; key: Read };

  constructor(read: { cert: Read; key: Read }) {
    this.#read = read;
  }

  async read(): Promise<PairText> {
    return { cert: await this.#text('cert'), key: await this.#text('key') };
  }

  async #text(part: 'cert' | 'key'): Promise<string> {
    const bytes = await this.#read[part]().catch((error: NodeJS.ErrnoException) => {
      throw new UnusablePair(`${this.names[part]}: the file cannot be read (${error.code})`);
    });
    if (bytes === null) throw new UnusablePair(`${this.names[part]}: there is no such file`);
    return bytes.toString('latin1');
  }
}
