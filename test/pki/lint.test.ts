import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildTbsCertificate, type CertificateTemplate } from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import * as extension from '../../src/pki/extensions.js';
import { parseGeneralName } from '../../src/pki/general-names.js';
import { keyIdentifier } from '../../src/pki/keys.js';
import { checkTbsCertificate } from '../../src/pki/lint.js';
import { encodeName } from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { caTemplate, type KeyPair, keys, leafTemplate, responderTemplate } from './samples.js';

type Change = Partial<CertificateTemplate>;
type Make = (ca: KeyPair, change?: Change) => CertificateTemplate;

const ca = keys.p256;

function check(tbs: Buffer, key: KeyPair = ca): string[] {
  const { subject, notBefore, notAfter, scheme } = caTemplate(key);
  return checkTbsCertificate(tbs, { subject, keyIdentifier: keyIdentifier(key.spki), notBefore, notAfter, scheme });
}

/** The template with these extensions in the place of those with the same identifier, or added. */
function having(template: CertificateTemplate, ...added: extension.Extension[]): CertificateTemplate {
  const rest = template.extensions.filter(({ oid }) => added.every((one) => one.oid !== oid));
  return { ...template, extensions: [...rest, ...added] };
}

function lacking(template: CertificateTemplate, ...oids: string[]): CertificateTemplate {
  return { ...template, extensions: template.extensions.filter(({ oid }) => !oids.includes(oid)) };
}

/** A TBSCertificate with one of its members changed or, for null, left out: what our writer would never make. */
function changed(index: number, change: (member: Buffer) => Buffer | null): Buffer {
  const reader = new der.DerReader(buildTbsCertificate(leafTemplate(ca))).sequence();
  const members: Buffer[] = [];
  while (!reader.atEnd) members.push(reader.read().raw);
  const member = change(members[index] as Buffer);
  return der.sequence(...members.slice(0, index), ...(member === null ? [] : [member]), ...members.slice(index + 1));
}
const [VERSION, SERIAL, VALIDITY, SUBJECT, KEY, EXTENSIONS] = [0, 1, 4, 5, 6, 7];

function named(oid: string, value: Buffer): Buffer {
  return der.sequence(der.setOf(der.sequence(der.objectIdentifier(oid), value)));
}

function altNames(...names: Buffer[]): extension.Extension {
  return { oid: OID.subjectAltName, critical: false, value: der.sequence(...names) };
}

function spki(oid: string, parameters: Buffer, key: Buffer): Buffer {
  return der.sequence(der.sequence(der.objectIdentifier(oid), parameters), der.bitString(key));
}

const broken = (template: CertificateTemplate): Buffer => buildTbsCertificate(template);
const leaf = (change: Change = {}): CertificateTemplate => leafTemplate(ca, change);
const leafWith = (...added: extension.Extension[]): Buffer => broken(having(leaf(), ...added));
const named1 = (oid: string, value: Buffer): Buffer => broken(leaf({ subject: named(oid, value) }));
const utf8 = der.utf8String;
const raw = (oid: string, value: Buffer, critical = false): extension.Extension => ({ oid, critical, value });
const critical = (one: extension.Extension): extension.Extension => ({ ...one, critical: true });
const uri = (url: string): Buffer => der.contextPrimitive(6, Buffer.from(url));
const point = (...names: Buffer[]): Buffer =>
  der.sequence(der.contextConstructed(0, der.contextConstructed(0, ...names)));
const modulus = (bits: bigint): Buffer => der.sequence(der.integer((1n << (bits - 1n)) + 1n), der.integer(65537));

