/** The orders in which lists can be asked for, and pages cut from them. */
import type { CertificateRecord } from '../types.js';
import type { Position } from './cursor.js';
import type { SortKey, SortOrder } from './inventory.js';
import type { Selection } from './selection.js';
import { SortedOrder } from './sorted-order.js';
import { STATUSES } from './status.js';

/** The orders that are kept; one by status follows from the one by identifier and the time. */
const KEYS = {
  created_at: (record: CertificateRecord) => record.created_at,
  expires_at: (record: CertificateRecord) => record.expires_at,
  common_name: (record: CertificateRecord) => record.common_name.toLowerCase(),
  email: (record: CertificateRecord) => record.email?.toLowerCase() ?? '',
  cert_usage: (record: CertificateRecord) => record.cert_usage,
  identifier: () => '',
};

type KeptOrder = keyof typeof KEYS;
const KEPT_ORDERS = Object.keys(KEYS) as KeptOrder[];

/** Several certificates are made in the same second: the later one is the newer one all the same. Slots follow creation. */
function tieOf(order: SortKey | KeptOrder, slot: number, { identifier }: CertificateRecord): string {
  return order === 'created_at' ? String(slot).padStart(10, '0') : identifier;
}

/** So many records are put in order in one go while others wait: about 5 ms. */
const SLICE = 1000;

export interface PageRequest {
  sort: SortKey;
  order: SortOrder;
  /** The last position of the page before; null for the first page. */
  from: Position | null;
  limit: number;
}

export class Orders {
  readonly #recordOf: (slot: number) => CertificateRecord;
  readonly #kept = new Map<KeptOrder, SortedOrder>();

  constructor(recordOf: (slot: number) => CertificateRecord) {
    this.#recordOf = recordOf;
    for (const name of KEPT_ORDERS) {
      this.#kept.set(
        name,
        new SortedOrder((slot) => ({ key: KEYS[name](recordOf(slot)), tie: tieOf(name, slot, recordOf(slot)) })),
      );
    }
  }

  /** Takes in the newest slot. */
  add(slot: number): void {
    for (const order of this.#kept.values()) order.add(slot);
  }

  /** Keeps the slot in its places while `exchange` puts `next` where `previous` was. */
  move(slot: number, previous: CertificateRecord, next: CertificateRecord, exchange: () => void): void {
    const moved = KEPT_ORDERS.filter((name) => KEYS[name](previous) !== KEYS[name](next));
    for (const name of moved) this.#kept.get(name)?.withdraw(slot);
    exchange();
    for (const name of moved) this.#kept.get(name)?.restore(slot);
  }

  /** The slots of a page among the first `count`, and whether another page follows. */
  page(selection: Selection, count: number, request: PageRequest): { slots: number[]; more: boolean } {
    const { sort, order, from, limit } = request;
    const slots: number[] = [];
    let more = false;
    const walk = (name: KeptOrder, after: Position | null, chosen: (mark: number) => boolean): void => {
      const kept = this.#kept.get(name) as SortedOrder;
      kept.complete(count);
      kept.walk(order, after, (slot) => {
        if (!chosen(selection.found[slot] as number)) return true;
        more = slots.length === limit;
        if (!more) slots.push(slot);
        return !more;
      });
    };
    if (sort !== 'status') {
      walk(sort, from, (mark) => mark !== 0);
      return { slots, more };
    }
    const codes = STATUSES.map((_, code) => code);
    if (order === 'desc') codes.reverse();
    const resumed = from === null ? -1 : codes.findIndex((code) => STATUSES[code] === from.key);
    for (const [i, code] of codes.entries()) {
      if (more || i < resumed || selection.byStatus[code] === 0) continue;
      const after = i === resumed && from !== null ? { key: '', tie: from.tie } : null;
      walk('identifier', after, (mark) => mark === code + 1);
    }
    return { slots, more };
  }

  /** Where a page that ends with this slot ends. */
  position(slot: number, sort: SortKey, selection: Selection): Position {
    const record = this.#recordOf(slot);
    const key = sort === 'status' ? (STATUSES[(selection.found[slot] as number) - 1] ?? '') : KEYS[sort](record);
    return { key, tie: tieOf(sort, slot, record) };
  }

  /** Puts everything in order, a little at a time; `count` says how many slots there are by now. */
  async warm(count: () => number): Promise<void> {
    for (const order of this.#kept.values()) {
      while (!order.catchUp(count(), SLICE)) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
