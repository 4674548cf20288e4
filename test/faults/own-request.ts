// What a client sends that has a key of its own.
import { generateKeyPairSync, sign } from 'node:crypto';
import { assembleSigned } from '../../src/pki/certificate.js';
import { encodeName } from '../../src/pki/names.js';
import { encodePem } from '../../src/pki/pem.js';
import { buildRequestInfo } from '../../src/pki/request.js';

/** A CSR for a new P-256 key. */
export function ownRequest(): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const info = buildRequestInfo({
    subject: encodeName([{ type: 'CN', value: 'someone' }]),
    subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    subjectAltNames: [],
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, 'ecdsa-sha256', sign('sha256', info, privateKey)));
}
