/** Private keys from under one secret to under another, or to none. */
import type { KeySealer } from './key-sealer.js';
import { isEncrypted, KeyOpenError, openPrivateKey } from './sealing.js';

/**
 * A stored private key as it is to be stored from now on; null if it is so already. What is returned has been opened again,
 * and is the same key.
 * @param pem as it is stored
 * @param target under which secret it is to be, if under one
 * @param older secrets under which it may be
 * @throws KeyOpenError none of the secrets opens it, or it is damaged
 */
export function resealed(pem: string, target: KeySealer, older: readonly KeySealer[]): string | null {
  const plain = opened(pem, [target, ...older]);
  const stays = isEncrypted(pem) ? target.seals && opens(target, pem) : !target.seals;
  if (stays) return null;
  const sealed = target.seal(plain);
  const key = openPrivateKey(plain, null);
  if (!openPrivateKey(target.open(sealed), null).equals(key)) throw new KeyOpenError('not-a-key');
  return sealed;
}

/** The key itself, in PEM. @throws KeyOpenError of the secret that came nearest */
function opened(pem: string, sealers: readonly KeySealer[]): string {
  let failure = new KeyOpenError('passphrase-missing');
  for (const sealer of sealers) {
    try {
      const plain = sealer.open(pem);
      openPrivateKey(plain, null);
      return plain;
    } catch (error) {
      if (!(error instanceof KeyOpenError)) throw error;
      if (failure.reason === 'passphrase-missing') failure = error;
    }
  }
  throw failure;
}

function opens(sealer: KeySealer, pem: string): boolean {
  try {
    openPrivateKey(sealer.open(pem), null);
    return true;
  } catch (error) {
    if (error instanceof KeyOpenError) return false;
    throw error;
  }
}
