import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as der from '../../src/pki/der.js';
import {
  decodeName,
  encodeName,
  formatDistinguishedName,
  type NameAttribute,
  parseDistinguishedName,
} from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { output, without } from './programs.js';
import { caTemplate, certify, keys } from './samples.js';

/** Records as object literals make them. */
const plain = { noNullPrototype: true };
const refused = { name: 'CertMateError', code: 'VALIDATION_FAILED' };
/** Some visible character, and none that is not seen; joiners are left to the tests of names. */
const printable =
  /^(?=.*[\p{L}\p{N}\p{P}\p{S}])[^\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\ufff9-\ufffb]+$/u;
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((s) => printable.test(s) && [...s].length <= 64);
const attribute: fc.Arbitrary<NameAttribute> = fc.oneof(
  fc.record(
    { type: fc.constantFrom('CN', 'O', 'OU', 'L', 'ST', 'GN', 'SN', 'title', 'UID', '1.2.3.4'), value: text },
    plain,
  ),
  fc.record({ type: fc.constant('C'), value: fc.constantFrom('DE', 'US') }, plain),
  fc.record({ type: fc.constant('emailAddress'), value: fc.constant('a@example.com') }, plain),
);

describe('distinguished names', () => {
  it('survive the way into DER and back, and into text and back', () => {
    fc.assert(
      fc.property(fc.array(attribute, { minLength: 1, maxLength: 6 }), (attributes) => {
        const encoded = encodeName(attributes);
        der.assertDer(encoded);
        assert.deepEqual(decodeName(encoded), attributes);
        assert.deepEqual(parseDistinguishedName(formatDistinguishedName(attributes)), attributes);
      }),
    );
    assert.deepEqual(decodeName(encodeName([])), []);
  });

  it('are encoded in the written order', { skip: without('openssl') }, () => {
    const subject = encodeName(parseDistinguishedName('CN=CertMate CA, O=Müller\\, Söhne ,c=DE'));
    const certificate = certify(caTemplate(keys.p256, { subject, issuer: subject }), keys.p256);
    const options = 'sep_comma_plus,utf8,esc_2253,show_type';
    const shown = output('openssl', ['x509', '-inform', 'DER', '-noout', '-subject', '-nameopt', options], certificate);
    assert.equal(
      String(shown).trim(),
      'subject=CN=UTF8STRING:CertMate CA,O=UTF8STRING:Müller\\, Söhne,C=PRINTABLESTRING:DE',
    );
  });

  it('are read with the escapes of RFC 4514', () => {
    const read = (written: string): NameAttribute[] => parseDistinguishedName(written);
    assert.deepEqual(read('CN=a\\,b\\+c\\"d\\\\e'), [{ type: 'CN', value: 'a,b+c"d\\e' }]);
    assert.deepEqual(read('cn = \\ x\\20 , o=1'), [
      { type: 'CN', value: ' x ' },
      { type: 'O', value: '1' },
    ]);
    assert.deepEqual(read('CN=Lu\\C4\\8Di\\C4\\87'), [{ type: 'CN', value: 'Lučić' }]);
    assert.deepEqual(read('CN=\\#x=1'), [{ type: 'CN', value: '#x=1' }]);
    assert.deepEqual(read('2.5.4.3=x'), [{ type: 'CN', value: 'x' }]);
    assert.deepEqual(
      read('serialNumber=A-1,DC=example,DC=com').map(({ type }) => type),
      ['serialNumber', 'DC', 'DC'],
    );
    assert.equal(formatDistinguishedName([{ type: 'CN', value: '#a, b \n' }]), 'CN=\\#a\\, b \\0a');
  });

  const wrong = [
    '',
    'CertMate CA',
    'CN=',
    'CN=a,',
    'CN=a,,O=b',
    'XX=a',
    'CN=a+O=b',
    'CN="a"',
    'CN=a;O=b',
    'CN=a<b',
    'CN=#0401',
    'CN=a\\',
    'CN=a\\q',
    'CN=\\FF',
    'C=de',
    'C=DEU',
    'C=Germany',
    'serialNumber=a_b',
    'emailAddress=é@example.com',
    'CN=a\\00b',
    'CN=a\nb',
    'CN=a\u202eb',
    'CN=\u2800',
    'CN=a\u3164',
    'CN=\\ \\ ',
    `CN=${'x'.repeat(65)}`,
    `O=${'x'.repeat(65)}`,
    `L=${'x'.repeat(129)}`,
  ];
  for (const name of wrong) {
    it(`refuses ${JSON.stringify(name.slice(0, 30))}`, () => {
      assert.throws(() => parseDistinguishedName(name), refused);
    });
  }

  it('count characters, not UTF-16 units or octets, against the upper bounds', () => {
    assert.equal(decodeName(encodeName([{ type: 'CN', value: '😀'.repeat(64) }]))[0]?.value, '😀'.repeat(64));
    assert.throws(() => encodeName([{ type: 'CN', value: '😀'.repeat(65) }]), refused);
  });

  it('refuse lone surrogates and unknown types', () => {
    assert.throws(() => encodeName([{ type: 'CN', value: '\ud800' }]), refused);
    assert.throws(() => encodeName([{ type: '9.9', value: 'x' }]), refused);
    assert.throws(() => encodeName([{ type: '__proto__', value: 'x' }]), refused);
  });

  it('of foreign certificates may use old string types and several attributes to an RDN', () => {
    const pair = (value: Buffer): Buffer => der.sequence(der.objectIdentifier(OID.commonName), value);
    const named = (value: Buffer): string | undefined => decodeName(der.sequence(der.setOf(pair(value))))[0]?.value;
    assert.equal(named(der.encode(der.TAG.teletexString, Buffer.from('Mü', 'latin1'))), 'Mü');
    assert.equal(named(der.encode(der.TAG.bmpString, Buffer.from('004d00fc', 'hex'))), 'Mü');
    assert.deepEqual(
      decodeName(der.sequence(der.setOf(pair(der.utf8String('b')), pair(der.utf8String('a'))))).map(
        ({ value }) => value,
      ),
      ['a', 'b'],
    );
    for (const value of [
      der.encode(der.TAG.utf8String, Buffer.of(0xff)),
      der.encode(der.TAG.ia5String, Buffer.of(0xe9)),
      der.integer(1),
    ])
      assert.throws(() => named(value), { name: 'DerError' });
    assert.throws(() => decodeName(der.sequence(der.setOf())), { name: 'DerError' });
    assert.throws(() => decodeName(Buffer.concat([der.sequence(), Buffer.of(0)])), { name: 'DerError' });
  });
});
