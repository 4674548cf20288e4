/** A stored record as callers see it. */
import { statusOf } from '../../store/status.js';
import type { CertificateRecord, CertificateStatus } from '../../types.js';

export type CertificateResource = CertificateRecord & { status: CertificateStatus };

/** The record with the status that it has at `now`. */
export function resourceOf(record: CertificateRecord, now: Date): CertificateResource {
  return { ...record, status: statusOf(record, now) };
}