describe('the last look before signing', () => {
  for (const [kind, key] of Object.entries(keys)) {
    it(`finds nothing wrong with what a ${kind} CA issues`, () => {
      for (const make of [caTemplate, leafTemplate, responderTemplate] satisfies Make[])
        assert.deepEqual(check(buildTbsCertificate(make(key)), key), []);
    });
  }

  it('finds nothing wrong with the other forms that we issue', () => {
    const rsa = leafTemplate(ca, { subjectPublicKeyInfo: keys.rsa.spki });
    const name = [parseGeneralName('dns:*.example.com')];
    for (const template of [
      having(rsa, extension.keyUsage(['digitalSignature', 'keyEncipherment'])),
      having(leaf(), extension.extendedKeyUsage(['serverAuth', 'clientAuth'])),
      having(leaf(), extension.extendedKeyUsage(['timeStamping'])),
      having(leaf({ subject: encodeName([]) }), extension.subjectAltName(name, true)),
      lacking(leaf(), OID.subjectAltName, OID.authorityInfoAccess),
      having(leaf(), extension.crlDistributionPoints('https://ca.example.com/crl')),
      leaf({ subjectPublicKeyInfo: keys.p384.spki }),
      leaf({ subjectPublicKeyInfo: keys.ed25519.spki }),
      leaf({ notAfter: new Date('2049-12-31T23:59:59Z') }),
      leaf({ notAfter: new Date('2050-01-01T00:00:00Z') }),
      leaf({ notBefore: caTemplate(ca).notBefore, notAfter: caTemplate(ca).notAfter }),
      lacking(caTemplate(ca), OID.authorityKeyIdentifier),
      having(caTemplate(ca), extension.extendedKeyUsage(['anyExtendedKeyUsage'])),
    ])
      assert.deepEqual(check(buildTbsCertificate(template)), []);
  });

  const cases: [what: string, tbs: Buffer, rule: RegExp][] = [
    // The fields
    ['version 1', changed(VERSION, () => null), /version must be 3.*4\.1\.2\.1/],
    ['version 2', changed(VERSION, () => der.contextExplicit(0, der.integer(1))), /version must be 3/],
    ['serial 0', broken(leaf({ serial: '0' })), /serial number must be positive.*4\.1\.2\.2/],
    ['a negative serial', changed(SERIAL, () => Buffer.from('0201ff', 'hex')), /serial number must be positive/],
    ['a serial of 21 octets', broken(leaf({ serial: String(2n ** 160n) })), /20 octets.*4\.1\.2\.2/],
    ["another scheme than the CA's", broken(leaf({ scheme: 'ecdsa-sha384' })), /signature algorithm.*4\.1\.1\.2/],
    [
      'another issuer',
      broken(leaf({ issuer: encodeName([{ type: 'CN', value: 'X' }]) })),
      /issuer must be.*4\.1\.2\.4/,
    ],
    [
      'a start before the CA',
      broken(leaf({ notBefore: new Date('2025-12-31T23:59:59Z') })),
      /within that of the issuer/,
    ],
    ['an end after the CA', broken(leaf({ notAfter: new Date('2056-01-01T00:00:01Z') })), /within that of the issuer/],
    ['an end before the start', broken(leaf({ notAfter: new Date('2026-11-20T00:00:00Z') })), /notBefore.*4\.1\.2\.5/],
    [
      'GeneralizedTime before 2050',
      changed(VALIDITY, () => der.sequence(...[2026, 2027].map((y) => der.generalizedTime(new Date(Date.UTC(y, 11)))))),
      /UTCTime up to 2049.*4\.1\.2\.5/,
    ],
    ['unique identifiers', changed(KEY, (key) => Buffer.concat([key, Buffer.from('81020001', 'hex')])), /4\.1\.2\.8/],
    ['no extensions', changed(EXTENSIONS, () => null), /extensions are missing.*4\.2/],
    // The subject
    [
      'a TeletexString',
      named1(OID.commonName, der.encode(der.TAG.teletexString, Buffer.from('x'))),
      /2\.5\.4\.3 must be Pr/,
    ],
    ['an IA5String', named1(OID.commonName, der.ia5String('x')), /must be PrintableString or UTF8String.*4\.1\.2\.4/],
    ['bad UTF-8', named1(OID.commonName, der.encode(der.TAG.utf8String, Buffer.of(0xff))), /characters that its type/],
    ['a control character', named1(OID.commonName, utf8('a\u0000b')), /controls/],
    [
      'a bad PrintableString',
      named1(OID.commonName, der.encode(der.TAG.printableString, Buffer.from('a@b'))),
      /characters/,
    ],
    ['an empty value', named1(OID.commonName, utf8('')), /empty or longer/],
    ['a common name of 65 characters', named1(OID.commonName, utf8('x'.repeat(65))), /upper bound.*appendix A\.1/],
    ['a country as UTF8String', named1(OID.country, utf8('DE')), /wrong string type/],
    ['a country of three letters', named1(OID.country, der.printableString('DEU')), /country must be two/],
    ['emailAddress as UTF8String', named1(OID.emailAddress, utf8('a@b')), /wrong string type/],
    [
      'emailAddress not in ASCII',
      named1(OID.emailAddress, der.encode(der.TAG.ia5String, Buffer.from('ä'))),
      /characters/,
    ],
    ['an empty RDN', changed(SUBJECT, () => der.sequence(der.setOf())), /relative distinguished name.*4\.1\.2\.4/],
    [
      'an empty subject without names',
      broken(lacking(leaf({ subject: encodeName([]) }), OID.subjectAltName)),
      /4\.2\.1\.6/,
    ],
    ['an empty subject with uncritical names', broken(leaf({ subject: encodeName([]) })), /empty subject.*4\.2\.1\.6/],
    // The key
    [
      'an unknown key',
      changed(KEY, () => spki('1.2.3', der.nullValue(), Buffer.alloc(9))),
      /public key must be.*RFC 3279/,
    ],
    [
      'RSA without NULL',
      changed(KEY, () => spki(OID.rsaEncryption, Buffer.alloc(0), modulus(2048n))),
      /public key must be/,
    ],
    [
      'an unknown curve',
      changed(KEY, () => spki(OID.ecPublicKey, der.objectIdentifier('1.3.132.0.10'), Buffer.alloc(65))),
      /key must/,
    ],
    ['RSA of 2047 bits', changed(KEY, () => spki(OID.rsaEncryption, der.nullValue(), modulus(2047n))), /2048 bits/],
    [
      'a short point',
      changed(KEY, () => spki(OID.ecPublicKey, der.objectIdentifier(OID.p256), Buffer.alloc(64, 4))),
      /length/,
    ],
    [
      'a point without 04',
      changed(KEY, () => spki(OID.ecPublicKey, der.objectIdentifier(OID.p256), Buffer.alloc(65))),
      /uncompressed/,
    ],
    [
      'a short Ed25519 key',
      changed(KEY, () => spki(OID.ed25519, Buffer.alloc(0), Buffer.alloc(31))),
      /length.*RFC 8410/,
    ],
    // The extensions
    [
      'an extension twice',
      changed(EXTENSIONS, (tagged) => {
        const list = new der.DerReader(tagged).constructed(0xa3).sequence();
        const first = list.read().raw;
        const rest: Buffer[] = [];
        while (!list.atEnd) rest.push(list.read().raw);
        return der.contextExplicit(3, der.sequence(first, first, ...rest));
      }),
      /2\.5\.29\.19 occurs twice.*4\.2/,
    ],
    [
      'an unknown critical extension',
      leafWith(raw('1.2.3.4', der.nullValue(), true)),
      /1\.2\.3\.4 must not be critical/,
    ],
    [
      'critical FALSE written out',
      changed(EXTENSIONS, () =>
        der.contextExplicit(
          3,
          der.sequence(
            der.sequence(der.objectIdentifier('1.2.3'), der.boolean(false), der.octetString(der.nullValue())),
          ),
        ),
      ),
      /default FALSE.*X\.690/,
    ],
    ['an extension that is not DER', leafWith(raw('1.2.3.4', Buffer.from('02020001', 'hex'))), /strict DER.*minimal/],
    ['bytes after an extension', leafWith(raw(OID.subjectKeyIdentifier, Buffer.from('050000', 'hex'))), /strict DER/],
    ['no AKI', broken(lacking(leaf(), OID.authorityKeyIdentifier)), /authorityKeyIdentifier is missing.*4\.2\.1\.1/],
    [
      "another CA's AKI",
      leafWith(extension.authorityKeyIdentifier(Buffer.alloc(20))),
      /authorityKeyIdentifier must.*4\.2\.1\.1/,
    ],
    [
      'an AKI with issuer and serial',
      leafWith(
        raw(
          OID.authorityKeyIdentifier,
          der.sequence(der.contextPrimitive(0, keyIdentifier(ca.spki)), der.contextPrimitive(2, Buffer.of(1))),
        ),
      ),
      /authorityKeyIdentifier must/,
    ],
    [
      'a critical AKI',
      leafWith(critical(extension.authorityKeyIdentifier(keyIdentifier(ca.spki)))),
      /critical.*4\.2\.1\.1/,
    ],
    ['no SKI', broken(lacking(leaf(), OID.subjectKeyIdentifier)), /subjectKeyIdentifier must.*4\.2\.1\.2/],
    ["another key's SKI", leafWith(extension.subjectKeyIdentifier(Buffer.alloc(20))), /subjectKeyIdentifier must/],
    [
      'a critical SKI',
      leafWith(critical(extension.subjectKeyIdentifier(keyIdentifier(leaf().subjectPublicKeyInfo)))),
      /critical.*4\.2\.1\.2/,
    ],
    [
      'timeStamping together with clientAuth',
      leafWith(extension.extendedKeyUsage(['timeStamping', 'clientAuth'])),
      /timeStamping must be the only.*RFC 3161/,
    ],
    [
      'timeStamping that is not critical',
      leafWith({ ...extension.extendedKeyUsage(['timeStamping']), critical: false }),
      /must be critical for timeStamping.*RFC 3161/,
    ],
    ['no keyUsage', broken(lacking(leaf(), OID.keyUsage)), /keyUsage must be there and critical.*4\.2\.1\.3/],
    [
      'uncritical keyUsage',
      leafWith({ ...extension.keyUsage(['digitalSignature']), critical: false }),
      /keyUsage must be there/,
    ],
    [
      'keyUsage without a bit',
      leafWith(raw(OID.keyUsage, der.bitString(Buffer.of()), true)),
      /at least one bit.*4\.2\.1\.3/,
    ],
    [
      'keyUsage with trailing zeros',
      leafWith(raw(OID.keyUsage, der.bitString(Buffer.of(0x80)), true)),
      /cut after.*11\.2\.2/,
    ],
    [
      'keyEncipherment for EC',
      leafWith(extension.keyUsage(['digitalSignature', 'keyEncipherment'])),
      /must not have encipherment.*RFC 5480/,
    ],
    [
      'keyEncipherment for Ed25519',
      broken(
        having(
          leaf({ subjectPublicKeyInfo: keys.ed25519.spki }),
          extension.keyUsage(['digitalSignature', 'keyEncipherment']),
        ),
      ),
      /must not have encipherment.*RFC 8410/,
    ],
    [
      'keyAgreement for RSA',
      broken(
        having(leaf({ subjectPublicKeyInfo: keys.rsa.spki }), extension.keyUsage(['digitalSignature', 'keyAgreement'])),
      ),
      /keyAgreement is for EC/,
    ],
    [
      'a leaf that signs certificates',
      leafWith(extension.keyUsage(['digitalSignature', 'keyCertSign'])),
      /leaf must not have keyC/,
    ],
    ['a leaf that signs CRLs', leafWith(extension.keyUsage(['digitalSignature', 'cRLSign'])), /leaf must not have/],
    [
      'clientAuth without digitalSignature',
      leafWith(extension.keyUsage(['keyAgreement'])),
      /digitalSignature.*4\.2\.1\.12/,
    ],
    [
      'a CA that signs no certificates',
      broken(having(caTemplate(ca), extension.keyUsage(['cRLSign']))),
      /CA must have keyCertSign/,
    ],
    [
      'no basicConstraints',
      broken(lacking(leaf(), OID.basicConstraints)),
      /basicConstraints must be there.*4\.2\.1\.9/,
    ],
    [
      'uncritical basicConstraints',
      leafWith({ ...extension.basicConstraints({ ca: false }), critical: false }),
      /basicConstr/,
    ],
    [
      'cA FALSE written out',
      leafWith(raw(OID.basicConstraints, der.sequence(der.boolean(false)), true)),
      /must be empty for a leaf.*4\.2\.1\.9/,
    ],
    ['a leaf with CA:TRUE', leafWith(extension.basicConstraints({ ca: true })), /CA must have keyCertSign/],
    ['a CA without subject', broken(caTemplate(ca, { subject: encodeName([]) })), /CA must have a subject.*4\.1\.2\.6/],
    [
      'a leaf for any purpose',
      leafWith(extension.extendedKeyUsage(['anyExtendedKeyUsage'])),
      /^a leaf must not be for any purpose.*4\.2\.1\.12/,
    ],
    [
      'a leaf for any purpose beside its own',
      leafWith(extension.extendedKeyUsage(['clientAuth', '2.5.29.37.0'])),
      /^a leaf must not be for any purpose/,
    ],
    [
      'a leaf that signs precertificates',
      leafWith(extension.extendedKeyUsage(['1.3.6.1.4.1.11129.2.4.4'])),
      /^a leaf must not be for any purpose.*RFC 6962/,
    ],
    ['a leaf for nothing', broken(lacking(leaf(), OID.extendedKeyUsage)), /what it is for.*4\.2\.1\.12/],
    [
      'a critical extKeyUsage',
      leafWith(critical(extension.extendedKeyUsage(['clientAuth']))),
      /extKeyUsage is not critical/,
    ],
    ['an empty extKeyUsage', leafWith(raw(OID.extendedKeyUsage, der.sequence())), /extKeyUsage must not be empty/],
    // The names
    ['critical names beside a subject', leafWith(critical(altNames(uri('urn:x:1')))), /not critical.*4\.2\.1\.6/],
    ['no name among the names', leafWith(altNames()), /must hold a name.*4\.2\.1\.6/],
    [
      'a mailbox with a display name',
      leafWith(altNames(der.contextPrimitive(1, Buffer.from('A <a@b.de>')))),
      /rfc822Name/,
    ],
    [
      'a mailbox without domain',
      leafWith(altNames(der.contextPrimitive(1, Buffer.from('alice@')))),
      /rfc822Name.*4\.2\.1\.6/,
    ],
    ['a mailbox with two dots', leafWith(altNames(der.contextPrimitive(1, Buffer.from('a..b@b.de')))), /rfc822Name/],
    ['a U-label', leafWith(altNames(der.contextPrimitive(2, Buffer.from('bücher.de')))), /dNSName.*A-labels/],
    ['a domain with a space', leafWith(altNames(der.contextPrimitive(2, Buffer.from('a b.de')))), /dNSName/],
    ['a domain with a NUL', leafWith(altNames(der.contextPrimitive(2, Buffer.from('a.de\u0000.b.de')))), /dNSName/],
    ['an empty domain', leafWith(altNames(der.contextPrimitive(2, Buffer.alloc(0)))), /dNSName/],
    ['a long label', leafWith(altNames(der.contextPrimitive(2, Buffer.from(`${'a'.repeat(64)}.de`)))), /dNSName/],
    ['a relative URI', leafWith(altNames(uri('/path'))), /uniformResourceIdentifier.*4\.2\.1\.6/],
    ['a URI without host', leafWith(altNames(uri('http:///path'))), /uniformResourceIdentifier/],
    ['a URI not in ASCII', leafWith(altNames(uri('http://ä.de/'))), /uniformResourceIdentifier/],
    [
      'an address of 5 octets',
      leafWith(altNames(der.contextPrimitive(7, Buffer.alloc(5)))),
      /4 or 16 octets.*4\.2\.1\.6/,
    ],
    ['an unknown otherName', leafWith(altNames(der.contextConstructed(0, der.objectIdentifier('1.2.3')))), /otherName/],
    [
      'a principal name of the wrong type',
      leafWith(
        altNames(
          der.contextConstructed(
            0,
            der.objectIdentifier(OID.userPrincipalName),
            der.contextExplicit(0, der.ia5String('a@b')),
          ),
        ),
      ),
      /otherName must be/,
    ],
    [
      'an empty directoryName',
      leafWith(altNames(der.contextExplicit(4, der.sequence()))),
      /directoryName must not be empty/,
    ],
    ['an empty registeredID', leafWith(altNames(der.contextPrimitive(8, Buffer.alloc(0)))), /registeredID must be/],
    ['an X.400 address', leafWith(altNames(der.contextConstructed(3))), /must not hold X\.400/],
    // Where to ask
    ['no CDP', broken(lacking(leaf(), OID.crlDistributionPoints)), /cRLDistributionPoints are missing.*4\.2\.1\.13/],
    ['a critical CDP', leafWith(critical(extension.crlDistributionPoints('http://a/'))), /critical.*4\.2\.1\.13/],
    ['an ldap CDP', leafWith(extension.crlDistributionPoints('ldap://a/')), /one http URI.*4\.2\.1\.13/],
    [
      'a CDP with two URIs',
      leafWith(raw(OID.crlDistributionPoints, der.sequence(point(uri('http://a/'), uri('http://b/'))))),
      /one http/,
    ],
    [
      'two CDPs',
      leafWith(raw(OID.crlDistributionPoints, der.sequence(point(uri('http://a/')), point(uri('http://b/'))))),
      /one http/,
    ],
    [
      'a critical AIA',
      leafWith(critical(extension.authorityInfoAccess({ ocsp: 'http://a/' }))),
      /critical.*4\.2\.2\.1/,
    ],
    [
      'an AIA without http',
      leafWith(extension.authorityInfoAccess({ ocsp: 'ftp://a/' })),
      /authorityInfoAccess.*4\.2\.2\.1/,
    ],
    ['an empty AIA', leafWith(raw(OID.authorityInfoAccess, der.sequence())), /authorityInfoAccess/],
    [
      'an AIA with another method',
      leafWith(
        raw(OID.authorityInfoAccess, der.sequence(der.sequence(der.objectIdentifier('1.2.3'), uri('http://a/')))),
      ),
      /authorityInfoAccess/,
    ],
    // The OCSP responder
    ['a leaf with ocsp-nocheck', leafWith(extension.ocspNoCheck()), /responders only.*RFC 6960/],
    ['a responder without ocsp-nocheck', broken(lacking(responderTemplate(ca), OID.ocspNoCheck)), /needs ocsp-nocheck/],
    [
      'a responder whose ocsp-nocheck is not NULL',
      broken(having(responderTemplate(ca), raw(OID.ocspNoCheck, der.sequence()))),
      /needs ocsp-nocheck with NULL/,
    ],
    [
      'a critical ocsp-nocheck',
      broken(having(responderTemplate(ca), critical(extension.ocspNoCheck()))),
      /critical.*RFC 6960/,
    ],
    [
      'a responder that is also a client',
      broken(having(responderTemplate(ca), extension.extendedKeyUsage(['OCSPSigning', 'clientAuth']))),
      /for nothing else/,
    ],
    [
      'a responder with a CDP',
      broken(having(responderTemplate(ca), extension.crlDistributionPoints('http://a/'))),
      /no cRLDistributionPoints and no AIA/,
    ],
    [
      'a responder with an AIA',
      broken(having(responderTemplate(ca), extension.authorityInfoAccess({ ocsp: 'http://a/' }))),
      /no cRLDistributionPoints and no AIA/,
    ],
    // The encoding
    ['bytes after the end', Buffer.concat([broken(leaf()), Buffer.of(0)]), /strict DER/],
    ['a field too many', changed(EXTENSIONS, (tagged) => Buffer.concat([tagged, der.nullValue()])), /strict DER/],
    [
      'an unsorted SET',
      changed(SUBJECT, () => Buffer.from('300831060201020201 01'.replace(' ', ''), 'hex')),
      /not sorted/,
    ],
    ['nothing', Buffer.alloc(0), /strict DER/],
  ];
  for (const [what, tbs, rule] of cases) {
    it(`names the rule that ${what} breaks`, () => {
      const rules = check(tbs);
      assert.ok(
        rules.some((text) => rule.test(text)),
        `found only: ${rules.join('; ')}`,
      );
      for (const text of rules) assert.match(text, /\((?:.*)(?:RFC \d+|X\.690)/, 'every rule says where it is written');
    });
  }

  it('names every rule that is broken, not the first one only', () => {
    const template = having(leaf({ serial: '0' }), extension.keyUsage(['keyEncipherment']));
    assert.equal(check(buildTbsCertificate(template)).length, 3);
  });

  it('never throws, whichever octet is changed', () => {
    const good = broken(leaf());
    for (let position = 0; position < good.length; position += 1) {
      const damaged = Buffer.from(good);
      damaged[position] = (damaged[position] as number) ^ 0x55;
      check(damaged);
    }
  });
});
