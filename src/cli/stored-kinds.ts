/** Every kind of file that a start reads and that says in which form it is, each from the module whose file it is. */
import { keysFile } from '../modules/auth/key-records.js';
import { lastUsedFile } from '../modules/auth/last-used.js';
import { usersFile } from '../modules/auth/user-records.js';
import { jobFile } from '../modules/batch/job-files.js';
import { blockedKeysFile } from '../modules/blocked-keys/blocked-keys.js';
import { metadataFile } from '../modules/ca/establish.js';
import { floorFile } from '../modules/crl/stored-crls.js';
import type { StoredKind } from '../modules/doctor/stored.js';
import { RESEALING_INTERRUPTED, resealingFile } from '../modules/foundation/resealing.js';
import { entryFileForm } from '../modules/idempotency/entries.js';
import { profileFile } from '../modules/profiles/registry.js';
import { lastRunFile } from '../modules/renewal/sweep.js';
import { settingsFile } from '../modules/settings/settings.js';
import { issuedFile } from '../modules/tls/own-certificate.js';
import { revokedElsewhereFile } from '../store/revoked-elsewhere.js';
import { onlyUnnumbered, VersionedFile } from '../store/versioned-file.js';

/** What its signature says, the audit log itself is held against. */
const headFile = new VersionedFile({
  upgrades: [onlyUnnumbered],
  parse: (contents) => contents,
  remedy: 'Restore it from a backup: without it nobody can tell whether the end of the audit log was cut off.',
});

export const STORED_KINDS: readonly StoredKind[] = [
  { pattern: /^settings\.json$/, file: settingsFile },
  { pattern: /^blocked-keys\.json$/, file: blockedKeysFile },
  { pattern: /^renewals\.json$/, file: lastRunFile },
  { pattern: /^resealing\.json$/, file: resealingFile, unwanted: RESEALING_INTERRUPTED },
  { pattern: /^auth\/keys\.json$/, file: keysFile },
  { pattern: /^auth\/users\.json$/, file: usersFile },
  { pattern: /^auth\/last-used\.json$/, file: lastUsedFile },
  { pattern: /^audit\/head\.json$/, file: headFile },
  { pattern: /^certs\/ca\/ca_metadata\.json$/, file: metadataFile },
  { pattern: /^certs\/crl\/revoked-elsewhere\.json$/, file: revokedElsewhereFile },
  { pattern: /^certs\/crl\/restored\.json$/, file: floorFile },
  { pattern: /^tls\/issued\.json$/, file: issuedFile },
  { pattern: /^batch\/[^/]+\/job\.json$/, file: jobFile },
  { pattern: /^idempotency\/[^/]+\.json$/, file: entryFileForm },
  { pattern: /^profiles\/[^/]+\.json$/, file: profileFile, byHand: true },
];
