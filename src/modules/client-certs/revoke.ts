/** Revoking and releasing: when they answer, OCSP and a published CRL say so. */
import { followsLater, recordSaved } from '../../arrears.js';
import type { Actor, AuditEvent, AuditOperation, CertificateRecord, Identifier, Serial } from '../../types.js';
import { findRecord, type LifecycleParts, stopwatch } from './parts.js';
import { type CertificateResource, resourceOf } from './resource.js';
import { changedSerials, type RevocationRequest, released, revokedSerial } from './revocation.js';

/** A change of the revocation state that OCSP tells already and no CRL does yet, and the line that is to record it. */
export interface StateChange {
  record: CertificateRecord;
  event: AuditEvent;
}

/**
 * Revokes a certificate with every serial number of it that is valid still (see revocation.ts), or, where `serial` is
 * one that a renewal replaced, that one alone.
 * @throws CertMateError NOT_FOUND; ALREADY_REVOKED
 */
export async function revoke(
  parts: LifecycleParts,
  identifier: Identifier,
  request: RevocationRequest,
  actor: Actor,
  serial?: Serial,
): Promise<CertificateResource> {
  const [done, revoked] = [stopwatch(parts.onDone), stopwatch(parts.onRevoked)];
  const change = await parts.crl.promptly(() => markRevoked(parts, identifier, request, actor, serial));
  revoked('ocsp');
  await announce(parts, [change.event], 'The certificate is revoked, and OCSP says so', () => revoked('crl'));
  done('revoke');
  return resourceOf(change.record, parts.clock.now());
}

/**
 * Releases a certificate from hold, with those of its replaced ones that are on hold.
 * @throws CertMateError NOT_FOUND; NOT_HELD
 */
export async function unhold(
  parts: LifecycleParts,
  identifier: Identifier,
  actor: Actor,
): Promise<CertificateResource> {
  const done = stopwatch(parts.onDone);
  const change = await parts.crl.promptly(() => changeState(parts, identifier, 'unhold', released, actor));
  await announce(parts, [change.event], 'The hold is released, and OCSP says so');
  done('unhold');
  return resourceOf(change.record, parts.clock.now());
}

/** Revokes, up to the point where OCSP says so; `announce` has to follow. */
export function markRevoked(
  parts: Pick<LifecycleParts, 'store' | 'clock'>,
  identifier: Identifier,
  request: RevocationRequest,
  actor: Actor,
  serial?: Serial,
): Promise<StateChange> {
  const change = (current: CertificateRecord) =>
    revokedSerial(current, serial ?? current.serial_number, request, parts.clock.now());
  return changeState(parts, identifier, 'revoke', change, actor);
}

/**
 * Puts every change so far on a published CRL, and records it.
 * @param saved what has happened, as the start of a sentence for the caller
 * @throws CertMateError STORAGE_FULL …: OCSP tells the change, yet no CRL with it, or no line, could be written; both follow
 */
export async function announce(
  parts: Pick<LifecycleParts, 'crl' | 'audit' | 'arrears' | 'clock'>,
  events: readonly AuditEvent[],
  saved: string,
  onPublished?: () => void,
): Promise<void> {
  try {
    await parts.crl.publishNoted();
    onPublished?.();
  } catch (error) {
    const failure = { status: 'failure' as const, error: 'in force and told by OCSP, but no CRL could be published' };
    await recordSaved(
      parts,
      events.map((event) => ({ ...event, ...failure })),
      saved,
    ).catch(() => undefined);
    throw followsLater(saved, 'the CRL follows', error);
  }
  await recordSaved(parts, events, saved);
}

async function changeState(
  { store }: Pick<LifecycleParts, 'store'>,
  identifier: Identifier,
  operation: AuditOperation,
  change: (current: CertificateRecord) => CertificateRecord,
  actor: Actor,
): Promise<StateChange> {
  findRecord(store, identifier, actor);
  let serials: Serial[] = [];
  const record = await store.update(identifier, (current) => {
    const next = change(current);
    serials = changedSerials(current, next);
    return next;
  });
  const { revocation, history } = record;
  const replaced = history.find(({ serial_number }) => serial_number === serials[0]);
  const event: AuditEvent = {
    operation,
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    details: {
      serial_number: serials[0] ?? record.serial_number,
      ...(serials.length > 1 ? { replaced_serial_numbers: serials.slice(1) } : {}),
      ...(operation === 'revoke'
        ? {
            reason: (replaced ?? revocation).reason_revoked,
            revoked_at: (replaced ?? revocation).revoked_at,
            ...(replaced === undefined && revocation.note !== undefined ? { note: revocation.note } : {}),
          }
        : {}),
    },
  };
  return { record, event };
}
