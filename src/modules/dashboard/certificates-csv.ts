/** Certificates as rows of a table. */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Columns } from './csv.js';
import type { Caller, Certificate, Certificates, Conditions, Selection } from './services.js';

/** Certificates that are written in one go; others get their turn in between. */
const PAGE = 500;

export const CERTIFICATE_COLUMNS: Columns<Certificate> = {
  identifier: ({ identifier }) => identifier,
  common_name: ({ common_name }) => common_name,
  email: ({ email }) => email,
  organization: ({ organization }) => organization,
  organizational_unit: ({ organizational_unit }) => organizational_unit,
  country: ({ country }) => country,
  state: ({ state }) => state,
  locality: ({ locality }) => locality,
  cert_usage: ({ cert_usage }) => cert_usage,
  certificate_type: ({ certificate_type }) => certificate_type,
  status: ({ status }) => status,
  serial_number: ({ serial_number }) => serial_number,
  fingerprint_sha256: ({ fingerprint_sha256 }) => fingerprint_sha256,
  key_algorithm: ({ key_algorithm }) => key_algorithm,
  key_size: ({ key_size }) => key_size,
  subject_alt_names: ({ subject_alt_names }) => subject_alt_names.join('; '),
  tags: ({ tags }) => tags.join('; '),
  created_at: ({ created_at }) => created_at,
  not_before: ({ not_before }) => not_before,
  expires_at: ({ expires_at }) => expires_at,
  revoked_at: ({ revocation }) => revocation.revoked_at,
  reason_revoked: ({ revocation }) => revocation.reason_revoked,
  has_private_key: ({ has_private_key }) => String(has_private_key),
  renewal_enabled: ({ renewal }) => String(renewal.renewal_enabled),
  notes: ({ notes }) => notes,
};

/** `certificates-2026-11-21.csv` */
export function csvFilename(now: Date): string {
  return `certificates-${now.toISOString().slice(0, 10)}.csv`;
}

/** All certificates that meet the conditions and the caller may see, however many. */
export async function* every(
  certificates: Pick<Certificates, 'list'>,
  conditions: Conditions & Pick<Selection, 'sort' | 'order'>,
  caller: Caller,
): AsyncGenerator<Certificate, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = certificates.list({ ...conditions, limit: PAGE, cursor }, caller);
    yield* page.certificates;
    cursor = page.next_cursor ?? undefined;
    await othersTurn();
  } while (cursor !== undefined);
}
