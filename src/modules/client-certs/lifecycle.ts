/** The life of client certificates, as routes and pages use it: each step is a file of its own. */

import type { Dropped } from '../../dropped-from-csr.js';
import { CertMateError } from '../../errors.js';
import type { CountedField, InventoryCounts, InventoryQuery, StatusCounts } from '../../store/inventory.js';
import type { Actor, CertificateRecord, Identifier, KeyType, Serial } from '../../types.js';
import { type Amendment, amend } from './amend.js';
import { type BulkResult, type BulkSelection, bulkRenew, bulkRevoke, bulkTag, type Tagging } from './bulk.js';
import { createCsr } from './csr-creation.js';
import { inspectCsr } from './csr-inspection.js';
import type { CreateCsrRequest, InspectedCsr, InspectRequest } from './csr-schema.js';
import { remove } from './delete.js';
import { type Download, type DownloadKind, download } from './download.js';
import { droppedUnder, type IssuedCertificate, issue, knownUsages } from './issue.js';
import { issueOnce, type Ledger, type RepeatableRequest } from './issue-once.js';
import { locateCertificate, locateSerial } from './locate.js';
import { findRecord, type LifecycleParts, within } from './parts.js';
import { planIssue } from './plan.js';
import { keyObstacle, type RenewalRequest, renew } from './renew.js';
import { type RepeatableRenewal, renewOnce } from './renew-once.js';
import { readIssueRequest, requestFields } from './request-fields.js';
import { type CertificateResource, resourceOf } from './resource.js';
import type { RevocationRequest } from './revocation.js';
import { revoke, unhold } from './revoke.js';
import { certUsage, type IssueRequest } from './schema.js';
import { newUsage } from './usage-notice.js';

/** Who looks at certificates: an actor, or, where there is none, somebody who may see all. */
type Caller = Pick<Actor, 'reach'>;

export class CertificateLifecycle {
  readonly #parts: LifecycleParts;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /** Every field of a request to issue, and how its text is to be read. */
  readonly requestFields = requestFields;

  /** A request from its fields. @throws CertMateError VALIDATION_FAILED */
  readRequest(fields: Record<string, unknown>): IssueRequest {
    return readIssueRequest(fields);
  }

  /** A usage as it was typed, in the form in which it is stored: `API mTLS` gives `api-mtls`. Null for what is none. */
  readUsage(typed: string): string | null {
    return certUsage.safeParse(typed).data ?? null;
  }

