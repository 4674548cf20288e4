import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as der from '../../src/pki/der.js';
import { OID } from '../../src/pki/oids.js';
import { output, without } from './programs.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const reading = (text: string): der.DerReader => new der.DerReader(hex(text));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

const dotted = fc
  .tuple(
    fc.oneof(fc.tuple(fc.nat(1), fc.nat(39)), fc.tuple(fc.constant(2), fc.bigInt(0n, 2n ** 70n))),
    fc.array(fc.bigInt(0n, 2n ** 70n), { maxLength: 8 }),
  )
  .map(([first, rest]) => [...first, ...rest].join('.'));

/** Any tree of values, as its DER. */
const tree = fc.letrec<{ value: Buffer }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(
      fc.bigInt(0n, 2n ** 160n).map((n) => der.integer(n)),
      fc.boolean().map(der.boolean),
      fc.constant(der.nullValue()),
      bytes.map(der.octetString),
      bytes.map((b) => der.bitString(b)),
      dotted.map(der.objectIdentifier),
      fc.string({ unit: 'binary' }).map(der.utf8String),
      fc
        .date({ min: new Date('1950-01-01T00:00:00Z'), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
        .map(der.time),
    ),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => der.sequence(...items)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => der.setOf(...items)),
    fc.tuple(fc.nat(30), tie('value')).map(([n, item]) => der.contextExplicit(n, item)),
    fc.tuple(fc.nat(30), bytes).map(([n, content]) => der.contextPrimitive(n, content)),
  ),
})).value;

/** What was read, written again from its parts. */
function rewrite(bytes: Buffer): Buffer {
  const reader = new der.DerReader(bytes);
  const element = reader.read();
  reader.end();
  if ((element.tag & 0x20) === 0) return der.encode(element.tag, element.content);
  const members: Buffer[] = [];
  for (const inner = element.reader(); !inner.atEnd; ) members.push(rewrite(inner.read().raw));
  return der.encode(element.tag, ...members);
}

describe('DER writer and reader', () => {
  it('gives the same bytes when what was read is written again', () => {
    fc.assert(
      fc.property(tree, (value) => {
        der.assertDer(value);
        assert.deepEqual(rewrite(value), value);
      }),
    );
  });

  it('gives back every value written', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 2100n), (n) => {
        assert.equal(new der.DerReader(der.integer(n)).integer(), n);
        const magnitude = new der.DerReader(der.integer(n)).unsignedBytes();
        assert.deepEqual(der.integer(Buffer.concat([Buffer.alloc(3), magnitude])), der.integer(n));
      }),
    );
    fc.assert(fc.property(fc.nat(), (n) => assert.equal(new der.DerReader(der.integer(n)).smallInteger(), n)));
    fc.assert(fc.property(dotted, (oid) => assert.equal(new der.DerReader(der.objectIdentifier(oid)).oid(), oid)));
    fc.assert(fc.property(bytes, (b) => assert.deepEqual(new der.DerReader(der.octetString(b)).octetString(), b)));
    fc.assert(fc.property(bytes, (b) => assert.deepEqual(new der.DerReader(der.bitString(b)).bitString().bytes, b)));
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1950-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (date) => {
          const whole = Math.floor(date.getTime() / 1000) * 1000;
          assert.equal(new der.DerReader(der.time(date)).time().getTime(), whole);
          assert.equal(new der.DerReader(der.generalizedTime(date)).generalizedTime().getTime(), whole);
        },
      ),
    );
    assert.equal(new der.DerReader(der.boolean(true)).boolean(), true);
    assert.equal(new der.DerReader(der.enumerated(10)).enumerated(), 10);
    assert.equal(reading('02 02 ff 7f').integer(), -129n);
  });

  it('throws DerError, and nothing else, on any other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const candidate = Buffer.from(noise);
        try {
          der.assertDer(candidate);
        } catch (error) {
          assert.ok(error instanceof der.DerError);
          return;
        }
        assert.deepEqual(rewrite(candidate), candidate);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads a value changed in one octet as DER or not at all', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, change) => {
        const damaged = Buffer.from(value);
        damaged[position % damaged.length] = (damaged[position % damaged.length] as number) ^ change;
        try {
          der.assertDer(damaged);
        } catch (error) {
          assert.ok(error instanceof der.DerError);
          return;
        }
        assert.deepEqual(rewrite(damaged), damaged);
      }),
    );
  });

  it('reads content of every length form without copying it', () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65535, 65536, 0x1000000]) {
      const content = Buffer.alloc(length, 7);
      const encoded = der.octetString(content);
      const read = new der.DerReader(encoded).octetString();
      assert.ok(read.equals(content));
      assert.equal(read.buffer, encoded.buffer);
      assert.deepEqual(Buffer.concat([der.header(der.TAG.octetString, length), content]).equals(encoded), true);
    }
  });
});

