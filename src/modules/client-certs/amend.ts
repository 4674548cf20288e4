/** Changing what is said about a certificate; what it says itself never changes. */
import { recordSaved } from '../../arrears.js';
import type { Actor, AuditEvent, Identifier } from '../../types.js';
import { findRecord, type LifecycleParts } from './parts.js';
import { type CertificateResource, resourceOf } from './resource.js';
import { assertPresent } from './revocation.js';

/** What is left out stays as it is. */
export interface Amendment {
  notes?: string | undefined;
  /** The tags it is to have, or how they follow from those that it has. */
  tags?: readonly string[] | ((present: readonly string[]) => readonly string[]) | undefined;
  renewal?: { renewal_enabled?: boolean | undefined; renewal_threshold_days?: number | undefined } | undefined;
}

/** @throws CertMateError NOT_FOUND */
export async function amend(
  parts: LifecycleParts,
  identifier: Identifier,
  { notes, tags, renewal = {} }: Amendment,
  actor: Actor,
): Promise<CertificateResource> {
  const { store, clock } = parts;
  findRecord(store, identifier, actor);
  const record = await store.update(identifier, (current) => {
    assertPresent(current);
    return {
      ...current,
      notes: notes ?? current.notes,
      tags: [...new Set(typeof tags === 'function' ? tags(current.tags) : (tags ?? current.tags))],
      renewal: {
        ...current.renewal,
        renewal_enabled: renewal.renewal_enabled ?? current.renewal.renewal_enabled,
        renewal_threshold_days: renewal.renewal_threshold_days ?? current.renewal.renewal_threshold_days,
      },
    };
  });
  const event: AuditEvent = {
    operation: 'update',
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    // Notes are free text: that they changed is recorded, not what they say.
    details: {
      ...(notes === undefined ? {} : { notes: 'changed' }),
      ...(tags === undefined ? {} : { tags: record.tags }),
      ...renewal,
    },
  };
  await recordSaved(parts, [event], 'The change is saved');
  return resourceOf(record, clock.now());
}
