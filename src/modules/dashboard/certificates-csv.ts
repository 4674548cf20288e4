/** Certificates as a table for spreadsheets (RFC 4180), however many there are. */
import { Readable } from 'node:stream';
import { setImmediate as othersTurn } from 'node:timers/promises';
import { stringify } from 'csv-stringify';
import type { Certificate, Certificates, Conditions, Selection } from './services.js';

/** Certificates that are written in one go; others get their turn in between. */
const PAGE = 500;

const COLUMNS: Record<string, (certificate: Certificate) => string | number | null> = {
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

/** The certificates in this order. A header row comes first, lines end in CRLF. */
export function certificatesCsv(certificates: Iterable<Certificate> | AsyncIterable<Certificate>): Readable {
  const table = stringify({
    bom: true,
    header: true,
    columns: Object.keys(COLUMNS),
    record_delimiter: 'windows',
    // A spreadsheet would run a cell that begins with = + - or @ as a formula.
    escape_formulas: true,
  });
  const rows = Readable.from(rowsOf(certificates));
  return rows.on('error', (error) => table.destroy(error)).pipe(table);
}

/** `certificates-2026-11-21.csv` */
export function csvFilename(now: Date): string {
  return `certificates-${now.toISOString().slice(0, 10)}.csv`;
}

/** All certificates that meet the conditions, however many. */
export async function* every(
  certificates: Pick<Certificates, 'list'>,
  conditions: Conditions & Pick<Selection, 'sort' | 'order'>,
): AsyncGenerator<Certificate, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = certificates.list({ ...conditions, limit: PAGE, cursor });
    yield* page.certificates;
    cursor = page.next_cursor ?? undefined;
    await othersTurn();
  } while (cursor !== undefined);
}

async function* rowsOf(certificates: Iterable<Certificate> | AsyncIterable<Certificate>): AsyncGenerator<unknown[]> {
  for await (const certificate of certificates) yield Object.values(COLUMNS).map((cell) => cell(certificate));
}
