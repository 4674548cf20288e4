/** CSRs for keys that a test holds. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { localSigner } from '../src/crypto/file-signer.js';
import { assembleSigned } from '../src/pki/certificate.js';
import type { GeneralName } from '../src/pki/general-names.js';
import { encodeName, type NameAttribute } from '../src/pki/names.js';
import { encodePem } from '../src/pki/pem.js';
import { buildRequestInfo } from '../src/pki/request.js';

/** In PEM, signed by the key. */
export async function requestFor(
  privateKey: KeyObject,
  subject: readonly NameAttribute[] = [],
  subjectAltNames: readonly GeneralName[] = [],
): Promise<string> {
  const signer = localSigner(privateKey);
  const info = buildRequestInfo({
    subject: encodeName(subject),
    subjectPublicKeyInfo: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    subjectAltNames,
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, signer.scheme, await signer.sign(info)));
}
