/** Deleting: the certificate stops working and goes out of sight; that it was issued is never forgotten. */
import { followsLater, recordSaved } from '../../arrears.js';
import { timestamp } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import type { Actor, AuditEvent, CertificateRecord, Identifier, Serial } from '../../types.js';
import { findRecord, type LifecycleParts, stopwatch } from './parts.js';
import { type CertificateResource, resourceOf } from './resource.js';
import { assertPresent, changedSerials, isHeld, isValid, revoked, withRevokedHistory } from './revocation.js';
import { announce } from './revoke.js';

const REASON = 'cessationOfOperation';

/**
 * Deletes a certificate: revokes it and its replaced ones as far as they are valid still (cessationOfOperation), destroys
 * its private keys, hides it. Its serial numbers stay for OCSP and CRL, its identifier may be used again.
 * @throws CertMateError NOT_FOUND; STORAGE_FULL, UNAVAILABLE: it is deleted, yet CRL, line or the end of its key follow
 */
export async function remove(
  parts: LifecycleParts,
  identifier: Identifier,
  actor: Actor,
): Promise<CertificateResource> {
  const { store, clock } = parts;
  const [done, told] = [stopwatch(parts.onDone), stopwatch(parts.onRevoked)];
  findRecord(store, identifier, actor);
  let serials: Serial[] = [];
  const record = await store.update(identifier, (current) => {
    const next = deleted(current, clock.now());
    serials = changedSerials(current, next);
    return next;
  });
  if (serials.length > 0) told('ocsp');
  // From here on no download finds it and no renewal brings a new key. What OCSP tells already goes on the CRL whether
  // or not the keys can be destroyed.
  const destroy = () => store.destroyKey(identifier, record.serial_number);
  const [destroyed] = await Promise.allSettled([destroy()]);
  const event: AuditEvent = {
    operation: 'delete',
    resource_type: 'certificate',
    resource_id: identifier,
    status: destroyed.status === 'fulfilled' ? 'success' : 'failure',
    actor,
    details: { revoked_serial_numbers: serials },
    ...(destroyed.status === 'fulfilled' ? {} : { error: 'deleted, but a private key could not be destroyed' }),
  };
  const saved = serials.length > 0 ? 'The certificate is deleted and revoked' : 'The certificate is deleted';
  if (destroyed.status === 'rejected') parts.undestroyed.owe(destroy);
  await (serials.length > 0 ? announce(parts, [event], saved, () => told('crl')) : recordSaved(parts, [event], saved));
  if (destroyed.status === 'rejected')
    throw followsLater(saved, 'its private key is destroyed', undestroyed(destroyed.reason));
  done('delete');
  return resourceOf(store.inventory.get(identifier) ?? record, clock.now());
}

/** Whatever keeps the disk from removing a key: it is tried again, so the caller is told as much. */
function undestroyed(cause: unknown): CertMateError {
  if (cause instanceof CertMateError) return cause;
  return new CertMateError('UNAVAILABLE', 'The private key could not be removed.', { cause });
}

function deleted(current: CertificateRecord, now: Date): CertificateRecord {
  assertPresent(current);
  const { revocation } = current;
  const standing = !revocation.revoked || isHeld(revocation);
  const ended =
    standing && isValid(current, now)
      ? revoked(current, { reason: REASON }, now)
      : { ...current, history: withRevokedHistory(current.history, REASON, now) };
  return { ...ended, deleted_at: timestamp(now) };
}
