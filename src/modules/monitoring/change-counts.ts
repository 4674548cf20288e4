/** How many certificates were issued, renewed, revoked and deleted, however it came about: told by the store. */
import type { CertificateRecord, RevocationReason } from '../../types.js';

export class ChangeCounts {
  issued = 0;
  renewed = 0;
  deleted = 0;
  readonly #revoked = new Map<RevocationReason, number>();

  /** Takes note of a change. @param previous null for a new certificate */
  note(record: CertificateRecord, previous: CertificateRecord | null): void {
    const isNew = previous === null || (previous.deleted_at !== null && record.deleted_at === null);
    if (isNew) this.issued += 1;
    else if (record.serial_number !== previous.serial_number) this.renewed += 1;
    if (record.deleted_at !== null && previous?.deleted_at === null) this.deleted += 1;
    this.#noteRevocations(record, previous);
  }

  /** Readings by reason. A certificate that is revoked while on hold counts for both. */
  revoked(): { labels: { reason: RevocationReason }; value: number }[] {
    return [...this.#revoked].map(([reason, value]) => ({ labels: { reason }, value }));
  }

  #noteRevocations(record: CertificateRecord, previous: CertificateRecord | null): void {
    const before = new Map(previous === null ? [] : reasons(previous));
    for (const [serial, reason] of reasons(record)) {
      if (before.get(serial) !== reason) this.#revoked.set(reason, (this.#revoked.get(reason) ?? 0) + 1);
    }
  }
}

/** Its revoked serial numbers, replaced ones included, each with the reason. */
function reasons({ serial_number, revocation, history }: CertificateRecord): [string, RevocationReason][] {
  return [{ ...revocation, serial_number }, ...history].flatMap(
    ({ serial_number: serial, revoked_at, reason_revoked }) =>
      revoked_at === null ? [] : [[serial, reason_revoked ?? 'unspecified']],
  );
}
