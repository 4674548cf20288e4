/** The same step for many certificates: a result for each, and one CRL for all. */
import { concurrently } from '../../concurrently.js';
import { CertMateError, type ErrorCode } from '../../errors.js';
import { isWithinReach, OutOfReach } from '../../reach.js';
import type { InventoryQuery } from '../../store/inventory.js';
import type { Actor, AuditEvent, CertificateRecord, Identifier } from '../../types.js';
import { amend } from './amend.js';
import { findRecord, type LifecycleParts, stopwatch, within } from './parts.js';
import { assertRenewable, keyObstacle, type RenewalRequest, renew } from './renew.js';
import { type RevocationRequest, revoked } from './revocation.js';
import { announce, markRevoked } from './revoke.js';

/** Which certificates: those named, or all that a filter finds when the call arrives. */
export interface BulkSelection {
  identifiers?: readonly Identifier[] | undefined;
  filter?: Omit<InventoryQuery, 'sort' | 'order' | 'limit' | 'cursor'> | undefined;
  /** Nothing is changed; the results say what would happen now. */
  dry_run: boolean;
}

export interface BulkOutcome {
  identifier: Identifier;
  /** The serial number that was revoked, tagged or newly issued; null if there is no such certificate. */
  serial_number: string | null;
  success: boolean;
  error: { code: ErrorCode; message: string } | null;
}

export interface BulkResult {
  dry_run: boolean;
  total: number;
  successful: number;
  failed: number;
  /** In the order of the identifiers; newest first where a filter chose them. */
  results: BulkOutcome[];
}

export interface Tagging {
  /** Added. */
  tags: readonly string[];
  remove_tags: readonly string[];
}

/** A batch is as large at most. */
const MOST = 30_000;
/** Each may need a new key: more would not be done before the caller gives up waiting. */
const MOST_RENEWED = 1000;
const MOST_TAGS = 50;
/** So many wait for the disk at once; their syncs share its work. */
const AT_ONCE = 16;
const PAGE = 1000;
/** Identifiers that a line about denied ones names. */
const MOST_NAMED = 100;

/**
 * Revokes; one CRL that holds all of them is published before it resolves.
 * @throws CertMateError VALIDATION_FAILED too many; what `announce` throws
 */
export async function bulkRevoke(
  parts: LifecycleParts,
  selection: BulkSelection,
  request: RevocationRequest,
  actor: Actor,
): Promise<BulkResult> {
  const events: AuditEvent[] = [];
  const published: (() => void)[] = [];
  const work = async (identifier: Identifier): Promise<CertificateRecord> => {
    if (selection.dry_run) return revoked(findRecord(parts.store, identifier, actor), request, parts.clock.now());
    const told = stopwatch(parts.onRevoked);
    const { record, event } = await markRevoked(parts, identifier, request, actor);
    told('ocsp');
    published.push(() => told('crl'));
    events.push(event);
    return record;
  };
  return forEach(parts, selection, actor, MOST, work, async () => {
    if (events.length === 0) return;
    const count = events.length === 1 ? '1 certificate is' : `${events.length} certificates are`;
    await announce(parts, events, `${count} revoked, and OCSP says so`, () => {
      for (const tell of published) tell();
    });
  });
}

/**
 * Renews those that need nobody to take or bring a key.
 * @throws CertMateError VALIDATION_FAILED too many
 */
export async function bulkRenew(
  parts: LifecycleParts,
  selection: BulkSelection,
  request: Omit<RenewalRequest, 'csr'>,
  actor: Actor,
): Promise<BulkResult> {
  return forEach(parts, selection, actor, MOST_RENEWED, async (identifier) => {
    const record = findRecord(parts.store, identifier, actor);
    assertRenewable(record, request);
    const obstacle = keyObstacle(record, request);
    if (obstacle !== null) throw new CertMateError('CONFLICT', obstacle);
    return selection.dry_run ? record : renew(parts, identifier, request, actor);
  });
}

/**
 * Adds tags and takes others away.
 * @throws CertMateError VALIDATION_FAILED too many
 */
