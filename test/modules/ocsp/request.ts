/** OCSP requests as a client makes them. */
import { createHash } from 'node:crypto';
import type { Certificate } from '../../../src/pki/certificate.js';
import { contextExplicit, integer, nullValue, objectIdentifier, octetString, sequence } from '../../../src/pki/der.js';
import { publicKeyBits } from '../../../src/pki/keys.js';
import { OID } from '../../../src/pki/oids.js';
import { serialToBytes } from '../../../src/pki/serial.js';
import type { Serial } from '../../../src/types.js';

type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512';

/** A CertID (RFC 6960 §4.1.1). */
export function certId(
  issuer: Pick<Certificate, 'subject' | 'subjectPublicKeyInfo'>,
  serial: Serial,
  hash: Hash = 'sha1',
): Buffer {
  const digest = (bytes: Buffer) => octetString(createHash(hash).update(bytes).digest());
  return sequence(
    sequence(objectIdentifier(OID[hash]), nullValue()),
    digest(issuer.subject),
    digest(publicKeyBits(issuer.subjectPublicKeyInfo)),
    integer(serialToBytes(serial)),
  );
}

/** An OCSPRequest for these CertIDs, unsigned. */
export function ocspRequest(certIds: Buffer[], nonce: Buffer | null = null): Buffer {
  const extension = (value: Buffer) =>
    contextExplicit(2, sequence(sequence(objectIdentifier(OID.ocspNonce), octetString(octetString(value)))));
  return sequence(
    sequence(sequence(...certIds.map((id) => sequence(id))), ...(nonce === null ? [] : [extension(nonce)])),
  );
}
