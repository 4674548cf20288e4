/**
 * What lists filter by, in arrays of numbers indexed by slot: a pass over 100 000 records reads 3 MB in order instead of
 * following pointers all over the heap.
 */
import type { CertificateRecord } from '../types.js';
import { Dictionary } from './dictionary.js';
import type { StatusFacts } from './status.js';

const FIRST_CAPACITY = 256;

export class Columns {
  readonly usages = new Dictionary();
  readonly types = new Dictionary();
  /** No organization is the empty text. */
  readonly organizations = new Dictionary();
  /** Whole lists of tags, as JSON: few differ. */
  readonly tagLists = new Dictionary();

  usage = new Uint32Array(FIRST_CAPACITY);
  type = new Uint32Array(FIRST_CAPACITY);
  organization = new Uint32Array(FIRST_CAPACITY);
  tagList = new Uint32Array(FIRST_CAPACITY);
  flags = new Uint8Array(FIRST_CAPACITY);
  expires = new Float64Array(FIRST_CAPACITY);
  expiringFrom = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  /** Fills the row of a slot: the next new one, or one that exists. */
  set(slot: number, record: CertificateRecord, { flags, expires, expiringFrom }: StatusFacts): void {
    if (slot === this.#length) {
      this.#length += 1;
      if (slot === this.flags.length) this.#grow();
    } else {
      this.#release(slot);
    }
    this.usage[slot] = this.usages.acquire(record.cert_usage);
    this.type[slot] = this.types.acquire(record.certificate_type);
    this.organization[slot] = this.organizations.acquire(record.organization ?? '');
    this.tagList[slot] = this.tagLists.acquire(record.tags.length === 0 ? '[]' : JSON.stringify(record.tags));
    this.flags[slot] = flags;
    this.expires[slot] = expires;
    this.expiringFrom[slot] = expiringFrom;
  }

  #release(slot: number): void {
    this.usages.release(this.usage[slot] ?? 0);
    this.types.release(this.type[slot] ?? 0);
    this.organizations.release(this.organization[slot] ?? 0);
    this.tagLists.release(this.tagList[slot] ?? 0);
  }

  #grow(): void {
    const capacity = this.flags.length * 2;
    this.usage = grown(this.usage, new Uint32Array(capacity));
    this.type = grown(this.type, new Uint32Array(capacity));
    this.organization = grown(this.organization, new Uint32Array(capacity));
    this.tagList = grown(this.tagList, new Uint32Array(capacity));
    this.flags = grown(this.flags, new Uint8Array(capacity));
    this.expires = grown(this.expires, new Float64Array(capacity));
    this.expiringFrom = grown(this.expiringFrom, new Float64Array(capacity));
  }
}

function grown<T extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(
  from: T,
  to: T,
): T {
  to.set(from);
  return to;
}
