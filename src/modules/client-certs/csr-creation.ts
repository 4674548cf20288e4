/** Making a CSR for somebody who has no tool for it: key and CSR are in the answer, and nowhere else. */
import { keyMadeHere } from './certified-key.js';
import type { CreateCsrRequest } from './csr-schema.js';
import { encodeSubject, identityOf } from './identity.js';
import type { LifecycleParts } from './parts.js';

/** @throws CertMateError VALIDATION_FAILED */
export async function createCsr(
  { keys, defaultKeyType }: Pick<LifecycleParts, 'keys' | 'defaultKeyType'>,
  { key_type, ...request }: CreateCsrRequest,
): Promise<{ csr_pem: string; private_key_pem: string }> {
  const { subject, names } = identityOf(request, null);
  const privateKey = await keys.generate(key_type ?? defaultKeyType);
  const { csrPem, privateKeyPem } = await keyMadeHere(privateKey, encodeSubject(subject), names);
  return { csr_pem: csrPem, private_key_pem: privateKeyPem };
}
