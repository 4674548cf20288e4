/** What the CRLs and indexes of a CA say together: which serial numbers are revoked, and which on hold. */
import type { ForeignCrl } from '../../pki/foreign-crl.js';
import type { CertificateRecord, Revocation, RevocationReason, Serial } from '../../types.js';
import type { Collection } from './collect.js';
import type { OwnLists } from './lists.js';

/** A revocation, and the file that says so. */
export interface FoundRevocation {
  path: string;
  /** Null if no time is given, or one that cannot be read. */
  revokedAt: Date | null;
  reason: RevocationReason;
  invalidityDate: Date | null;
}

/**
 * A revocation in any list is one for ever. A hold ends with a later list that removes it, or with a later complete one that
 * does not have it.
 * @param certificates of this CA
 */
export function revocationsIn(
  { crls, indexes }: Pick<OwnLists, 'crls' | 'indexes'>,
  { certificates }: Pick<Collection, 'certificates'>,
): Map<Serial, FoundRevocation> {
  const final = new Map<Serial, FoundRevocation>();
  const held = new Map<Serial, FoundRevocation & { list: ForeignCrl | null }>();
  for (const { path, thing: list } of crls.toSorted((a, b) => order(a.thing, b.thing))) {
    const listed = new Set<Serial>();
    for (const { reason, serial, ...dates } of list.entries) {
      if (reason === 'removeFromCRL') held.delete(serial);
      else if (reason === 'certificateHold') held.set(serial, { path, reason, ...dates, list });
      else add(final, serial, { path, reason, ...dates });
      if (reason === 'certificateHold') listed.add(serial);
    }
    if (!list.isComplete) continue;
    for (const [serial, { list: other }] of held) {
      if (!listed.has(serial) && other !== null && isLater(list, other)) held.delete(serial);
    }
  }
  for (const { path, thing } of indexes) {
    for (const { serial, revocation } of thing.rows) {
      if (revocation === null) continue;
      const { revokedAt, reason, invalidityDate } = revocation;
      const found = { path, reason, revokedAt: dateOf(revokedAt), invalidityDate: dateOf(invalidityDate) };
      if (reason === 'certificateHold') held.set(serial, { ...found, list: null });
      else add(final, serial, found);
    }
  }
  for (const { path, thing } of certificates) {
    // easy-rsa moves there what it revokes, or puts on hold.
    if (!/(?:^|\/)revoked\//.test(path) || held.has(thing.serial) || final.has(thing.serial)) continue;
    add(final, thing.serial, { path, reason: 'unspecified', revokedAt: null, invalidityDate: null });
  }
  return new Map([...held, ...final]);
}

/** The earliest date, and the first reason that says something. */
function add(final: Map<Serial, FoundRevocation>, serial: Serial, found: FoundRevocation): void {
  const before = final.get(serial);
  if (before === undefined) {
    final.set(serial, found);
    return;
  }
  const { revokedAt } = found;
  const earlier = before.revokedAt === null || (revokedAt !== null && revokedAt < before.revokedAt);
  final.set(serial, {
    path: before.path,
    revokedAt: earlier ? revokedAt : before.revokedAt,
    reason: before.reason === 'unspecified' ? found.reason : before.reason,
    invalidityDate: before.invalidityDate ?? found.invalidityDate,
  });
}

function isLater(a: ForeignCrl, b: ForeignCrl): boolean {
  return order(a, b) > 0;
}

function order(a: ForeignCrl, b: ForeignCrl): number {
  const difference = a.thisUpdate.getTime() - b.thisUpdate.getTime();
  if (difference !== 0 || a.number === null || b.number === null || a.number === b.number) return difference;
  return a.number > b.number ? 1 : -1;
}

function dateOf(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}

/** The record with one of its serial numbers revoked; what is revoked here already stays as it is, unless a hold becomes final. */
export function withRevocation(record: CertificateRecord, serial: Serial, revocation: Revocation): CertificateRecord {
  const takes = (reason: RevocationReason | null, revokedAt: string | null): boolean =>
    revokedAt === null || (reason === 'certificateHold' && revocation.reason_revoked !== 'certificateHold');
  if (record.serial_number === serial) {
    const { revoked, revoked_at, reason_revoked } = record.revocation;
    if (!takes(reason_revoked, revoked ? revoked_at : null)) return record;
    return { ...record, revocation: { ...revocation, revoked_at: revoked ? revoked_at : revocation.revoked_at } };
  }
  const { revoked_at, reason_revoked } = revocation;
  const history = record.history.map((replaced) =>
    replaced.serial_number === serial && takes(replaced.reason_revoked, replaced.revoked_at)
      ? { ...replaced, revoked_at: replaced.revoked_at ?? revoked_at, reason_revoked }
      : replaced,
  );
  return history.every((replaced, index) => replaced === record.history[index]) ? record : { ...record, history };
}
