import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as der from '../../src/pki/der.js';
import * as extension from '../../src/pki/extensions.js';
import { OID } from '../../src/pki/oids.js';

const notDer = { name: 'DerError' };
const hex = (value: Buffer): string => value.toString('hex');

describe('extensions', () => {
  it('survive the way into DER and back', () => {
    const one = fc.record(
      {
        oid: fc.nat(1000).map((n) => `1.3.6.1.4.1.${n}`),
        critical: fc.boolean(),
        value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.uniqueArray(one, { selector: ({ oid }) => oid, maxLength: 8 }), (list) => {
        const encoded = extension.encodeExtensions(list);
        der.assertDer(encoded);
        assert.deepEqual(extension.decodeExtensions(encoded), list);
      }),
    );
  });

  it('occur once only', () => {
    const twice = [extension.ocspNoCheck(), extension.ocspNoCheck()];
    assert.throws(() => extension.encodeExtensions(twice), notDer);
    const item = der.sequence(der.objectIdentifier(OID.ocspNoCheck), der.octetString(der.nullValue()));
    assert.throws(() => extension.decodeExtensions(der.sequence(item, item)), /occurs twice/);
  });

  it('do not write out the default of `critical`', () => {
    const item = der.sequence(
      der.objectIdentifier(OID.ocspNoCheck),
      der.boolean(false),
      der.octetString(der.nullValue()),
    );
    assert.throws(() => extension.decodeExtensions(der.sequence(item)), notDer);
  });
});

describe('basicConstraints', () => {
  it('are empty and critical for a leaf', () => {
    const leaf = extension.basicConstraints({ ca: false });
    assert.equal(leaf.critical, true);
    assert.equal(hex(leaf.value), '3000');
    assert.deepEqual(extension.decodeBasicConstraints(leaf.value), { ca: false, pathLength: null });
  });

  it('carry the path length of a CA', () => {
    const ca = extension.basicConstraints({ ca: true, pathLength: 0 });
    assert.equal(hex(ca.value), '30060101ff020100');
    assert.deepEqual(extension.decodeBasicConstraints(ca.value), { ca: true, pathLength: 0 });
    assert.equal(hex(extension.basicConstraints({ ca: true }).value), '30030101ff');
    assert.throws(() => extension.decodeBasicConstraints(Buffer.from('3003010100', 'hex')), /default/);
  });
});

describe('keyUsage', () => {
  it('is a named bit list without trailing zero bits', () => {
    const encoded = (...usages: extension.KeyUsage[]): string => hex(extension.keyUsage(usages).value);
    assert.equal(encoded('digitalSignature'), '03020780');
    assert.equal(encoded('digitalSignature', 'keyEncipherment'), '030205a0');
    assert.equal(encoded('keyCertSign', 'cRLSign'), '03020106');
    assert.equal(encoded('encipherOnly'), '03020001');
    assert.equal(encoded('decipherOnly', 'keyAgreement'), '0303070880');
    assert.equal(extension.keyUsage(['cRLSign']).critical, true);
    assert.throws(() => extension.keyUsage([]), notDer);
  });

  it('survives the way into DER and back', () => {
    fc.assert(
      fc.property(fc.subarray([...extension.KEY_USAGES], { minLength: 1 }), (usages) => {
        const { value } = extension.keyUsage(usages);
        der.assertDer(value);
        assert.deepEqual(extension.decodeKeyUsage(value), usages);
      }),
    );
  });
});

describe('the other extensions', () => {
  it('name extended key usages or give their identifiers', () => {
    const { value, critical } = extension.extendedKeyUsage(['clientAuth', 'OCSPSigning', '1.2.3.4']);
    assert.equal(critical, false);
    assert.deepEqual(extension.decodeExtendedKeyUsage(value), ['clientAuth', 'OCSPSigning', '1.2.3.4']);
    assert.throws(() => extension.extendedKeyUsage([]), notDer);
    assert.throws(() => extension.extendedKeyUsage(['noSuchUsage']), notDer);
  });

  it('hold a name or a URL at least', () => {
    assert.throws(() => extension.subjectAltName([], false), notDer);
    assert.throws(() => extension.authorityInfoAccess({}), notDer);
    assert.throws(() => extension.crlDistributionPoints('http://ä.example'), notDer);
  });

  it('number the reasons as RFC 5280 does, without 7 and 8', () => {
    const reasons = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(extension.reasonFromCode);
    assert.deepEqual(reasons, [
      'unspecified',
      'keyCompromise',
      'cACompromise',
      'affiliationChanged',
      'superseded',
      'cessationOfOperation',
      'certificateHold',
      null,
      null,
      'privilegeWithdrawn',
      'aACompromise',
      null,
    ]);
    for (const [code, reason] of reasons.entries())
      if (reason !== null && reason !== 'unspecified')
        assert.equal(new der.DerReader(extension.reasonCode(reason).value).enumerated(), code);
    assert.equal(hex(extension.reasonCode('aACompromise').value), '0a010a');
    assert.throws(() => extension.reasonCode('unspecified'), /leaving it out/);
  });

  it('write the invalidity date as GeneralizedTime, and a CRL number as an INTEGER', () => {
    assert.equal(
      extension.invalidityDate(new Date('2026-11-21T20:38:00Z')).value.toString('latin1', 2),
      '20261121203800Z',
    );
    assert.equal(hex(extension.crlNumber(2n ** 64n).value), '0209010000000000000000');
  });
});

describe('the extended key usages of a leaf', () => {
  it('are those with a name, and any other by its object identifier', () => {
    for (const usage of ['clientAuth', 'serverAuth', 'emailProtection', '1.3.6.1.5.5.7.3.2', '1.2.3.4', '2.999.1'])
      assert.equal(extension.isLeafExtendedKeyUsage(usage), true, usage);
    for (const usage of ['', 'something', '1', '3.1.2', '1.40.1', '1.2.', '1.02.3', '1.2.3 ', 'ClientAuth'])
      assert.equal(extension.isLeafExtendedKeyUsage(usage), false, usage);
  });

  it('are none with which it could answer for its CA, under whatever spelling', () => {
    for (const usage of [
      'OCSPSigning',
      '1.3.6.1.5.5.7.3.9',
      'anyExtendedKeyUsage',
      '2.5.29.37.0',
      '1.3.6.1.4.1.11129.2.4.4',
    ])
      assert.equal(extension.isLeafExtendedKeyUsage(usage), false, usage);
  });
});
