// Lists of other programs, as far as their entries and scope go: in doubt a serial number is revoked, and a list incomplete.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as der from '../../src/pki/der.js';
import { asRevoked, readForeignCrl } from '../../src/pki/foreign-crl.js';
import { encodeName } from '../../src/pki/names.js';

const [CA, OTHER] = ['CA', 'Other'].map((value) => encodeName([{ type: 'CN', value }])) as [Buffer, Buffer];
const AT = new Date('2026-11-21T20:38:00Z');
const ALGORITHM = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));
const extension = (oid: string, value: Buffer, critical = false) =>
  der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
const entry = (serial: number, extensions: Buffer[] = [], at = der.time(AT)) =>
  der.sequence(der.integer(serial), at, ...(extensions.length === 0 ? [] : [der.sequence(...extensions)]));
const of = (name: Buffer) => extension('2.5.29.29', name, true);
const named = (name: Buffer) => der.sequence(der.encode(0xa4, name));

function list(entries: Buffer[], extensions: Buffer[] = []) {
  const more = extensions.length === 0 ? [] : [der.contextExplicit(0, der.sequence(...extensions))];
  const tbs = der.sequence(
    der.integer(1),
    ALGORITHM,
    CA,
    der.time(AT),
    der.time(AT),
    der.sequence(...entries),
    ...more,
  );
  return readForeignCrl(der.sequence(tbs, ALGORITHM, der.bitString(Buffer.of(1))));
}
const serials = (entries: Buffer[], extensions: Buffer[] = []) =>
  list(entries, extensions).entries.map(({ serial }) => serial);

test('an entry is of the CA that it or the nearest one before it names, and of this CA where that cannot be read', () => {
  assert.deepEqual(serials([entry(1), entry(2, [of(named(OTHER))]), entry(3), entry(4, [of(named(CA))]), entry(5)]), [
    '1',
    '4',
    '5',
  ]);
  for (const unreadable of [der.nullValue(), der.sequence(Buffer.of(0xa4, 9)), der.sequence()])
    assert.deepEqual(
      serials([entry(1, [of(named(OTHER))]), entry(2, [of(unreadable)])]),
      ['2'],
      unreadable.toString('hex'),
    );
  const uri = der.sequence(der.encode(0x86, Buffer.from('http://ca.example.com')));
  assert.deepEqual(serials([entry(1, [of(uri)])]), ['1'], 'a name of another kind names no other CA');
  const several = der.sequence(der.encode(0xa4, OTHER), der.encode(0xa4, CA));
  assert.deepEqual(serials([entry(1, [of(several)])]), ['1']);
});

test('a list of attribute certificates alone says nothing here, and none that is limited is complete', () => {
  const scope = (extensions: Buffer[]) => {
    const { isComplete, entries } = list([entry(1)], extensions);
    return [isComplete, entries.length];
  };
  const idp = (tag: number, octet: number) => [
    extension('2.5.29.28', der.sequence(der.encode(tag, Buffer.of(octet))), true),
  ];
  assert.deepEqual(scope([]), [true, 1]);
  assert.deepEqual(scope(idp(0x85, 0xff)), [false, 0]);
  assert.deepEqual(scope(idp(0x85, 0)), [true, 1], 'FALSE written out');
  assert.deepEqual(scope(idp(0x81, 0xff)), [true, 1], 'user certificates only');
  for (const tag of [0xa0, 0x82, 0x83, 0x84]) assert.deepEqual(scope(idp(tag, 0xff)), [false, 1], tag.toString(16));
  assert.deepEqual(scope([extension('2.5.29.27', der.integer(1), true)]), [false, 1], 'a delta');
  const unknown = '1.3.6.1.4.1.99999.1';
  assert.deepEqual(scope([extension(unknown, der.nullValue(), true)]), [false, 1]);
  assert.deepEqual(scope([extension(unknown, der.nullValue())]), [true, 1]);
  assert.deepEqual(scope([extension('2.5.29.20', der.nullValue())]), [false, 1], 'a number that cannot be read');
});

test('an entry without a date that can be read is dated as its list; one that takes a certificate off the list is none', () => {
  const [undated, removed] = list([
    entry(1, [], der.encode(der.TAG.utcTime, Buffer.from('yesterday'))),
    entry(2, [extension('2.5.29.21', der.enumerated(8))]),
  ]).entries;
  assert.deepEqual(undated && asRevoked(undated, AT), [
    { serial: '1', revokedAt: AT, reason: 'unspecified', invalidityDate: null },
  ]);
  assert.deepEqual(removed && asRevoked(removed, AT), []);
});