describe('DER reader', () => {
  const refused: [string, string, RegExp][] = [
    ['an indefinite length', '30 80 00 00', /indefinite/],
    ['a long form for a short length', '04 81 01 00', /not minimal/],
    ['a length with a leading zero', `04 82 00 80 ${'00'.repeat(128)}`, /not minimal/],
    ['a length of more than four octets', '04 85 01 00 00 00 00', /too long/],
    ['a length without its octets', '04 82 01', /too long/],
    ['a value longer than its container', '30 03 04 04 00', /longer than its container/],
    ['a header cut short', '30', /cut short/],
    ['no bytes at all', '', /missing/],
    ['a tag of several octets', '1f 81 01 00', /more than one octet/],
    ['an empty INTEGER', '02 00', /empty/],
    ['a padded INTEGER', '02 02 00 01', /not minimal/],
    ['a padded negative INTEGER', '02 02 ff 80', /not minimal/],
    ['a BOOLEAN that is neither 00 nor FF', '01 01 01', /BOOLEAN/],
    ['a BOOLEAN of two octets', '01 02 00 00', /BOOLEAN/],
    ['a NULL with content', '05 01 00', /NULL/],
    ['a BIT STRING without its first octet', '03 00', /first octet/],
    ['a BIT STRING with eight unused bits', '03 02 08 00', /first octet/],
    ['an empty BIT STRING with unused bits', '03 01 01', /first octet/],
    ['a BIT STRING with unused bits set', '03 02 01 01', /unused bits set/],
    ['an empty object identifier', '06 00', /bad length/],
    ['an object identifier cut short', '06 02 2a 86', /cut short/],
    ['a padded object identifier', '06 03 2a 80 01', /not minimal/],
    ['a UTCTime without seconds', '17 0b 32 36 31 31 32 31 32 30 33 38 5a', /whole seconds/],
    ['a GeneralizedTime with a fraction', '18 11 32 30 32 36 31 31 32 31 32 30 33 38 30 30 2e 35 5a', /whole seconds/],
    ['30 February', '17 0d 32 36 30 32 33 30 30 30 30 30 30 30 5a', /no such time/],
    ['24 hours', '17 0d 32 36 30 32 30 31 32 34 30 30 30 30 5a', /no such time/],
    ['a leap second', '17 0d 31 36 31 32 33 31 32 33 35 39 36 30 5a', /no such time/],
    ['a SET OF out of order', '31 06 02 01 02 02 01 01', /not sorted/],
    ['bytes after the value', '05 00 00', /unexpected bytes/],
  ];
  for (const [what, input, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => der.assertDer(hex(input)), { name: 'DerError', message });
    });
  }

  it('refuses another tag than the one expected', () => {
    assert.throws(() => reading('04 00').sequence(), { name: 'DerError', message: /expected tag 0x30, found 0x4/ });
  });

  it('refuses a negative number where none may be', () => {
    assert.throws(() => reading('02 01 80').unsignedBytes(), /negative/);
    assert.throws(() => reading('02 01 80').smallInteger(), /range/);
    assert.throws(() => reading('02 05 01 00 00 00 00').smallInteger(), /range/);
  });

  it('refuses nesting that no structure has', () => {
    let value = der.nullValue();
    for (let i = 0; i < 60; i += 1) value = der.sequence(value);
    assert.throws(() => der.assertDer(value), { name: 'DerError', message: /deep/ });
  });

  it('offers what is optional and ends where the container ends', () => {
    const reader = reading('30 05 02 01 05 05 00').sequence();
    assert.equal(reader.optional(der.TAG.boolean), null);
    assert.equal(reader.peek(), der.TAG.integer);
    assert.throws(() => reader.end(), /unexpected bytes/);
    assert.deepEqual(reader.optional(der.TAG.integer)?.raw, hex('020105'));
    reader.null();
    assert.equal(reader.atEnd, true);
    assert.equal(reader.peek(), -1);
    reader.end();
  });

  it('reads two-digit years as 1950 to 2049', () => {
    assert.equal(
      new der.DerReader(hex(`17 0d ${Buffer.from('500101000000Z').toString('hex')}`)).time().getUTCFullYear(),
      1950,
    );
    assert.equal(
      new der.DerReader(hex(`17 0d ${Buffer.from('491231235959Z').toString('hex')}`)).time().getUTCFullYear(),
      2049,
    );
  });
});

