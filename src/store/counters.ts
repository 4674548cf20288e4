/** The figures of `stats`, kept up as records come and change; only what follows from the time is worked out when asked. */
import type { CertificateRecord } from '../types.js';
import type { CountedField, InventoryCounts, StatusCounts } from './inventory.js';
import { SortedTimes } from './sorted-times.js';
import { DAY_MS, HELD_FLAG, REVOKED_FLAG, type StatusFacts } from './status.js';

const WITHIN_DAYS = [7, 30, 90] as const;

export class Counters {
  #total = 0;
  #held = 0;
  #revoked = 0;
  #superseded = 0;
  readonly #usages = new Map<string, number>();
  readonly #types = new Map<string, number>();
  readonly #organizations = new Map<string, number>();
  readonly #tags = new Map<string, number>();
  readonly #keyAlgorithms = new Map<string, number>();
  /** Of those that are neither revoked nor held: when each expires, and from when on it counts as expiring. */
  readonly #expires = new SortedTimes();
  readonly #expiringFrom = new SortedTimes();

  add(record: CertificateRecord, facts: StatusFacts): void {
    this.#count(record, facts, 1);
  }

  /** Takes back what `add` did for the same record. */
  remove(record: CertificateRecord, facts: StatusFacts): void {
    this.#count(record, facts, -1);
  }

  statusCounts(now: Date): StatusCounts {
    const time = now.getTime();
    // Everything on the second of its expiry is still valid, hence "before now".
    const expired = this.#expires.countBefore(time);
    const expiringSoon = this.#expiringFrom.countBefore(time + 1) - expired;
    return {
      total: this.#total,
      active: this.#total - this.#revoked - this.#held - expired - expiringSoon,
      expiring_soon: expiringSoon,
      expired,
      revoked: this.#revoked,
      held: this.#held,
    };
  }

  counts(now: Date): InventoryCounts {
    const time = now.getTime();
    const statuses = this.statusCounts(now);
    return {
      ...statuses,
      superseded: this.#superseded,
      by_usage: Object.fromEntries(this.#usages),
      by_type: Object.fromEntries(this.#types),
      by_organization: Object.fromEntries(this.#organizations),
      by_key_algorithm: Object.fromEntries(this.#keyAlgorithms),
      expiring: WITHIN_DAYS.map((days) => ({
        within_days: days,
        count: this.#expires.countBefore(time + days * DAY_MS + 1) - statuses.expired,
      })),
    };
  }

  /** See Inventory. */
  commonest(field: CountedField, most: number): string[] {
    const counts = this.tally(field);
    // One pass that sorts only the few that are given back: there may be as many names as certificates.
    const top: [value: string, uses: number][] = [];
    for (const entry of counts) {
      const [, uses] = entry;
      if (top.length === most && uses <= (top.at(-1)?.[1] ?? 0)) continue;
      const place = top.findIndex(([, others]) => others < uses);
      top.splice(place < 0 ? top.length : place, 0, entry);
      if (top.length > most) top.pop();
    }
    return top.map(([value]) => value);
  }

  /** See Inventory. */
  tally(field: CountedField | 'key_algorithm'): ReadonlyMap<string, number> {
    const tallies = {
      usage: this.#usages,
      organization: this.#organizations,
      tag: this.#tags,
      key_algorithm: this.#keyAlgorithms,
    };
    return tallies[field];
  }

  /** See Inventory. */
  expiries(moments: readonly Date[]): number[] {
    const before = moments.map((moment) => this.#expires.countBefore(moment.getTime()));
    return before.slice(1).map((count, index) => count - (before[index] ?? 0));
  }

  #count(record: CertificateRecord, { flags, expires, expiringFrom }: StatusFacts, by: 1 | -1): void {
    if (record.deleted_at !== null) return;
    this.#total += by;
    this.#superseded += by * record.history.length;
    tally(this.#usages, record.cert_usage, by);
    tally(this.#types, record.certificate_type, by);
    tally(this.#keyAlgorithms, record.key_algorithm, by);
    if (record.organization !== null) tally(this.#organizations, record.organization, by);
    for (const tag of record.tags) tally(this.#tags, tag, by);
    if ((flags & HELD_FLAG) !== 0) this.#held += by;
    else if ((flags & REVOKED_FLAG) !== 0) this.#revoked += by;
    else if (by === 1) {
      this.#expires.add(expires);
      this.#expiringFrom.add(expiringFrom);
    } else {
      this.#expires.delete(expires);
      this.#expiringFrom.delete(expiringFrom);
    }
  }
}

function tally(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
