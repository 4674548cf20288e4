/**
 * The entries of the next CRL as bytes kept ready, so that building a CRL of a million of them copies none: they lie one
 * after another in slabs of a megabyte, found by serial number through a table of numbers. An object for each would take
 * three times the memory.
 *
 * A byte that has been given out in `pieces` never changes: entries are added behind, and a slab that loses one is
 * written anew.
 */
import { encode, TAG } from '../../pki/der.js';
import { serialFromBytes, serialToBytes } from '../../pki/serial.js';
import type { Serial } from '../../types.js';

const SLAB = 1 << 20;
/** An entry that is on the list no more. */
const GONE = 0xffff_ffff;
/** Seconds since 1970 that no certificate reaches: the entry stays. */
export const NEVER = 0xffff_ffff;

interface Slab {
  bytes: Buffer;
  used: number;
  /** Number of its first entry. */
  first: number;
  /** Whether entries in it have gone. */
  holed: boolean;
}

export class CrlEntries {
  #slabs: Slab[] = [];
  /** Entry number → where it begins: slab number × SLAB + offset. */
  #places = new Uint32Array(1024);
  /** Entry number → when its certificate expires, in seconds since 1970. */
  #expiries = new Uint32Array(1024);
  /** Entry numbers + 1 at the hash of their serial numbers or the next free place; 0 is free. */
  #table = new Int32Array(4096);
  #numbers = 0;
  #size = 0;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** What the next entry added will have for a number: those below it are the ones that are there now. */
  get mark(): number {
    return this.#numbers;
  }

  has(serial: Serial): boolean {
    return this.#find(integerOf(serial)) !== -1;
  }

  /**
   * Adds an entry, or puts it in the place of the one with the same serial number.
   * @param bytes an entry in DER (RFC 5280 §5.1.2.6), as short as those that we write
   * @param expiry seconds since 1970
   * @returns whether the list has changed by that
   * @throws RangeError for one of more than 129 octets
   */
  put(bytes: Buffer, expiry: number): boolean {
    if (bytes.length !== 2 + (bytes[1] as number)) throw new RangeError('not a CRL entry of the kind that we write');
    const known = this.#find(integerIn(bytes));
    if (known !== -1) {
      if (this.#bytesOf(known).equals(bytes)) {
        this.#expiries[known] = expiry;
        return false;
      }
      this.#remove(known);
    }
    this.#append(bytes, expiry);
    return true;
  }

  /** @returns whether there was such an entry */
  delete(serial: Serial): boolean {
    const number = this.#find(integerOf(serial));
    if (number !== -1) this.#remove(number);
    return number !== -1;
  }

