/** Every record in memory: by identifier, by serial, filtered, searched, sorted and counted. The store alone changes it. */
import type { CertificateRecord, Identifier, Serial } from '../types.js';
import { Columns } from './columns.js';
import { Counters } from './counters.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import type {
  CertificatePage,
  CountedField,
  Inventory,
  InventoryCounts,
  InventoryQuery,
  RevokedSerial,
  SerialOwner,
  StatusCounts,
} from './inventory.js';
import { Orders } from './orders.js';
import { SEPARATOR, SearchText } from './search-text.js';
import { select } from './selection.js';
import { SharedValues } from './sharing.js';
import { STATUSES, statusFacts } from './status.js';

const DEFAULT_LIMIT = 100;
/** So many blocks of search text are built in one go while others wait. */
const BLOCKS = 8;

export class MemoryInventory implements Inventory {
  /** A record's place here is its slot: its number in every other structure. */
  readonly #records: CertificateRecord[] = [];
  readonly #slots = new Map<Identifier, number>();
  /** Of identifiers with capital letters, by their lower-case form. */
  readonly #slotsInLowerCase = new Map<string, number>();
  readonly #slotsBySerial = new Map<Serial, number>();
  /** Slots of which any serial, current or replaced, is revoked. */
  readonly #revoked = new Set<number>();
  readonly #shared = new SharedValues();
  readonly #columns = new Columns();
  readonly #counters = new Counters();
  readonly #names = new SearchText((slot) => namesOf(this.#record(slot)));
  readonly #serials = new SearchText((slot) => serialsOf(this.#record(slot)));
  readonly #orders = new Orders((slot) => this.#record(slot));

  get size(): number {
    return this.#records.length;
  }

  get(identifier: Identifier): CertificateRecord | undefined {
    const slot = this.#slots.get(identifier);
    return slot === undefined ? undefined : this.#records[slot];
  }

  namesake(identifier: Identifier): CertificateRecord | undefined {
    const exact = this.get(identifier);
    if (exact !== undefined) return exact;
    const lower = identifier.toLowerCase();
    const slot = this.#slots.get(lower) ?? this.#slotsInLowerCase.get(lower);
    return slot === undefined ? undefined : this.#records[slot];
  }

  bySerial(serial: Serial): SerialOwner | undefined {
    const slot = this.#slotsBySerial.get(serial);
    if (slot === undefined) return undefined;
    const record = this.#record(slot);
    if (record.serial_number === serial) return { record, replaced: null };
    return { record, replaced: record.history.find(({ serial_number }) => serial_number === serial) ?? null };
  }

  /** Adds a record or replaces the one of its identifier; gives back what is kept: a frozen copy. */
  put(given: CertificateRecord): CertificateRecord {
    const record = this.#shared.compact(given);
    const known = this.#slots.get(record.identifier);
    const slot = known ?? this.#records.length;
    if (known === undefined) {
      this.#records.push(record);
      this.#slots.set(record.identifier, slot);
      const lower = record.identifier.toLowerCase();
      if (lower !== record.identifier) this.#slotsInLowerCase.set(lower, slot);
      this.#orders.add(slot);
      this.#names.changed(slot);
      this.#serials.changed(slot);
    } else {
      this.#exchange(slot, record);
    }
    const facts = statusFacts(record);
    this.#columns.set(slot, record, facts);
    this.#counters.add(record, facts);
    this.#slotsBySerial.set(record.serial_number, slot);
    for (const replaced of record.history) this.#slotsBySerial.set(replaced.serial_number, slot);
    const anyRevoked = record.revocation.revoked || record.history.some(({ revoked_at }) => revoked_at !== null);
    if (anyRevoked) this.#revoked.add(slot);
    else this.#revoked.delete(slot);
    return record;
  }

