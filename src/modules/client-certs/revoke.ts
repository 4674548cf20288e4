/** Revoking: when it answers, OCSP and a published CRL say so. */
import { timestamp, wholeSeconds } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import type { Actor, Identifier, RevocationReason } from '../../types.js';
import { findRecord, type LifecycleParts } from './parts.js';
import { type CertificateResource, resourceOf } from './resource.js';

export interface RevocationRequest {
  reason: RevocationReason;
  /** RFC 3339: when the key was or may have been compromised. */
  invalidity_date?: string | undefined;
}

/**
 * Revokes a certificate. The first date and reason stay for ever; only a certificate on hold may be revoked for good:
 * its date stays, its reason changes (RFC 5280 §5.3.1).
 * @throws CertMateError NOT_FOUND; ALREADY_REVOKED
 */
export async function revoke(
  { store, crl, audit, clock }: LifecycleParts,
  identifier: Identifier,
  { reason, invalidity_date }: RevocationRequest,
  actor: Actor,
): Promise<CertificateResource> {
  findRecord(store, identifier);
  const record = await store.update(identifier, (current) => {
    const { revocation } = current;
    const onHold = revocation.reason_revoked === 'certificateHold' && reason !== 'certificateHold';
    if (revocation.revoked && !onHold) {
      throw new CertMateError(
        'ALREADY_REVOKED',
        `This certificate was revoked at ${revocation.revoked_at} (${revocation.reason_revoked}); that stays as it is.`,
      );
    }
    return {
      ...current,
      revocation: {
        revoked: true,
        revoked_at: revocation.revoked_at ?? timestamp(clock.now()),
        reason_revoked: reason,
        invalidity_date: invalidity_date === undefined ? null : timestamp(wholeSeconds(new Date(invalidity_date))),
      },
    };
  });
  await crl.publish();
  await audit.record({
    operation: 'revoke',
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    details: {
      serial_number: record.serial_number,
      reason: record.revocation.reason_revoked,
      revoked_at: record.revocation.revoked_at,
    },
  });
  return resourceOf(record, clock.now());
}
