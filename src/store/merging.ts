/** Which of two accounts of a certificate to believe when a damaged journal has lost lines. */
import type { CertificateRecord, ReplacedCertificate, Revocation } from '../types.js';

/**
 * Joins what the journal still knows with what metadata.json says. Renewals and deletion only ever go forward, so the
 * account that is further on is the newer one; between equals it is metadata.json, because the journal is the one that
 * lost something, unless it only repeats what the journal said earlier: then it has stayed behind. But whatever either of
 * them calls revoked stays revoked: a lost release from hold can be repeated, a lost revocation lets in a holder who was
 * cut off. And a private key that either of them calls gone is gone: only a renewal brings one.
 * @param staysBehind whether metadata.json is known to have stayed behind the journal
 */
export function mergeRecords(
  journal: CertificateRecord,
  metadata: CertificateRecord,
  staysBehind = false,
): CertificateRecord {
  const lead = progress(journal) - progress(metadata);
  const newer = lead > 0 || (lead === 0 && staysBehind) ? journal : metadata;
  const older = newer === journal ? metadata : journal;
  const isSame = newer.serial_number === older.serial_number;
  return {
    ...newer,
    has_private_key: newer.has_private_key && (!isSame || older.has_private_key),
    revocation: newer.revocation.revoked
      ? newer.revocation
      : (revocationOf(newer.serial_number, older) ?? newer.revocation),
    history: newer.history.map((replaced) => mergeReplaced(replaced, older)),
  };
}

/**
 * Whether metadata.json shows by itself that the journal has lost something: a renewal, a deletion or a revocation that
 * cannot be taken back, of which the journal knows nothing. A hold proves nothing: it may have been released since.
 */
export function isAhead(metadata: CertificateRecord, journal: CertificateRecord): boolean {
  const isFinal = ({ revocation }: CertificateRecord): boolean =>
    revocation.revoked && revocation.reason_revoked !== 'certificateHold';
  return (
    metadata.history.length > journal.history.length ||
    (metadata.deleted_at !== null &&
      journal.deleted_at === null &&
      metadata.history.length === journal.history.length) ||
    (metadata.serial_number === journal.serial_number && isFinal(metadata) && !isFinal(journal))
  );
}

function progress(record: CertificateRecord): number {
  return 4 * record.history.length + (record.deleted_at === null ? 0 : 2) + (record.revocation.revoked ? 1 : 0);
}

function mergeReplaced(replaced: ReplacedCertificate, other: CertificateRecord): ReplacedCertificate {
  if (replaced.revoked_at !== null) return replaced;
  const revocation = revocationOf(replaced.serial_number, other);
  if (revocation === null) return replaced;
  return { ...replaced, revoked_at: revocation.revoked_at, reason_revoked: revocation.reason_revoked };
}

/** What a record says of the revocation of a serial, current or replaced; null if it does not call it revoked. */
function revocationOf(serial: string, record: CertificateRecord): Revocation | null {
  if (record.serial_number === serial) return record.revocation.revoked ? record.revocation : null;
  const replaced = record.history.find(({ serial_number }) => serial_number === serial);
  if (replaced === undefined || replaced.revoked_at === null) return null;
  const { revoked_at, reason_revoked } = replaced;
  return { revoked: true, revoked_at, reason_revoked, invalidity_date: null };
}
