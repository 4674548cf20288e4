// A CRL in memory: short ones are joined once, long ones stay in pieces.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PublishedCrl } from '../../../src/modules/crl/published-crl.js';

const MIB = 1 << 20;

function crlOf(pieces: Buffer[]): PublishedCrl {
  const at = new Date('2026-11-21T20:38:00Z');
  return new PublishedCrl(pieces, { number: 1n, thisUpdate: at, nextUpdate: at, changedAt: at, count: 0 });
}

test('a CRL of a megabyte is joined once for every caller, a longer one is not kept in one piece', () => {
  const last = Buffer.from('signature');
  const first = Buffer.alloc(MIB - last.length, 1);
  const short = crlOf([first, last]);
  assert.equal(short.size, MIB);
  assert.ok(short.whole?.equals(Buffer.concat([first, last])));
  assert.equal(short.whole, short.whole);
  assert.equal(short.der, short.whole);
  const long = crlOf([Buffer.of(0), first, last]);
  assert.equal(long.size, MIB + 1);
  assert.equal(long.whole, null);
  assert.ok(long.der.equals(Buffer.concat([Buffer.of(0), first, last])));
});
