/** Finds the certificate that somebody holds in hand: by its serial number or by the certificate itself. */
import { X509Certificate } from 'node:crypto';
import { CertMateError } from '../../errors.js';
import { readCertificate } from '../../pki/certificate.js';
import { decodePem } from '../../pki/pem.js';
import { serialCandidates } from '../../pki/serial.js';
import { assertFound, isWithinReach } from '../../reach.js';
import type { Actor, Identifier, Serial } from '../../types.js';
import { findRecord, type LifecycleParts } from './parts.js';

/** Which certificate, and which of its serial numbers: the present one or one that a renewal replaced. */
export interface Located {
  identifier: Identifier;
  serial: Serial;
}

const NO_SERIAL = 'This CA has issued no certificate with this serial number.';

/**
 * @param text decimal, `0x…`, or hex as openssl prints it
 * @throws CertMateError VALIDATION_FAILED no serial number; NOT_FOUND none of ours, or out of the caller's reach; CONFLICT it
 *   may mean two of ours
 */
export function locateSerial(
  { store }: Pick<LifecycleParts, 'store'>,
  text: string,
  caller: Pick<Actor, 'reach'>,
): Located {
  const candidates = serialCandidates(text);
  if (candidates.length === 0) {
    const message = 'must be decimal, or hex as openssl prints it';
    throw new CertMateError('VALIDATION_FAILED', `serial_number ${message}.`, {
      details: [{ path: 'serial_number', message }],
    });
  }
  const found = candidates.flatMap((serial) => {
    const owner = store.inventory.bySerial(serial);
    return owner === undefined ? [] : [{ record: owner.record, serial }];
  });
  const [located, another] = found.filter(({ record }) => isWithinReach(caller.reach, record));
  if (located === undefined) {
    for (const { record } of found) assertFound(caller, record, NO_SERIAL);
    throw new CertMateError('NOT_FOUND', NO_SERIAL);
  }
  if (another !== undefined) {
    throw new CertMateError('CONFLICT', 'Read as decimal and as hex it names two certificates: write hex with 0x.');
  }
  const { identifier } = findRecord(store, located.record.identifier, caller);
  return { identifier, serial: located.serial };
}

/**
 * @param pem the certificate; what follows it, such as a chain, is not looked at
 * @throws CertMateError VALIDATION_FAILED no certificate; NOT_FOUND not one of ours, byte for byte, or out of the caller's reach
 */
export async function locateCertificate(
  { store }: Pick<LifecycleParts, 'store'>,
  pem: string,
  caller: Pick<Actor, 'reach'>,
): Promise<Located> {
  const [der = Buffer.alloc(0)] = decodePem(pem, ['CERTIFICATE']);
  const serial = serialOf(der);
  const owner = store.inventory.bySerial(serial);
  if (owner === undefined) throw new CertMateError('NOT_FOUND', NOT_OURS);
  const { record, replaced } = owner;
  assertFound(caller, record, NOT_OURS);
  const { identifier } = findRecord(store, record.identifier, caller);
  const kept =
    replaced === null
      ? record.fingerprint_sha256
      : new X509Certificate(await store.read(identifier, 'cert.crt', serial)).fingerprint256;
  if (new X509Certificate(der).fingerprint256 !== kept) throw new CertMateError('NOT_FOUND', NOT_OURS);
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

const NOT_OURS = 'This certificate was not issued by this CA; it would have to be the very same, byte for byte.';