describe('DER writer', () => {
  it('changes from UTCTime to GeneralizedTime with the year 2050', () => {
    assert.equal(der.time(new Date('2049-12-31T23:59:59Z')).toString('latin1', 2), '491231235959Z');
    assert.equal(der.time(new Date('2049-12-31T23:59:59Z'))[0], der.TAG.utcTime);
    assert.equal(der.time(new Date('2050-01-01T00:00:00Z')).toString('latin1', 2), '20500101000000Z');
    assert.equal(der.time(new Date('2050-01-01T00:00:00Z'))[0], der.TAG.generalizedTime);
  });

  it('drops fractions of a second', () => {
    assert.equal(der.generalizedTime(new Date('2026-11-21T20:38:00.999Z')).toString('latin1', 2), '20261121203800Z');
  });

  it('sorts a SET OF', () => {
    assert.deepEqual(der.setOf(der.integer(2), der.nullValue(), der.integer(1)), hex('31 08 020101 020102 0500'));
  });

  it('refuses what DER cannot hold', () => {
    for (const attempt of [
      () => der.integer(-1),
      () => der.integer(-1n),
      () => der.integer(1.5),
      () => der.bitString(Buffer.of(1), 1),
      () => der.bitString(Buffer.of(0), 8),
      () => der.bitString(Buffer.alloc(0), 1),
      () => der.printableString('a@b'),
      () => der.ia5String('é'),
      () => der.utcTime(new Date('2050-01-01T00:00:00Z')),
      () => der.time(new Date('1949-12-31T23:59:59Z')),
      () => der.generalizedTime(new Date(Number.NaN)),
      () => der.generalizedTime(new Date('+010000-01-01T00:00:00Z')),
      ...['', '1', '3.1', '1.40', '1.2.', '1.2.03', '1..2', '1.2.x'].map((oid) => () => der.objectIdentifier(oid)),
    ])
      assert.throws(attempt, { name: 'DerError' });
  });

  it('writes object identifiers as OpenSSL reads them', { skip: without('openssl') }, () => {
    const all = Object.values(OID);
    assert.equal(new Set(all).size, all.length, 'no identifier has two names');
    const input = der.sequence(...all.map(der.objectIdentifier), der.objectIdentifier('2.999.1234567890123456789'));
    const shown = output('openssl', ['asn1parse', '-inform', 'DER'], input).toString();
    assert.equal(shown.match(/OBJECT/g)?.length, all.length + 1);
    for (const name of [
      'X509v3 Basic Constraints',
      'secp384r1',
      'ED25519',
      'OCSP No Check',
      'Microsoft User Principal Name',
    ])
      assert.ok(shown.includes(`:${name}\n`), name);
    assert.match(shown, /:2\.999\.1234567890123456789\n/);
  });
});
