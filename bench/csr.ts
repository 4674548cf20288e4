/** A PKCS#10 request for the key given, as a device would send it. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { localSigner } from '../src/crypto/file-signer.js';
import { assembleSigned } from '../src/pki/certificate.js';
import { encodeName } from '../src/pki/names.js';
import { encodePem } from '../src/pki/pem.js';
import { buildRequestInfo } from '../src/pki/request.js';

export async function csrPem(key: KeyObject, commonName = 'bench@example.com'): Promise<string> {
  const signer = localSigner(key);
  const info = buildRequestInfo({
    subject: encodeName([{ type: 'CN', value: commonName }]),
    subjectPublicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    subjectAltNames: [],
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, signer.scheme, await signer.sign(info)));
}
