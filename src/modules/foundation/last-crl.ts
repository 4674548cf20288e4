/** What the last CRL said, for those who have lost the records that it was made from. */
import { X509Certificate } from 'node:crypto';
import type { KnownRevocations } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import { type CertificateList, type CrlEntry, readCrl } from '../../pki/crl.js';
import { asRevoked, readForeignCrl } from '../../pki/foreign-crl.js';
import { decodePem } from '../../pki/pem.js';
import { isSignedBy } from '../../pki/signed-by.js';
import type { Revocation, Serial } from '../../types.js';

/** A folder of whole files. */
interface Files {
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer | null>;
}

/**
 * Every revocation on the CRL with the highest number that can be read, or on a `crl.pem` that another
 * program made with this CA's key; none if there is no CRL.
 */
export async function lastRevocations(crlFolder: Files, caFolder: Files): Promise<KnownRevocations> {
  const last = await lastCrl(crlFolder, caFolder);
  const revocations = new Map<Serial, Revocation>();
  for (const { serial, revokedAt, reason, invalidityDate } of [
    ...(await foreignEntries(caFolder)),
    ...(last?.entries ?? []),
  ]) {
    revocations.set(serial, {
      revoked: true,
      revoked_at: timestamp(revokedAt),
      reason_revoked: reason,
      invalidity_date: invalidityDate === null ? null : timestamp(invalidityDate),
    });
  }
  return revocations;
}

/** Those of a `crl.pem` that another program has left and that is not of our kind. */
async function foreignEntries(caFolder: Files): Promise<CrlEntry[]> {
  const [inPem, ca] = [await caFolder.read('crl.pem'), await caFolder.read('ca.crt')];
  if (inPem === null || ca === null) return [];
  try {
    const [der = Buffer.alloc(0)] = decodePem(inPem.toString('latin1'), ['X509 CRL']);
    if (read(() => der) !== null) return [];
    const { algorithm, tbs, signature, entries, thisUpdate } = readForeignCrl(der);
    if (!isSignedBy(algorithm, tbs, signature, new X509Certificate(ca).publicKey)) return [];
    return entries.flatMap((entry) => asRevoked(entry, thisUpdate));
  } catch {
    return [];
  }
}

async function lastCrl(crlFolder: Files, caFolder: Files): Promise<CertificateList | null> {
  const inPem = await caFolder.read('crl.pem');
  let last = inPem === null ? null : read(() => decodePem(inPem.toString('latin1'), ['X509 CRL'])[0]);
  for (const name of await crlFolder.list()) {
    if (!/^crl-\d+\.der$/.test(name)) continue;
    const der = await crlFolder.read(name);
    const crl = read(() => der ?? undefined);
    if (crl !== null && (last === null || crl.number > last.number)) last = crl;
  }
  return last;
}

/** Null if it cannot be read to its end. */
function read(bytes: () => Buffer | undefined): CertificateList | null {
  try {
    const crl = readCrl(bytes() ?? Buffer.alloc(0));
    for (const _entry of crl.entries);
    return crl;
  } catch {
    return null;
  }
}
