/** A CA, its leaves and its OCSP responder, made with the real parts and real keys. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { assembleSigned, buildTbsCertificate, type CertificateTemplate } from '../../src/pki/certificate.js';
import * as extension from '../../src/pki/extensions.js';
import { parseGeneralName } from '../../src/pki/general-names.js';
import { keyIdentifier } from '../../src/pki/keys.js';
import { encodeName, parseDistinguishedName } from '../../src/pki/names.js';
import type { SignatureScheme } from '../../src/types.js';

export interface KeyPair {
  privateKey: KeyObject;
  spki: Buffer;
  scheme: SignatureScheme;
}

function pair(
  { privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject },
  scheme: SignatureScheme,
): KeyPair {
  return { privateKey, spki: publicKey.export({ type: 'spki', format: 'der' }), scheme };
}

/** One key of each kind. */
export const keys = {
  rsa: pair(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha256'),
  p256: pair(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-sha256'),
  p384: pair(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ecdsa-sha384'),
  ed25519: pair(generateKeyPairSync('ed25519'), 'ed25519'),
};
const leafKey = pair(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'ecdsa-sha256').spki;

const caSubject = encodeName(parseDistinguishedName('CN=CertMate CA,O=CertMate'));

export function caTemplate(key: KeyPair, change: Partial<CertificateTemplate> = {}): CertificateTemplate {
  const id = keyIdentifier(key.spki);
  return {
    serial: '1234567890123456789012345678901234567',
    issuer: caSubject,
    subject: caSubject,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2056-01-01T00:00:00Z'),
    subjectPublicKeyInfo: key.spki,
    extensions: [
      extension.basicConstraints({ ca: true, pathLength: 0 }),
      extension.keyUsage(['keyCertSign', 'cRLSign']),
      extension.subjectKeyIdentifier(id),
      extension.authorityKeyIdentifier(id),
    ],
    scheme: key.scheme,
    ...change,
  };
}

export function leafTemplate(ca: KeyPair, change: Partial<CertificateTemplate> = {}): CertificateTemplate {
  const subjectPublicKeyInfo = change.subjectPublicKeyInfo ?? leafKey;
  return {
    serial: '98765432109876543210987654321098765432',
    issuer: caSubject,
    subject: encodeName(parseDistinguishedName('C=DE,O=Müller & Söhne,CN=alice@example.com')),
    notBefore: new Date('2026-11-21T20:38:00Z'),
    notAfter: new Date('2027-11-21T20:38:00Z'),
    subjectPublicKeyInfo,
    extensions: [
      extension.basicConstraints({ ca: false }),
      extension.keyUsage(['digitalSignature']),
      extension.extendedKeyUsage(['clientAuth']),
      extension.subjectKeyIdentifier(keyIdentifier(subjectPublicKeyInfo)),
      extension.authorityKeyIdentifier(keyIdentifier(ca.spki)),
      extension.subjectAltName(
        [
          'email:alice@example.com',
          'dns:bücher.example',
          'ip:192.0.2.7',
          'ip:2001:DB8:0::1',
          'uri:spiffe://example.com/device/7',
          'upn:alice@corp.example',
        ].map(parseGeneralName),
        false,
      ),
      extension.crlDistributionPoints('http://ca.example.com/api/crl/download/der'),
      extension.authorityInfoAccess({
        ocsp: 'http://ca.example.com/api/ocsp',
        caIssuers: 'http://ca.example.com/api/ca/download/der',
      }),
    ],
    scheme: ca.scheme,
    ...change,
  };
}

export function responderTemplate(ca: KeyPair, change: Partial<CertificateTemplate> = {}): CertificateTemplate {
  return leafTemplate(ca, {
    subject: encodeName(parseDistinguishedName('CN=CertMate OCSP')),
    extensions: [
      extension.basicConstraints({ ca: false }),
      extension.keyUsage(['digitalSignature']),
      extension.extendedKeyUsage(['OCSPSigning']),
      extension.subjectKeyIdentifier(keyIdentifier(leafKey)),
      extension.authorityKeyIdentifier(keyIdentifier(ca.spki)),
      extension.ocspNoCheck(),
    ],
    ...change,
  });
}

/** The certificate in DER, signed with `key`. */
export function certify(template: CertificateTemplate, key: KeyPair): Buffer {
  const tbs = buildTbsCertificate(template);
  const digest = { 'rsa-sha256': 'sha256', 'ecdsa-sha256': 'sha256', 'ecdsa-sha384': 'sha384', ed25519: null }[
    key.scheme
  ];
  return assembleSigned(tbs, key.scheme, sign(digest, tbs, key.privateKey));
}
