/**
 * A thread for work that would hold up everybody else. The way to it and back takes longer than most of what it is asked to
 * do, so whatever comes while others are on their way goes on the next journey together.
 */
import { Piscina } from 'piscina';

/** An idle thread is let go after this long (ms). */
const IDLE_TIMEOUT = 60_000;

/** What became of one order. Errors travel as plain data, for a class and a `code` get lost between threads. */
export type Answer<Result, Failure> = { done: Result } | { failed: Failure };

/** What the thread's file exports as its default: an answer to each order, in their order. It must not throw. */
export type Work<Order, Result, Failure> = (orders: Order[]) => Promise<Answer<Result, Failure>[]>;

interface Waiter<Order, Result, Failure> {
  order: Order;
  resolve(answer: Answer<Result, Failure>): void;
  reject(error: unknown): void;
}

export class WorkerThread<Order, Result, Failure> {
  readonly #pool: Piscina<Order[], Answer<Result, Failure>[]>;
  readonly #most: number;
  #waiting: Waiter<Order, Result, Failure>[] = [];
  #journeys: Promise<void> | null = null;
  #closed = false;

  /**
   * No thread runs before the first order.
   * @param file the compiled file that does the work
   * @param most so many orders go on one journey
   */
  constructor(file: URL, most: number) {
    this.#most = most;
    this.#pool = new Piscina({
      filename: file.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_TIMEOUT,
      // The thread needs no settings, and some of them are secrets.
      env: {},
    });
    // A thread that ends while nobody waits for it concerns nobody: the next order gets a new one.
    this.#pool.on('error', () => undefined);
  }

  /** @throws Error the thread ended before it could answer: nobody knows how far it came; `close` was called before */
  ask(order: Order): Promise<Answer<Result, Failure>> {
    if (this.#closed) return Promise.reject(new Error('the thread takes no more orders'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ order, resolve, reject });
      this.#journeys ??= this.#travel();
    });
  }

  /** Waits for the answers to what was asked, then ends the thread. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#journeys;
    await this.#pool.destroy();
  }

  async #travel(): Promise<void> {
    // One turn of the event loop: orders of the same burst of requests go together from the start.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const waiters = this.#waiting.splice(0, this.#most);
      try {
        const answers = await this.#pool.run(waiters.map(({ order }) => order));
        waiters.forEach(({ resolve }, index) => resolve(answers[index] as Answer<Result, Failure>));
      } catch (error) {
        for (const { reject } of waiters) reject(error);
      }
    }
    this.#journeys = null;
  }
}
