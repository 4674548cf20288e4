/** Secrets that a test knows, in every spelling in which they could leak, and where they are found. */
import { createPrivateKey } from 'node:crypto';

export class Secrets {
  readonly #spellings = new Map<string, Buffer[]>();

  /** A password, a token, a passphrase: as it is, and as encodings would hide it. */
  text(name: string, value: string): string {
    const bytes = Buffer.from(value);
    const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
    this.#add(name, [
      value,
      encodeURIComponent(value),
      JSON.stringify(value).slice(1, -1),
      bytes.toString('hex'),
      // Without the end, which depends on what follows.
      whole.toString('base64'),
      whole.toString('base64url'),
    ]);
    return value;
  }

  /** A private key in PEM: its lines, its octets, and the number that makes it one. */
  privateKey(name: string, pem: string): string {
    const [, ...lines] = pem.trim().split('\n').slice(0, -1);
    const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' });
    const number = Buffer.from(d, 'base64url');
    this.#add(name, [
      ...lines.filter((line) => line.length === 64).slice(0, 1),
      d,
      number.toString('base64').slice(0, -4),
    ]);
    this.#add(name, [number.toString('hex'), number.toString('hex').toUpperCase(), number.toString()]);
    this.#spellings.get(name)?.push(number);
    return pem;
  }

  #add(name: string, spellings: readonly string[]): void {
    const known = this.#spellings.get(name) ?? [];
    for (const spelling of spellings) if (spelling.length >= 8) known.push(Buffer.from(spelling));
    this.#spellings.set(name, known);
  }

  /** Names of the secrets that are in there, in any spelling. */
  in(octets: Buffer | string): string[] {
    const bytes = Buffer.isBuffer(octets) ? octets : Buffer.from(octets);
    return [...this.#spellings].filter(([, all]) => all.some((each) => bytes.includes(each))).map(([name]) => name);
  }

  get names(): string[] {
    return [...this.#spellings.keys()];
  }
}
