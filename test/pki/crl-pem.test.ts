import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CrlPem } from '../../src/pki/crl-pem.js';
import { encodePem } from '../../src/pki/pem.js';
import { seeded } from './mutations.js';

/** What it writes, as a file would get it: each piece before the next one is asked for. */
function textOf(pem: CrlPem, pieces: readonly Buffer[]): string {
  let text = '';
  for (const piece of pem.encode(pieces)) text += piece.toString('latin1');
  return text;
}

const whole = (pieces: readonly Buffer[]): string => encodePem('X509 CRL', Buffer.concat(pieces));

describe('a CRL in PEM', () => {
  test('is the same as PEM made at once, whatever has changed since the last one', () => {
    const random = seeded(30_000);
    const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random(256)));
    const pem = new CrlPem();
    let slabs = [{ memory: bytes(9000), used: 0 }];
    for (let step = 0; step < 3000; step += 1) {
      const last = slabs.at(-1) as (typeof slabs)[number];
      const choice = random(100);
      if (choice < 80) last.used = Math.min(last.memory.length, last.used + random(120));
      else if (choice < 90) slabs.push({ memory: bytes(1 + random(9000)), used: random(2) });
      // As when entries go: a slab written anew, shorter.
      else if (choice < 96) {
        const index = random(slabs.length);
        const { memory, used } = slabs[index] as (typeof slabs)[number];
        slabs[index] = { memory: Buffer.from(memory), used: random(used + 1) };
      } else if (choice < 97) slabs = [{ memory: bytes(9000), used: random(100) }];
      if (slabs.length > 12) slabs = slabs.slice(-3);
      // Mostly as long as the last time, as lengths and dates in DER are.
      const head = bytes(random(20) === 0 ? 40 + random(100) : 90);
      const entries = slabs.map(({ memory, used }) => memory.subarray(0, used));
      const pieces = [head.subarray(0, 4), head.subarray(4), ...entries, bytes(60), bytes(78 + random(3))];
      assert.equal(textOf(pem, pieces), whole(pieces), `step ${step}`);
    }
  });

  test('keeps the lines of entries that were on the last one', () => {
    const pem = new CrlPem();
    const [head, entries, tail] = [Buffer.alloc(96, 1), Buffer.alloc(48_000, 2), Buffer.alloc(60, 3)];
    const before = textOf(pem, [head, entries.subarray(0, 40_000), tail]);
    // Nobody may do this; that it goes unnoticed shows that nothing is encoded twice.
    entries.fill(4);
    const after = textOf(pem, [head, entries, tail]);
    const same = (text: string): string => text.slice(0, 65 * 800);
    assert.equal(same(after), same(before));
    assert.equal(textOf(new CrlPem(), [head, entries, tail]), whole([head, entries, tail]));
  });

  test('does not keep the lines of memory that lies elsewhere now', () => {
    const pem = new CrlPem();
    const entries = Buffer.alloc(4800, 1);
    const of = (...lengths: number[]): Buffer[] => lengths.map((length) => Buffer.alloc(length, length));
    for (const pieces of [
      [...of(48), entries],
      [...of(49), entries],
      [...of(48), entries.subarray(48)],
      [entries, ...of(48)],
    ]) {
      assert.equal(textOf(pem, pieces), whole(pieces));
    }
  });

  test('of many megabytes comes in pieces, and is short again afterwards', () => {
    const pem = new CrlPem();
    const slabs = Array.from({ length: 10 }, (_, i) => Buffer.alloc(1 << 20, `slab ${i}`));
    const short = [Buffer.alloc(100, 1), (slabs[0] as Buffer).subarray(0, 5000)];
    assert.equal(textOf(pem, short), whole(short));
    const long = [Buffer.alloc(101, 2), ...slabs];
    assert.ok([...pem.encode(long)].length > 3);
    assert.ok(textOf(pem, long) === whole(long));
    assert.equal(textOf(pem, short), whole(short));
    assert.equal([...pem.encode(short)].length, 1);
  });

  test('of nothing at all has no lines', () => {
    assert.equal(textOf(new CrlPem(), []), whole([]));
  });
});
