/** The form in which private keys are stored, and whether the secret at hand is the one that they are stored under. */
import { KeySealer } from '../../crypto/key-sealer.js';
import { KeyOpenError, type KeyOpenFailure } from '../../crypto/sealing.js';
import { CertMateError, StartupError } from '../../errors.js';
import type { KeyForm } from '../../store/opening.js';
import type { Store } from '../../store/store.js';
import type { Identifier, Log } from '../../types.js';

const LOCKED: Record<KeyOpenFailure, string> = {
  'passphrase-missing':
    'This private key is stored encrypted. Start CertMate with CERTMATE_KEY_ENCRYPTION, the secret that it was stored under.',
  'passphrase-wrong':
    'This private key is stored under another secret than the one in CERTMATE_KEY_ENCRYPTION. Start CertMate with that one.',
  'not-a-key': 'The file of this private key is damaged. Restore it from a backup, or renew the certificate.',
};

/** @param secret null: keys are stored as they are; those that are encrypted cannot be read */
export function keyForm(secret: string | null): KeyForm {
  const sealer = new KeySealer(secret);
  return {
    toStored: (pem) => sealer.seal(pem),
    fromStored: (pem) => {
      try {
        return sealer.open(pem);
      } catch (error) {
        if (!(error instanceof KeyOpenError)) throw error;
        throw new CertMateError('KEY_LOCKED', LOCKED[error.reason], { cause: error });
      }
    },
  };
}

/** So many of the oldest and of the newest keys are tried. */
const SAMPLE = 8;

/**
 * Tries the secret on some stored keys.
 * @throws StartupError if there is a secret and it does not open one of them; without one that is only logged, because
 *   everything but those keys works
 */
export async function tryKeys(
  store: Pick<Store, 'inventory' | 'read'>,
  secret: string | null,
  log: Log,
): Promise<void> {
  const holders: Identifier[] = [];
  for (const { identifier, has_private_key } of store.inventory.records()) {
    if (!has_private_key) continue;
    holders.push(identifier);
    if (holders.length > 2 * SAMPLE) holders.splice(SAMPLE, 1);
  }
  for (const identifier of holders) {
    const locked = await lockOn(store, identifier);
    if (locked === null) continue;
    if (secret !== null) {
      const message = `CERTMATE_KEY_ENCRYPTION does not open the private key of ${identifier}`;
      throw new StartupError(message, { cause: locked });
    }
    log.warn({ identifier }, 'there are encrypted private keys, and CERTMATE_KEY_ENCRYPTION is not set');
    return;
  }
}

/** Why a key cannot be opened; null if it can, or is not there or damaged, which others report. */
async function lockOn(store: Pick<Store, 'read'>, identifier: Identifier): Promise<KeyOpenError | null> {
  try {
    await store.read(identifier, 'cert.key');
    return null;
  } catch (error) {
    const cause = error instanceof CertMateError ? error.cause : null;
    return cause instanceof KeyOpenError && cause.reason !== 'not-a-key' ? cause : null;
  }
}
