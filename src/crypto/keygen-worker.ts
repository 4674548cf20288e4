/** Runs in a worker thread: makes keys, with the worker's own CPU time and none of libuv's pool. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { KeyType } from '../types.js';

/** Makes a key of each type. */
export default function generateKeys(types: readonly KeyType[]): KeyObject[] {
  return types.map(generateKey);
}

/**
 * Makes a key pair. The curve is always named in the key, never written out as explicit parameters.
 * @returns the private key; the public one follows from it
 */
function generateKey(type: KeyType): KeyObject {
  switch (type) {
    case 'rsa-2048':
      return generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 65537 }).privateKey;
    case 'rsa-3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072, publicExponent: 65537 }).privateKey;
    case 'rsa-4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096, publicExponent: 65537 }).privateKey;
    case 'ec-p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'ec-p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}
