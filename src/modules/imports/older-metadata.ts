/** What `metadata.json` of CertMate's older layouts adds to its certificate. */
import { type ReadableRevocation, type Salvage, salvage, timeIn } from '../../store/salvage.js';
import type { Timestamp } from '../../types.js';

/** Everything that the certificate does not say itself; undefined where the file does not say it either. */
export interface OlderMetadata {
  /** Readings of its serial number; empty if it says none. */
  serials: readonly string[];
  identifier: string | undefined;
  /** As it was written, free text. */
  cert_usage: string | undefined;
  email: string | undefined;
  notes: string | undefined;
  created_at: Timestamp | undefined;
  renewal_enabled: boolean | undefined;
  renewal_threshold_days: number | undefined;
  revocation: ReadableRevocation | null;
  /** Identifier of the certificate that a renewal put in its place. */
  superseded_by: string | undefined;
  superseded_at: Timestamp | undefined;
}

/**
 * Reads one.
 * @throws Error what is wrong with it, unless it can still be read that the certificate is revoked: otherwise it is unknown
 */
export function readOlderMetadata(file: Buffer): OlderMetadata {
  const said = salvage(file);
  // A last word that is cut short is no reading: nothing is lost by refusing, because the certificate stays where it is.
  const whole =
    said.object !== null || salvage(file.toString('utf8').replace(/[^\s,{}[\]"':]+$/, '')).revocation !== null;
  if (!whole) {
    throw new Error('its metadata.json is damaged, so it cannot be told whether it was revoked');
  }
  const textOf = (name: string): string | undefined => {
    const value = said.texts.get(name);
    return value === undefined || value === '' || value === 'null' || value === 'None' ? undefined : value;
  };
  const days = Number(textOf('renewal_threshold_days'));
  return {
    serials: said.serials,
    identifier: textOf('identifier'),
    cert_usage: textOf('cert_usage'),
    email: textOf('email'),
    notes: textOf('notes'),
    created_at: timeOf(textOf('created_at')),
    renewal_enabled: flagOf(said, 'renewal_enabled'),
    renewal_threshold_days: Number.isInteger(days) && days >= 1 && days <= 3650 ? days : undefined,
    revocation: said.revocation,
    superseded_by: textOf('superseded_by'),
    superseded_at: timeOf(textOf('superseded_at')),
  };
}

function timeOf(text: string | undefined): Timestamp | undefined {
  return text === undefined ? undefined : (timeIn(text) ?? undefined);
}

function flagOf({ texts }: Salvage, name: string): boolean | undefined {
  const value = texts.get(name)?.toLowerCase();
  return value === 'true' ? true : value === 'false' ? false : undefined;
}
