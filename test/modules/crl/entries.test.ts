import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CrlEntries, NEVER } from '../../../src/modules/crl/entries.js';
import { encodeCrlEntry } from '../../../src/pki/crl.js';
import type { RevocationReason } from '../../../src/types.js';
import { seeded } from '../../pki/mutations.js';

const entry = (serial: string, reason: RevocationReason = 'keyCompromise') =>
  encodeCrlEntry({ serial, revokedAt: new Date('2026-11-21T20:38:00Z'), reason, invalidityDate: null });
const bytesOf = (entries: CrlEntries) => Buffer.concat(entries.pieces());

describe('entries of a CRL kept as bytes', () => {
  test('lie in the order in which they were added, each once', () => {
    const entries = new CrlEntries();
    assert.equal(entries.put(entry('1'), 10), true);
    assert.equal(entries.put(entry('2'), 10), true);
    assert.equal(entries.put(entry('1'), 20), false, 'nothing about it has changed');
    assert.deepEqual(bytesOf(entries), Buffer.concat([entry('1'), entry('2')]));
    assert.equal(entries.size, 2);
    assert.deepEqual([...entries.serials()], ['1', '2']);
  });

  test('one with another reason comes in the place of the first', () => {
    const entries = new CrlEntries();
    entries.put(entry('1', 'certificateHold'), 10);
    entries.put(entry('2'), 10);
    assert.equal(entries.put(entry('1', 'keyCompromise'), 10), true);
    assert.deepEqual(bytesOf(entries), Buffer.concat([entry('2'), entry('1', 'keyCompromise')]));
  });

  test('bytes once given out never change', () => {
    const entries = new CrlEntries();
    for (const serial of ['1', '2', '3']) entries.put(entry(serial), 10);
    const [given] = entries.pieces();
    const before = Buffer.from(given as Buffer);
    entries.delete('2');
    entries.put(entry('4'), 10);
    assert.deepEqual(bytesOf(entries), Buffer.concat(['1', '3', '4'].map((serial) => entry(serial))));
    assert.deepEqual(given, before);
  });

  test('those expired before a moment go, but none that was added after the mark', () => {
    const entries = new CrlEntries();
    entries.put(entry('1'), 99);
    entries.put(entry('2'), 100);
    entries.put(entry('3'), NEVER);
    const { mark } = entries;
    entries.put(entry('4'), 50);
    entries.deleteExpired(100, mark);
    assert.deepEqual([...entries.serials()], ['2', '3', '4']);
  });

  test('each of many keeps its expiry, also after most have gone and the rest have been written anew', () => {
    const entries = new CrlEntries();
    // More than one table, and enough that go for what is left to be written anew (beyond 32 768 that have gone).
    const count = 70_000;
    for (let serial = 1; serial <= count; serial += 1) {
      entries.put(entry(String(serial)), serial % 100 === 0 ? 100 + (serial % 3) : 1);
    }
    entries.deleteExpired(100, entries.mark);
    assert.equal(entries.size, count / 100);
    entries.pieces();
    assert.equal(entries.mark, count / 100, 'they have new numbers');
    assert.equal(entries.size, count / 100, 'and are counted once');
    const expected = (least: number) =>
      Array.from({ length: count / 100 }, (_, index) => (index + 1) * 100)
        .filter((serial) => 100 + (serial % 3) >= least)
        .map(String);
    for (const least of [101, 102]) {
      entries.deleteExpired(least, entries.mark);
      assert.deepEqual([...entries.serials()], expected(least));
    }
    assert.deepEqual(
      [...entries.withExpiry(102)],
      expected(102).map((serial) => entry(serial)),
    );
  });

  test('one whose bytes are the same takes on its new expiry', () => {
    const entries = new CrlEntries();
    entries.put(entry('1'), NEVER);
    entries.put(entry('1'), 10);
    assert.deepEqual([...entries.withExpiry(NEVER)], []);
    entries.deleteExpired(11, entries.mark);
    assert.equal(entries.size, 0);
  });

  test('an entry of another kind than ours is refused', () => {
    assert.throws(() => new CrlEntries().put(Buffer.concat([entry('1'), Buffer.from([0])]), 1), RangeError);
  });

  test('the first one can go whenever the table grows: it is not found by a number that none has yet', () => {
    const entries = new CrlEntries();
    // The table has 4096 places at first, and is made anew once more than half of them are taken.
    for (let serial = 1; serial <= 2049; serial += 1) entries.put(entry(String(serial)), 10);
    assert.equal(entries.delete('1'), true);
    assert.deepEqual([entries.has('1'), entries.delete('1'), entries.size], [false, false, 2048]);
  });

  test('after 60 000 random steps they are what a Map says', () => {
    const random = seeded(5);
    const entries = new CrlEntries();
    const model = new Map<string, Buffer>();
    const reasons: RevocationReason[] = ['unspecified', 'keyCompromise', 'certificateHold', 'superseded'];
    for (let step = 0; step < 60_000; step += 1) {
      // Long serial numbers, so that the entries fill more than one slab.
      const serial = ((BigInt(random(30_000)) << 100n) + 7n).toString();
      if (random(4) === 0) {
        assert.equal(entries.delete(serial), model.delete(serial));
        continue;
      }
      const bytes = entry(serial, reasons[random(4)]);
      const known = model.get(serial);
      assert.equal(entries.put(bytes, 1), known === undefined || !known.equals(bytes));
      if (known?.equals(bytes)) continue;
      model.delete(serial);
      model.set(serial, bytes);
      if (step % 6000 === 0) assert.deepEqual(bytesOf(entries), Buffer.concat([...model.values()]));
    }
    assert.equal(entries.size, model.size);
    assert.deepEqual(bytesOf(entries), Buffer.concat([...model.values()]));
    assert.deepEqual([...entries.serials()], [...model.keys()]);
    for (const serial of model.keys()) assert.ok(entries.has(serial));
  });
});