  /** Removes entries with a number below `mark` whose certificates expired before this moment (seconds since 1970). */
  deleteExpired(before: number, mark: number): void {
    for (let number = 0; number < mark; number += 1) {
      if ((this.#expiries[number] as number) < before && this.#places[number] !== GONE) this.#remove(number);
    }
  }

  /** The entries whose expiry is this one (seconds since 1970), in DER. */
  *withExpiry(expiry: number): Generator<Buffer> {
    for (let number = 0; number < this.#numbers; number += 1) {
      if (this.#expiries[number] === expiry && this.#places[number] !== GONE) yield this.#bytesOf(number);
    }
  }

  /** Every entry in DER, one after another, in the order in which they were added. */
  pieces(): Buffer[] {
    if (this.#numbers > 2 * this.#size + SLAB / 32) this.#rewrite();
    for (const [index, slab] of this.#slabs.entries()) if (slab.holed) this.#close(index, slab);
    return this.#slabs.filter(({ used }) => used > 0).map(({ bytes, used }) => bytes.subarray(0, used));
  }

  /** In the order in which they were added. */
  *serials(): Generator<Serial> {
    for (let number = 0; number < this.#numbers; number += 1) {
      if (this.#places[number] !== GONE) yield serialFromBytes(contentOf(integerIn(this.#bytesOf(number))));
    }
  }

  #append(bytes: Buffer, expiry: number): void {
    let slab = this.#slabs.at(-1);
    if (slab === undefined || slab.used + bytes.length > SLAB) {
      slab = { bytes: Buffer.allocUnsafeSlow(SLAB), used: 0, first: this.#numbers, holed: false };
      this.#slabs.push(slab);
    }
    const number = this.#numbers;
    if (number === this.#places.length) {
      this.#places = grown(this.#places);
      this.#expiries = grown(this.#expiries);
    }
    bytes.copy(slab.bytes, slab.used);
    this.#places[number] = (this.#slabs.length - 1) * SLAB + slab.used;
    this.#expiries[number] = expiry;
    slab.used += bytes.length;
    this.#numbers += 1;
    this.#size += 1;
    if (this.#numbers * 2 > this.#table.length) this.#index();
    else this.#enter(number);
  }

  #remove(number: number): void {
    this.#slab(number).holed = true;
    this.#leave(number);
    this.#places[number] = GONE;
    this.#size -= 1;
  }

  /** Writes a slab anew without the entries that have gone. */
  #close(index: number, slab: Slab): void {
    const end = this.#slabs[index + 1]?.first ?? this.#numbers;
    const bytes = Buffer.allocUnsafeSlow(SLAB);
    let used = 0;
    for (let number = slab.first; number < end; number += 1) {
      if (this.#places[number] === GONE) continue;
      const entry = this.#bytesOf(number);
      entry.copy(bytes, used);
      this.#places[number] = index * SLAB + used;
      used += entry.length;
    }
    this.#slabs[index] = { bytes, used, first: slab.first, holed: false };
  }

  /** Gives the entries that are left new numbers, when most have gone. */
  #rewrite(): void {
    const kept = Array.from({ length: this.#numbers }, (_, number) => number)
      .filter((number) => this.#places[number] !== GONE)
      .map((number) => ({ bytes: this.#bytesOf(number), expiry: this.#expiries[number] as number }));
    this.#slabs = [];
    this.#places = new Uint32Array(1024);
    this.#expiries = new Uint32Array(1024);
    this.#table = new Int32Array(4096);
    this.#numbers = 0;
    this.#size = 0;
    for (const { bytes, expiry } of kept) this.#append(bytes, expiry);
  }

  #slab(number: number): Slab {
    return this.#slabs[Math.floor((this.#places[number] as number) / SLAB)] as Slab;
  }

  #bytesOf(number: number): Buffer {
    const { bytes } = this.#slab(number);
    const start = (this.#places[number] as number) % SLAB;
    return bytes.subarray(start, start + 2 + (bytes[start + 1] as number));
  }

  /** The number of the entry with this serial number, an INTEGER in DER; -1 if there is none. */
  #find(integer: Buffer): number {
    for (let at = this.#start(integer); ; at = (at + 1) % this.#table.length) {
      const number = (this.#table[at] as number) - 1;
      if (number === -1) return -1;
      if (integerIn(this.#bytesOf(number)).equals(integer)) return number;
    }
  }

  #enter(number: number): void {
    let at = this.#start(integerIn(this.#bytesOf(number)));
    while (this.#table[at] !== 0) at = (at + 1) % this.#table.length;
    this.#table[at] = number + 1;
  }

  /** Frees the place of an entry; those behind it that would no longer be found move up. */
  #leave(number: number): void {
    let at = this.#start(integerIn(this.#bytesOf(number)));
    while (this.#table[at] !== number + 1) at = (at + 1) % this.#table.length;
    this.#table[at] = 0;
    for (let next = (at + 1) % this.#table.length; this.#table[next] !== 0; next = (next + 1) % this.#table.length) {
      const moved = (this.#table[next] as number) - 1;
      this.#table[next] = 0;
      this.#enter(moved);
    }
  }

  /** Makes the table anew, four times as long as there are entries. */
  #index(): void {
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(this.#numbers * 2 + 2)));
    for (let number = 0; number < this.#numbers; number += 1) if (this.#places[number] !== GONE) this.#enter(number);
  }

  /** FNV-1a over the serial number. */
  #start(integer: Buffer): number {
    let hash = 0x811c9dc5;
    for (let index = 0; index < integer.length; index += 1) {
      hash = Math.imul(hash ^ (integer[index] as number), 0x01000193);
    }
    return (hash >>> 0) % this.#table.length;
  }
}

/** The serial number of an entry: an INTEGER in DER. */
function integerIn(entry: Buffer): Buffer {
  return entry.subarray(2, 4 + (entry[3] as number));
}

function integerOf(serial: Serial): Buffer {
  return encode(TAG.integer, serialToBytes(serial));
}

function contentOf(integer: Buffer): Buffer {
  return integer.subarray(2);
}

function grown(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(numbers.length * 2);
  longer.set(numbers);
  return longer;
}
