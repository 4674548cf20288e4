/** Opens the store with what it does not know by itself: how to read a certificate and a CRL. */
import { join } from 'node:path';
import { FilesystemStore } from '../../store/filesystem.js';
import { Folder } from '../../store/folder.js';
import type { Reconstruct } from '../../store/remains.js';
import type { Clock, Log } from '../../types.js';
import { keyForm } from './key-form.js';
import { lastRevocations } from './last-crl.js';
import { reconstruction } from './reconstruction.js';

/**
 * The lock of the data directory must be held.
 * @param keyEncryption the secret under which private keys are stored; null: as they are
 * @param onSynced told how long each sync of the journal took (seconds)
 * @throws CertMateError STORAGE_FULL
 */
export function openStore(
  dataDir: string,
  clock: Clock,
  log: Log,
  keyEncryption: string | null = null,
  onSynced?: (seconds: number) => void,
): Promise<FilesystemStore> {
  const reconstruct = reconstructionIn(dataDir);
  return FilesystemStore.open({ dataDir, clock, log, reconstruct, keyForm: keyForm(keyEncryption), onSynced });
}

/** Makes records out of the certificates and the CRLs of a data directory. */
function reconstructionIn(dataDir: string): Reconstruct {
  const certs = new Folder(join(dataDir, 'certs'));
  return reconstruction(() => lastRevocations(certs.folder('crl'), certs.folder('ca')));
}
