/** Serial numbers that were revoked before this CA came here, and whose certificates are not here: they stay on the CRL. */
import type { RevocationReason, Serial, Timestamp } from '../types.js';
import type { Folder } from './folder.js';
import { neverWithout, VersionedFile } from './versioned-file.js';

export interface RevokedElsewhere {
  serial_number: Serial;
  revoked_at: Timestamp;
  reason_revoked: RevocationReason;
  invalidity_date: Timestamp | null;
}

const NAME = 'revoked-elsewhere.json';

export const revokedElsewhereFile = new VersionedFile<RevokedElsewhere[]>({
  upgrades: [neverWithout],
  parse: ({ serials }) => {
    if (!Array.isArray(serials) || !serials.every(isOne)) throw new Error('serials is missing or wrong');
    return serials;
  },
  remedy: 'Restore it from a backup, or run certmate import-certs again.',
  mode: 0o644,
});

/**
 * What is kept in the folder of the CRLs; empty if nothing is.
 * @throws StartupError the file is damaged, or a newer program has written it
 */
export async function revokedElsewhere(crlFolder: Folder): Promise<RevokedElsewhere[]> {
  return (await revokedElsewhereFile.read(crlFolder, `certs/crl/${NAME}`)) ?? [];
}

/** Adds serial numbers; those that are kept already stay as they are, unless a hold becomes final. */
export async function keepRevokedElsewhere(crlFolder: Folder, added: readonly RevokedElsewhere[]): Promise<void> {
  const kept = new Map((await revokedElsewhere(crlFolder)).map((one) => [one.serial_number, one]));
  for (const one of added) {
    const before = kept.get(one.serial_number);
    if (before === undefined) kept.set(one.serial_number, one);
    else if (before.reason_revoked === 'certificateHold' && one.reason_revoked !== 'certificateHold') {
      kept.set(one.serial_number, { ...one, revoked_at: before.revoked_at });
    }
  }
  await revokedElsewhereFile.write(crlFolder, NAME, { serials: [...kept.values()] });
}

function isOne(value: unknown): value is RevokedElsewhere {
  const { serial_number, revoked_at, reason_revoked, invalidity_date } = value as Record<
    keyof RevokedElsewhere,
    unknown
  >;
  const isTime = (text: unknown) => typeof text === 'string' && !Number.isNaN(Date.parse(text));
  return (
    typeof serial_number === 'string' &&
    /^\d{1,60}$/.test(serial_number) &&
    isTime(revoked_at) &&
    typeof reason_revoked === 'string' &&
    (invalidity_date === null || isTime(invalidity_date))
  );
}
