/**
 * Denied calls, recorded so that a flood of them cannot fill the disk: a few a minute for each address and a bounded
 * number in all; the rest are counted, and the count stands in the next line that is written, as `details.not_recorded`.
 */
import type { AuditEvent, AuditSink, Clock } from '../../types.js';

/** Lines a minute: for one address, and for all together. */
const PER_ADDRESS = 10;
const IN_ALL = 120;
const MINUTE = 60_000;

export class DenialLog {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  /** Lines written in this minute, for each address; at most IN_ALL entries. */
  #written = new Map<string, number>();
  #inAll = 0;
  #minute = Number.NEGATIVE_INFINITY;
  #notRecorded = 0;
  /** How many there were of each operation, recorded or not. */
  readonly counts = new Map<AuditEvent['operation'], number>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Resolves once the line is on disk, at once if there will be none. */
  async record(event: AuditEvent): Promise<void> {
    this.counts.set(event.operation, (this.counts.get(event.operation) ?? 0) + 1);
    const address = event.actor.ip_address ?? '';
    const minute = Math.floor(this.#clock.now().getTime() / MINUTE);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#written.clear();
      this.#inAll = 0;
    }
    const count = this.#written.get(address) ?? 0;
    if (count >= PER_ADDRESS || this.#inAll >= IN_ALL) {
      this.#notRecorded += 1;
      return;
    }
    this.#written.set(address, count + 1);
    this.#inAll += 1;
    await this.#write(event);
  }

  /** Writes what is still only a count. */
  async close(): Promise<void> {
    if (this.#notRecorded === 0) return;
    await this.#write({
      operation: 'access',
      resource_type: 'endpoint',
      resource_id: null,
      status: 'denied',
      actor: { user: 'system', ip_address: null, request_id: null },
    });
  }

  async #write(event: AuditEvent): Promise<void> {
    const notRecorded = this.#notRecorded;
    this.#notRecorded = 0;
    const details = notRecorded === 0 ? event.details : { ...event.details, not_recorded: notRecorded };
    try {
      await this.#audit.record({ ...event, ...(details === undefined ? {} : { details }) });
    } catch (error) {
      this.#notRecorded += notRecorded;
      throw error;
    }
  }
}
