/** Finds the certificate that somebody holds in hand: by its serial number or by the certificate itself. */
import { X509Certificate } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import { readCertificate } from '../../pki/certificate.js';
import { decodePem } from '../../pki/pem.js';
import { serialCandidates } from '../../pki/serial.js';
import type { Identifier, Serial } from '../../types.js';
import { findRecord, type LifecycleParts } from './parts.js';

/** Which certificate, and which of its serial numbers: the present one or one that a renewal replaced. */
export interface Located {
  identifier: Identifier;
  serial: Serial;
}

/** Whoever finds a certificate has done nothing with it yet: the step that follows looks at who it is. */
const ANYBODY = {};

/**
 * @param text decimal, `0x…`, or hex as openssl prints it
 * @throws CertMateError VALIDATION_FAILED no serial number; NOT_FOUND none of ours; CONFLICT it may mean two of ours
 */
export function locateSerial({ store }: Pick<LifecycleParts, 'store'>, text: string): Located {
  const candidates = serialCandidates(text);
  if (candidates.length === 0) {
    const message = 'must be decimal, or hex as openssl prints it';
    throw new CertMateError('VALIDATION_FAILED', `serial_number ${message}.`, {
      details: [{ path: 'serial_number', message }],
    });
  }
  const found = candidates.flatMap((serial) => {
    const owner = store.inventory.bySerial(serial);
    return owner === undefined ? [] : [{ identifier: owner.record.identifier, serial }];
  });
  const [located, another] = found;
  if (located === undefined) {
    throw new CertMateError('NOT_FOUND', 'This CA has issued no certificate with this serial number.');
  }
  if (another !== undefined) {
    throw new CertMateError('CONFLICT', 'Read as decimal and as hex it names two certificates: write hex with 0x.');
  }
  findRecord(store, located.identifier, ANYBODY);
  return located;
}

/**
 * @param pem the certificate; what follows it, such as a chain, is not looked at
 * @throws CertMateError VALIDATION_FAILED no certificate; NOT_FOUND not one of ours, byte for byte
 */
export async function locateCertificate({ store }: Pick<LifecycleParts, 'store'>, pem: string): Promise<Located> {
  const [der = Buffer.alloc(0)] = decodePem(pem, ['CERTIFICATE']);
  const serial = serialOf(der);
  const owner = store.inventory.bySerial(serial);
  if (owner === undefined) throw notOurs();
  const { record, replaced } = owner;
  const { identifier } = findRecord(store, record.identifier, ANYBODY);
  const kept =
    replaced === null
      ? record.fingerprint_sha256
      : new X509Certificate(await store.read(identifier, 'cert.crt', serial)).fingerprint256;
  if (new X509Certificate(der).fingerprint256 !== kept) throw notOurs();
  return { identifier, serial };
}

function serialOf(der: Buffer): Serial {
  try {
    return readCertificate(der).serial;
  } catch {
    const message = 'is not an X.509 version 3 certificate in DER within PEM';
    throw new CertMateError('VALIDATION_FAILED', `certificate ${message}.`, {
      details: [{ path: 'certificate', message }],
    });
  }
}

function notOurs(): CertMateError {
  return new CertMateError(
    'NOT_FOUND',
    'This certificate was not issued by this CA; it would have to be the very same, byte for byte.',
  );
}
