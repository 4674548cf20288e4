/** A new certificate under the identifier of a deleted one: what was deleted goes into its history and stays known by its serials. */
import { CertMateError } from '../errors.js';
import type { CertificateRecord, Identifier } from '../types.js';
import type { Inventory } from './inventory.js';

/**
 * The deleted certificate whose identifier a new one may use again; undefined if the identifier was never used.
 * @throws CertMateError IDENTIFIER_TAKEN that says by what
 */
export function predecessorOf(
  inventory: Pick<Inventory, 'namesake'>,
  { identifier, cert_usage }: Pick<CertificateRecord, 'identifier' | 'cert_usage'>,
): CertificateRecord | undefined {
  const namesake = inventory.namesake(identifier);
  if (namesake === undefined) return undefined;
  if (namesake.identifier !== identifier)
    throw taken(
      identifier,
      `it differs from "${namesake.identifier}" in case only, and some disks cannot tell them apart`,
    );
  if (namesake.deleted_at === null) throw taken(identifier);
  if (namesake.cert_usage !== cert_usage)
    throw taken(
      identifier,
      `a deleted certificate of usage "${namesake.cert_usage}" has it, and only one of the same usage can use it again`,
    );
  return namesake;
}

/** The record of a new certificate with the deleted one, and what that had replaced, in its history. */
export function inPlaceOf(deleted: CertificateRecord, record: CertificateRecord): CertificateRecord {
  const { serial_number, public_key_sha256, expires_at, revocation, history, deleted_at } = deleted;
  const { revoked_at, reason_revoked, invalidity_date } = revocation;
  const former = {
    serial_number,
    public_key_sha256,
    expires_at,
    superseded_at: deleted_at ?? record.created_at,
    revoked_at,
    reason_revoked,
    ...(invalidity_date === null ? {} : { invalidity_date }),
  };
  return { ...record, history: [...history, former] };
}

function taken(identifier: Identifier, why?: string): CertMateError {
  return new CertMateError(
    'IDENTIFIER_TAKEN',
    `"${identifier}" is taken${why === undefined ? '' : `: ${why}`}; choose another identifier or leave it out.`,
  );
}