  /** Whether no profile and no certificate has this usage yet, and the known one that is likely meant; null where it is known. */
  newUsage(usage: string): { likely: string | null } | null {
    return newUsage(usage, knownUsages(this.#parts));
  }

  /**
   * What issuing this would give, without issuing it; `keyType` is null where there is a CSR.
   * @throws CertMateError what issuing would throw, as far as it can be told now
   */
  async foresee(
    request: IssueRequest,
    caller: Caller = {},
  ): Promise<{ identifier: Identifier; commonName: string; keyType: KeyType | null }> {
    const { identifier, identity, csr, keyType } = await planIssue(this.#parts, request, caller);
    return { identifier, commonName: identity.subject.common_name, keyType: csr ? null : keyType };
  }

  /** See issue.ts. */
  issue(request: IssueRequest, actor: Actor): Promise<IssuedCertificate> {
    return issue(this.#parts, request, actor);
  }

  /** See issue-once.ts. */
  issueOnce(
    ledger: Ledger,
    repeatable: RepeatableRequest,
    actor: Actor,
  ): Promise<{ issued: IssuedCertificate; replayed: boolean }> {
    return issueOnce(this.#parts, ledger, repeatable, actor);
  }

  /** See csr-creation.ts. */
  createCsr(request: CreateCsrRequest, actor: Actor): Promise<{ csr_pem: string; private_key_pem: string }> {
    return createCsr(this.#parts, request, actor);
  }

  /** See issue.ts. @throws CertMateError NOT_FOUND there is no CSR of it */
  dropped(identifier: Identifier, serial: Serial): Promise<Dropped> {
    return droppedUnder(this.#parts, identifier, serial);
  }

  /** See csr-inspection.ts. */
  inspectCsr(request: InspectRequest): Promise<InspectedCsr> {
    return inspectCsr(this.#parts, request);
  }

  /** One page of what the caller may see of the inventory. @throws CertMateError INVALID_CURSOR */
  list(
    query: InventoryQuery,
    caller: Caller = {},
  ): { certificates: CertificateResource[]; total: number; next_cursor: string | null } {
    const now = this.#parts.clock.now();
    const { records, total, next_cursor } = this.#parts.store.inventory.list({ ...query, ...within(caller) }, now);
    return { certificates: records.map((record) => resourceOf(record, now)), total, next_cursor };
  }

  /** Counts over the whole inventory. */
  counts(): InventoryCounts {
    return this.#parts.store.inventory.counts(this.#parts.clock.now());
  }

  /** How many certificates there are of each status: cheap, whatever there is. */
  statusCounts(): StatusCounts {
    return this.#parts.store.inventory.statusCounts(this.#parts.clock.now());
  }

  /** How many of each status there are among what the query finds and the caller may see, whatever status it asks for. */
  countsOf(query: InventoryQuery, caller: Caller = {}): StatusCounts {
    return this.#parts.store.inventory.countsOf({ ...query, ...within(caller) }, this.#parts.clock.now());
  }

  /** The values that most certificates have, the commonest first. */
  commonest(field: CountedField, most: number): string[] {
    return this.#parts.store.inventory.commonest(field, most);
  }

  /** How many certificates that are not revoked expire from each moment to the next. */
  expiries(moments: readonly Date[]): number[] {
    return this.#parts.store.inventory.expiries(moments);
  }

  /** @throws CertMateError NOT_FOUND, also where it is out of the caller's reach; says of a deleted one that it was deleted */
  get(identifier: Identifier, caller: Caller = {}): CertificateResource {
    const deletedAt = this.#parts.store.inventory.get(identifier)?.deleted_at ?? null;
    // A limited key is not told of what is no longer there.
    if (deletedAt !== null && caller.reach == null) {
      throw new CertMateError('NOT_FOUND', `There is no certificate "${identifier}": it was deleted at ${deletedAt}.`);
    }
    return resourceOf(findRecord(this.#parts.store, identifier, caller), this.#parts.clock.now());
  }

  /** See download.ts. */
  download(identifier: Identifier, kind: DownloadKind, actor: Actor): Promise<Download> {
    return download(this.#parts, identifier, kind, actor);
  }

  /** See revoke.ts. */
  revoke(identifier: Identifier, request: RevocationRequest, actor: Actor): Promise<CertificateResource> {
    return revoke(this.#parts, identifier, request, actor);
  }

  /** Revokes the certificate with this serial number, in any notation. See locate.ts and revoke.ts. */
  async revokeSerial(text: string, request: RevocationRequest, actor: Actor): Promise<CertificateResource> {
    const { identifier, serial } = locateSerial(this.#parts, text, actor);
    return revoke(this.#parts, identifier, request, actor, serial);
  }

  /** Revokes the certificate that somebody has in hand, in PEM. See locate.ts and revoke.ts. */
  async revokeCertificate(pem: string, request: RevocationRequest, actor: Actor): Promise<CertificateResource> {
    const { identifier, serial } = await locateCertificate(this.#parts, pem, actor);
    return revoke(this.#parts, identifier, request, actor, serial);
  }

  /** See revoke.ts. */
  unhold(identifier: Identifier, actor: Actor): Promise<CertificateResource> {
    return unhold(this.#parts, identifier, actor);
  }

  /** See renew.ts. */
  renew(identifier: Identifier, request: RenewalRequest, actor: Actor): Promise<IssuedCertificate> {
    return renew(this.#parts, identifier, request, actor);
  }

  /** See renew-once.ts. */
  renewOnce(
    ledger: Ledger,
    repeatable: RepeatableRenewal,
    actor: Actor,
  ): Promise<{ issued: IssuedCertificate; replayed: boolean }> {
    return renewOnce(this.#parts, ledger, repeatable, actor);
  }

  /** Why nobody but its holder, or somebody for them, can renew it; null if that needs nobody. */
  keyObstacle(record: CertificateRecord): string | null {
    return keyObstacle(record, {});
  }

  /** See amend.ts. */
  amend(identifier: Identifier, amendment: Amendment, actor: Actor): Promise<CertificateResource> {
    return amend(this.#parts, identifier, amendment, actor);
  }

  /** See delete.ts. */
  delete(identifier: Identifier, actor: Actor): Promise<CertificateResource> {
    return remove(this.#parts, identifier, actor);
  }

  /** See bulk.ts. */
  bulkRevoke(selection: BulkSelection, request: RevocationRequest, actor: Actor): Promise<BulkResult> {
    return bulkRevoke(this.#parts, selection, request, actor);
  }

  /** See bulk.ts. */
  bulkRenew(selection: BulkSelection, request: Omit<RenewalRequest, 'csr'>, actor: Actor): Promise<BulkResult> {
    return bulkRenew(this.#parts, selection, request, actor);
  }

  /** See bulk.ts. */
  bulkTag(selection: BulkSelection, tagging: Tagging, actor: Actor): Promise<BulkResult> {
    return bulkTag(this.#parts, selection, tagging, actor);
  }
}
