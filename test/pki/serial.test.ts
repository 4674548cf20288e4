import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newSerial, serialCandidates, serialFromBytes, serialHex, serialToBytes } from '../../src/pki/serial.js';

const serials = fc.bigInt(0n, 2n ** 159n - 1n).map(String);

describe('serial numbers', () => {
  it('survive the way into DER and back', () => {
    fc.assert(
      fc.property(serials, (serial) => {
        const octets = serialToBytes(serial);
        assert.equal(serialFromBytes(octets), serial);
        assert.ok((octets[0] as number) < 0x80 && octets.length <= 20);
        assert.ok(octets.length === 1 || octets[0] !== 0 || (octets[1] as number) >= 0x80, 'minimal');
      }),
    );
  });

  it('of foreign certificates may be negative', () => {
    assert.equal(serialFromBytes(Buffer.of(0xff)), '-1');
    assert.equal(serialFromBytes(Buffer.of(0x00, 0xff)), '255');
    assert.throws(() => serialFromBytes(Buffer.alloc(0)), { name: 'DerError' });
    assert.throws(() => serialToBytes('-1'), { name: 'DerError' });
  });

  it('are found however they are written', () => {
    fc.assert(
      fc.property(serials, (serial) => {
        const hex = serialHex(serial);
        const colons = hex.replace(/..(?!$)/g, '$&:');
        for (const text of [serial, ` ${serial}\n`, hex, hex.toLowerCase(), `0x${hex}`, `0X${hex}`, colons])
          assert.ok(serialCandidates(text).includes(serial), text);
      }),
    );
  });

  it('of digits alone are read as decimal and as hex', () => {
    assert.deepEqual(serialCandidates('10'), ['10', '16']);
    assert.deepEqual(serialCandidates('0x10'), ['16']);
    assert.deepEqual(serialCandidates('10:00'), ['4096']);
    assert.deepEqual(serialCandidates('007'), ['7']);
  });

  it('that are none give no candidate', () => {
    for (const text of ['', 'alice', '0x', '-5', '1.5', '0a:', 'f'.repeat(41), '9'.repeat(60), '0x10:00', '٣'])
      assert.deepEqual(serialCandidates(text), [], text);
  });

  it('are printed in hex as openssl does', () => {
    assert.equal(serialHex('2587'), '0A1B');
    assert.equal(serialHex('0'), '00');
    assert.equal(serialHex('255'), 'FF');
  });

  it('are made positive, of 16 octets, different, with at least 64 bits from the source', () => {
    const seen = new Set(Array.from({ length: 1000 }, () => newSerial(randomBytes(16))));
    assert.equal(seen.size, 1000);
    for (const extreme of [
      Buffer.alloc(16),
      Buffer.alloc(16, 0xff),
      ...Array.from({ length: 50 }, () => randomBytes(16)),
    ]) {
      const before = Buffer.from(extreme);
      const octets = serialToBytes(newSerial(extreme));
      assert.equal(octets.length, 16);
      assert.ok((octets[0] as number) < 0x80 && BigInt(newSerial(extreme)) > 0n);
      assert.deepEqual(octets.subarray(1), extreme.subarray(1));
      assert.deepEqual(extreme, before, 'the random octets are left alone');
    }
    assert.throws(() => newSerial(Buffer.alloc(8)), { name: 'DerError' });
    assert.throws(() => newSerial(Buffer.alloc(21)), { name: 'DerError' });
  });
});
