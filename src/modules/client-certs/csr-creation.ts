/** Making a CSR for somebody who has no tool for it: key and CSR are in the answer, and nowhere else. */
import type { Actor } from '../../types.js';
import { keyMadeHere } from './certified-key.js';
import type { CreateCsrRequest } from './csr-schema.js';
import { encodeSubject, identityOf } from './identity.js';
import type { LifecycleParts } from './parts.js';

/** A private key leaves the house: recorded before it is given out. @throws CertMateError VALIDATION_FAILED */
export async function createCsr(
  { keys, defaultKeyType, audit }: Pick<LifecycleParts, 'keys' | 'defaultKeyType' | 'audit'>,
  { key_type, ...request }: CreateCsrRequest,
  actor: Actor,
): Promise<{ csr_pem: string; private_key_pem: string }> {
  const identity = identityOf(request, null);
  const privateKey = await keys.generate(key_type ?? defaultKeyType, actor.user);
  const { csrPem, privateKeyPem } = await keyMadeHere(privateKey, encodeSubject(identity), identity.names);
  await audit.record({
    operation: 'csr_create',
    resource_type: 'csr',
    resource_id: request.common_name ?? null,
    status: 'success',
    actor,
    details: { common_name: request.common_name ?? null, key_type: key_type ?? defaultKeyType },
  });
  return { csr_pem: csrPem, private_key_pem: privateKeyPem };
}