export async function bulkTag(
  parts: LifecycleParts,
  selection: BulkSelection,
  { tags, remove_tags }: Tagging,
  actor: Actor,
): Promise<BulkResult> {
  const retag = (present: readonly string[]): string[] => {
    const next = [...new Set([...present, ...tags])].filter((tag) => !remove_tags.includes(tag));
    if (next.length <= MOST_TAGS) return next;
    throw new CertMateError('CONFLICT', `It would have ${next.length} tags; ${MOST_TAGS} are allowed.`);
  };
  return forEach(parts, selection, actor, MOST, async (identifier) => {
    const record = findRecord(parts.store, identifier, actor);
    if (!selection.dry_run) return amend(parts, identifier, { tags: retag }, actor);
    retag(record.tags);
    return record;
  });
}

/**
 * Does `work` for each certificate. What it throws for one is that one's result. `after` runs in any case; an error that
 * is not meant for callers is thrown when everything else is done.
 */
async function forEach(
  parts: LifecycleParts,
  selection: BulkSelection,
  actor: Actor,
  most: number,
  work: (identifier: Identifier) => Promise<CertificateRecord>,
  after: () => Promise<void> = async () => {},
): Promise<BulkResult> {
  const identifiers = chosen(parts, selection, actor, most);
  const results: BulkOutcome[] = [];
  const unexpected: unknown[] = [];
  const outOfReach: Identifier[] = [];
  await concurrently(identifiers.entries(), AT_ONCE, async ([index, identifier]) => {
    try {
      const { serial_number } = await work(identifier);
      results[index] = { identifier, serial_number, success: true, error: null };
    } catch (error) {
      if (!(error instanceof CertMateError)) unexpected.push(error);
      const { code, message } = error instanceof CertMateError ? error : INTERNAL;
      if (error instanceof OutOfReach) outOfReach.push(identifier);
      const serial_number = serialShown(parts, identifier, actor);
      results[index] = { identifier, serial_number, success: false, error: { code, message } };
    }
  });
  if (outOfReach.length > 0) await recordDenied(parts, outOfReach, actor);
  await after();
  if (unexpected.length > 0) throw unexpected[0];
  const successful = results.filter(({ success }) => success).length;
  return {
    dry_run: selection.dry_run,
    total: results.length,
    successful,
    failed: results.length - successful,
    results,
  };
}

/** The present serial number of a certificate that the caller may know of; null for any other. */
function serialShown({ store }: LifecycleParts, identifier: Identifier, { reach }: Actor): string | null {
  const record = store.inventory.get(identifier);
  if (record === undefined || record.deleted_at !== null || !isWithinReach(reach, record)) return null;
  return record.serial_number;
}

/** One line for all certificates of a call that were out of its caller's reach. */
async function recordDenied(parts: LifecycleParts, identifiers: readonly Identifier[], actor: Actor): Promise<void> {
  const event: AuditEvent = {
    operation: 'access',
    resource_type: 'certificate',
    resource_id: identifiers.length === 1 ? (identifiers[0] ?? null) : null,
    status: 'denied',
    actor,
    details: { count: identifiers.length, identifiers: identifiers.slice(0, MOST_NAMED) },
    error: 'out of reach of this API key',
  };
  // They are refused in any case; a full disk must not turn that into something else.
  await parts.audit.record(event).catch(() => parts.arrears.owe(() => parts.audit.record(event)));
}

const INTERNAL = { code: 'INTERNAL' as const, message: 'Something went wrong here.' };

function chosen(
  { store, clock }: LifecycleParts,
  { identifiers, filter }: BulkSelection,
  actor: Actor,
  most: number,
): Identifier[] {
  const found: Identifier[] = [...new Set(identifiers)];
  if (filter !== undefined) {
    const now = clock.now();
    let cursor: string | null = null;
    do {
      const query: InventoryQuery = {
        ...filter,
        ...within(actor),
        limit: PAGE,
        ...(cursor === null ? {} : { cursor }),
      };
      const page = store.inventory.list(query, now);
      assertNotTooMany(page.total, most);
      found.push(...page.records.map(({ identifier }) => identifier));
      cursor = page.next_cursor;
    } while (cursor !== null);
  }
  assertNotTooMany(found.length, most);
  return found;
}

function assertNotTooMany(count: number, most: number): void {
  if (count <= most) return;
  const message = `${count} certificates are chosen; at most ${most} are done in one call`;
  throw new CertMateError('VALIDATION_FAILED', `${message}: narrow the selection.`, {
    details: [{ path: 'filter', message }],
  });
}
