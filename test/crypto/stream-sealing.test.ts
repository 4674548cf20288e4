import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { openSealedStream, SealedStreamError, sealStream } from '../../src/crypto/stream-sealing.js';

const PASSPHRASE = 'correct horse battery';
/** log2 of scrypt's cost: tests open many. */
const CHEAP = 12;
const HEADER = 64;
const CHUNK = 65_536;
const SEALED = CHUNK + 16;

async function* pieces(bytes: Buffer, size = 50_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const piece of source) read.push(piece);
  return Buffer.concat(read);
}

const seal = (bytes: Buffer) => all(sealStream(pieces(bytes), PASSPHRASE, CHEAP));
const open = (bytes: Buffer, passphrase = PASSPHRASE) => all(openSealedStream(pieces(bytes), passphrase));

describe('a sealed stream', () => {
  const content = randomBytes(3 * CHUNK + 1000);
  let sealed: Buffer = Buffer.alloc(0);
  before(async () => {
    sealed = await seal(content);
  });
  const refuses = (bytes: Buffer, reason: string) =>
    assert.rejects(open(bytes), (error) => error instanceof SealedStreamError && error.reason === reason);

  it('gives back what was sealed, whatever its length', async () => {
    assert.deepEqual(await open(sealed), content);
    for (const length of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1]) {
      const bytes = randomBytes(length);
      const made = await seal(bytes);
      assert.equal(made.length, HEADER + length + 16 * Math.max(1, Math.ceil(length / CHUNK)));
      assert.deepEqual(await open(made), bytes, `${length} octets`);
    }
  });

  it('shows nothing of what is in it, and is another one each time', async () => {
    assert.ok(!sealed.includes(content.subarray(0, 32)));
    assert.notDeepEqual((await seal(content)).subarray(8, 31), sealed.subarray(8, 31));
  });

  it('tells a wrong passphrase from damage', async () => {
    await assert.rejects(open(sealed, 'correct horse batterz'), { reason: 'passphrase-wrong' });
    await refuses(Buffer.from('certmate'.repeat(20)), 'not-sealed');
    await refuses(Buffer.alloc(0), 'not-sealed');
    await refuses(sealed.subarray(0, 63), 'not-sealed');
    const newer = Buffer.from(sealed);
    newer[4] = 2;
    await refuses(newer, 'newer');
    const costly = Buffer.from(sealed);
    costly[5] = 30;
    await refuses(costly, 'not-sealed');
  });

  it('costs half a second and 128 MiB for each guess unless told otherwise', async () => {
    const made = await all(sealStream(pieces(Buffer.from('x')), PASSPHRASE));
    assert.deepEqual([...made.subarray(4, 8)], [1, 17, 8, 1]);
    assert.equal((await open(made)).toString(), 'x');
  });

  it('takes one passphrase for the same in every Unicode form', async () => {
    const bytes = Buffer.from('hello');
    const made = await all(sealStream(pieces(bytes), 'passwort mit \u00fc', CHEAP));
    assert.deepEqual(await open(made, 'passwort mit u\u0308'), bytes);
  });

  it('is refused when a single bit is changed anywhere', async () => {
    for (const at of [9, 25, 40, HEADER, HEADER + SEALED - 1, HEADER + SEALED, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] as number) ^ 1;
      await refuses(changed, at < HEADER ? 'passphrase-wrong' : 'damaged');
    }
  });

  it('is refused when it was cut short, also between two chunks', async () => {
    for (const length of [HEADER, HEADER + 10, HEADER + SEALED, HEADER + 3 * SEALED, sealed.length - 1]) {
      await refuses(sealed.subarray(0, length), 'damaged');
    }
  });

  it('is refused when chunks were moved, repeated, left out or added', async () => {
    const header = sealed.subarray(0, HEADER);
    const [a, b, c] = [0, 1, 2].map((n) => sealed.subarray(HEADER + n * SEALED, HEADER + (n + 1) * SEALED));
    const last = sealed.subarray(HEADER + 3 * SEALED);
    for (const order of [
      [b, a, c, last],
      [a, a, b, c, last],
      [a, c, last],
      [a, b, c, last, last],
      [last],
    ] as Buffer[][]) {
      await refuses(Buffer.concat([header, ...order]), 'damaged');
    }
    const other = await seal(content);
    await refuses(Buffer.concat([header, other.subarray(HEADER)]), 'damaged');
  });
});
