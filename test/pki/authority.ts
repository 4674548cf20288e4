/** A CA made by openssl, whose key signs what the tests build. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { localSigner } from '../../src/crypto/file-signer.js';
import type { Signer } from '../../src/crypto/signer.js';
import { type Certificate, readCertificate } from '../../src/pki/certificate.js';
import type { SignatureScheme } from '../../src/types.js';
import { output } from './programs.js';

export interface TestAuthority {
  certificate: Certificate;
  signer: Signer;
  keyFile: string;
  certificateFile: string;
}

/** A key that signs with this scheme. */
export function keyFor(scheme: SignatureScheme): KeyObject {
  switch (scheme) {
    case 'rsa-sha256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    case 'ecdsa-sha256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ecdsa-sha384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}

/** Puts key and self-signed certificate into files named after the scheme. */
export function makeAuthority(path: (name: string) => string, scheme: SignatureScheme): TestAuthority {
  const key = keyFor(scheme);
  const [keyFile, certificateFile] = [path(`${scheme}.key`), path(`${scheme}.pem`)];
  writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'];
  const subject = ['-subj', `/O=CertMate/CN=${scheme}`];
  output('openssl', ['req', '-x509', '-key', keyFile, '-days', '3650', ...subject, ...usage, '-out', certificateFile]);
  const certificate = readCertificate(output('openssl', ['x509', '-in', certificateFile, '-outform', 'DER']));
  return { certificate, signer: localSigner(key), keyFile, certificateFile };
}