  list(query: InventoryQuery, now: Date): CertificatePage {
    const sort = query.sort ?? 'created_at';
    const order = query.order ?? (sort === 'created_at' ? 'desc' : 'asc');
    const from = query.cursor === undefined ? null : decodeCursor(query.cursor, sort, order);
    const marked = this.#admit(query.only, this.#search(query.search));
    const selection = select(query, this.#columns, this.size, marked, now);
    const { slots, more } = this.#orders.page(selection, this.size, {
      sort,
      order,
      from,
      limit: query.limit ?? DEFAULT_LIMIT,
    });
    const last = slots.at(-1);
    return {
      records: slots.map((slot) => this.#record(slot)),
      total: selection.total,
      next_cursor:
        more && last !== undefined ? encodeCursor(sort, order, this.#orders.position(last, sort, selection)) : null,
    };
  }

  counts(now: Date): InventoryCounts {
    return this.#counters.counts(now);
  }

  statusCounts(now: Date): StatusCounts {
    return this.#counters.statusCounts(now);
  }

  countsOf(query: InventoryQuery, now: Date): StatusCounts {
    const ofAnyStatus = { ...query, status: undefined, revoked: undefined };
    const marked = this.#admit(query.only, this.#search(query.search));
    const { byStatus, total } = select(ofAnyStatus, this.#columns, this.size, marked, now);
    const having = (status: (typeof STATUSES)[number]) => byStatus[STATUSES.indexOf(status)] ?? 0;
    return {
      total,
      active: having('active'),
      expiring_soon: having('expiring'),
      expired: having('expired'),
      revoked: having('revoked'),
      held: having('held'),
    };
  }

  commonest(field: CountedField, most: number): string[] {
    return this.#counters.commonest(field, most);
  }

  tally(field: CountedField | 'key_algorithm'): ReadonlyMap<string, number> {
    return this.#counters.tally(field);
  }

  expiries(moments: readonly Date[]): number[] {
    return this.#counters.expiries(moments);
  }

  *revocations(): Generator<RevokedSerial, void, undefined> {
    for (const slot of this.#revoked) {
      const { serial_number, expires_at, not_before, revocation, history } = this.#record(slot);
      if (revocation.revoked) {
        const { revoked_at, reason_revoked, invalidity_date } = revocation;
        yield {
          serial: serial_number,
          expires_at,
          revoked_at: revoked_at ?? '',
          reason: reason_revoked ?? 'unspecified',
          invalidity_date,
          not_before,
        };
      }
      for (const replaced of history) {
        const { revoked_at, reason_revoked } = replaced;
        if (revoked_at === null) continue;
        yield {
          serial: replaced.serial_number,
          expires_at: replaced.expires_at,
          revoked_at,
          reason: reason_revoked ?? 'unspecified',
          invalidity_date: replaced.invalidity_date ?? null,
          not_before: null,
        };
      }
    }
  }

  records(): Iterable<CertificateRecord> {
    return this.#records.values();
  }

  /** Prepares the orders and the search after a start, a little at a time, so that the first query need not. */
  async warm(): Promise<void> {
    await this.#orders.warm(() => this.size);
    for (const text of [this.#names, this.#serials]) {
      for (let block = 0; block < text.blocks; block += 1) {
        text.build(block);
        if (block % BLOCKS === BLOCKS - 1) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #exchange(slot: number, record: CertificateRecord): void {
    const previous = this.#record(slot);
    this.#orders.move(slot, previous, record, () => {
      this.#records[slot] = record;
    });
    this.#counters.remove(previous, statusFacts(previous));
    if (!equal(namesOf(previous), namesOf(record))) this.#names.changed(slot);
    if (!equal(serialsOf(previous), serialsOf(record))) this.#serials.changed(slot);
  }

  /** Marks what a search finds; null if nothing is searched for. */
  #search(search: string | undefined): Uint8Array | null {
    if (search === undefined || search === '') return null;
    const part = search.toLowerCase();
    const marks = new Uint8Array(this.size);
    if (part.includes(SEPARATOR)) return marks;
    this.#names.find(part, marks);
    if (/^\d+$/.test(part)) this.#serials.find(part, marks);
    const digits = part.replace(/^0x/, '').replaceAll(':', '');
    if (/^[0-9a-f]{8,40}$/.test(digits)) {
      const slot = this.#slotsBySerial.get(BigInt(`0x${digits}`).toString());
      if (slot !== undefined) marks[slot] = 1;
    }
    // Few organizations differ: each is looked at once, not once for every record.
    const organizations = this.#columns.organizations.select((text) => text.toLowerCase().includes(part));
    if (organizations.includes(1)) {
      const { organization } = this.#columns;
      for (let slot = 0; slot < marks.length; slot += 1)
        if (organizations[organization[slot] as number] === 1) marks[slot] = 1;
    }
    return marks;
  }

  /** Takes out of the marks what may not be found; null still means all. */
  #admit(only: InventoryQuery['only'], searched: Uint8Array | null): Uint8Array | null {
    if (only === undefined) return searched;
    const marks = searched ?? new Uint8Array(this.size).fill(1);
    for (let slot = 0; slot < marks.length; slot += 1)
      if (marks[slot] === 1 && !only(this.#record(slot))) marks[slot] = 0;
    return marks;
  }

  #record(slot: number): CertificateRecord {
    return this.#records[slot] as CertificateRecord;
  }
}

function namesOf({ common_name, email, identifier }: CertificateRecord): string[] {
  return email === null || email === common_name ? [common_name, identifier] : [common_name, email, identifier];
}

function serialsOf({ serial_number, history }: CertificateRecord): string[] {
  return [serial_number, ...history.map((replaced) => replaced.serial_number)];
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
