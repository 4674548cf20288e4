/**
 * The one place where keys are made. Two lanes of worker threads: RSA takes seconds, EC and Ed25519 microseconds, and the
 * quick ones never stand behind the slow ones. libuv's thread pool is left alone: a few RSA-4096 keys in it would hold up
 * every file read of the process. The way to a worker and back takes longer than making an EC key does, so quick keys asked
 * for while others are on their way share the next one.
 */
import type { KeyObject } from 'node:crypto';
import { Piscina } from 'piscina';
import { CertMateError } from '../errors.js';
import type { KeyType } from '../types.js';
import { Turns } from './turns.js';

/** An idle worker thread is let go after this long (ms). */
const IDLE_TIMEOUT = 60_000;

/** So many quick keys at most are made on one journey: whoever comes later need not wait for a thousand. */
const MOST_TOGETHER = 64;

interface Waiter {
  type: KeyType;
  resolve(key: KeyObject): void;
  reject(error: unknown): void;
}

/** Makes private keys: quick ones in the order asked for, RSA keys for one caller after the other. */
export class KeyGenerator {
  readonly #threads: number;
  readonly #ready: number;
  readonly #slow: Piscina<KeyType[], KeyObject[]>;
  readonly #quick: Piscina<KeyType[], KeyObject[]>;
  /** RSA requests that no thread works on yet. */
  readonly #waiting = new Turns<Waiter>();
  /** Requests for quick keys that are not on their way yet, oldest first. */
  #quickWaiting: Waiter[] = [];
  #quickBusy = false;
  readonly #made = new Map<KeyType, number>();
  /** Keys made ahead, for each type that `warm` named. */
  readonly #stock = new Map<KeyType, KeyObject[]>();
  #busy = 0;
  #closed = false;

  /**
   * No thread runs before the first key is asked for.
   * @param options.threads how many RSA keys are made at once
   * @param options.ready how many keys of each warmed type are kept in memory
   */
  constructor({ threads = 1, ready = 4 }: { threads?: number; ready?: number } = {}) {
    this.#threads = threads;
    this.#ready = ready;
    this.#slow = lane(threads);
    this.#quick = lane(1);
  }

  /**
   * One new private key, from the stock if there is one.
   * @param caller whose turn it uses up where RSA keys are waited for
   * @throws CertMateError UNAVAILABLE once `close` was called, also for requests still waiting then
   */
  generate(type: KeyType, caller = ''): Promise<KeyObject> {
    if (this.#closed) return Promise.reject(closing());
    if (!isRsa(type)) {
      return new Promise((resolve, reject) => {
        this.#quickWaiting.push({ type, resolve, reject });
        if (!this.#quickBusy) void this.#makeQuick();
      });
    }
    const stocked = this.#stock.get(type)?.shift();
    if (stocked !== undefined) {
      this.#advance();
      return Promise.resolve(stocked);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push(caller, { type, resolve, reject });
      this.#advance();
    });
  }

  /** From now on keeps keys of this type ready in memory. Types that take no time to make are not kept. */
  warm(type: KeyType): void {
    if (!isRsa(type) || this.#stock.has(type)) return;
    this.#stock.set(type, []);
    this.#advance();
  }

  /** How many keys of each type it has made. */
  get made(): ReadonlyMap<KeyType, number> {
    return this.#made;
  }

  /** How many keys of each warmed type are ready. */
  *stock(): Generator<[type: KeyType, ready: number]> {
    for (const [type, keys] of this.#stock) yield [type, keys.length];
  }

  /** How many requests wait that nobody works on yet. */
  get waiting(): { rsa: number; quick: number } {
    return { rsa: this.#waiting.size, quick: this.#quickWaiting.length };
  }

  /**
   * Stops the threads; requests still waiting are rejected. A thread in the middle of an RSA key finishes it first, because
   * OpenSSL cannot be interrupted.
   */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stock.clear();
    for (const waiter of [...this.#waiting.drain(), ...this.#quickWaiting.splice(0)]) waiter.reject(closing());
    await Promise.all([this.#slow.destroy(), this.#quick.destroy()]);
  }

  /** Gives every free thread something to do: requests first, the stock when nobody waits. */
  #advance(): void {
    while (!this.#closed && this.#busy < this.#threads) {
      const waiter = this.#waiting.shift();
      const type = waiter?.type ?? this.#lowestStock();
      if (type === undefined) return;
      this.#busy += 1;
      void this.#work(type, waiter);
    }
  }

  async #work(type: KeyType, waiter: Waiter | undefined): Promise<void> {
    try {
      const [key] = await this.#make(this.#slow, [type]);
      if (key === undefined) throw new Error('the worker made no key');
      if (waiter !== undefined) waiter.resolve(key);
      else this.#stockOrServe(type, key);
    } catch (error) {
      // A key for the stock that could not be made is nobody's error. Trying again at once could go on for ever, so this
      // type is no longer kept ready; requests still get theirs made, and see the reason if that fails.
      if (waiter === undefined) this.#stock.delete(type);
      else waiter.reject(error);
    } finally {
      this.#busy -= 1;
      this.#advance();
    }
  }

  /** A request that arrived while this key was being made for the stock gets it at once, if it is its turn. */
  #stockOrServe(type: KeyType, key: KeyObject): void {
    if (this.#waiting.peek()?.type === type) this.#waiting.shift()?.resolve(key);
    else this.#stock.get(type)?.push(key);
  }

  /** The warmed type that lacks most keys, those being made not counted; nothing if all are full. */
  #lowestStock(): KeyType | undefined {
    let lowest: KeyType | undefined;
    let least = this.#ready;
    for (const [type, keys] of this.#stock) {
      if (keys.length >= least) continue;
      least = keys.length;
      lowest = type;
    }
    return lowest;
  }

  /** Makes what is waiting, all of one journey together, until nothing waits any more. */
  async #makeQuick(): Promise<void> {
    this.#quickBusy = true;
    while (this.#quickWaiting.length > 0) {
      const waiters = this.#quickWaiting.splice(0, MOST_TOGETHER);
      try {
        const keys = await this.#make(
          this.#quick,
          waiters.map(({ type }) => type),
        );
        waiters.forEach(({ resolve }, index) => resolve(keys[index] as KeyObject));
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.#quickBusy = false;
  }

  async #make(pool: Piscina<KeyType[], KeyObject[]>, types: KeyType[]): Promise<KeyObject[]> {
    try {
      const keys = await pool.run(types);
      for (const type of types) this.#made.set(type, (this.#made.get(type) ?? 0) + 1);
      return keys;
    } catch (error) {
      if (this.#closed) throw closing();
      throw error;
    }
  }
}

function lane(threads: number): Piscina<KeyType[], KeyObject[]> {
  return new Piscina({
    filename: new URL('./keygen-worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_TIMEOUT,
    // The worker needs no settings, and some of them are secrets.
    env: {},
  });
}

function isRsa(type: KeyType): boolean {
  return type.startsWith('rsa-');
}

function closing(): CertMateError {
  return new CertMateError('UNAVAILABLE', 'The service is shutting down. Try again in a moment.');
}
