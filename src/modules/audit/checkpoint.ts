/** Signed statements about the log: "line `seq` has this hash", and with it every line before it. */
import { createHash, type KeyObject, verify } from 'node:crypto';
import type { Signer } from '../../crypto/signer.js';
import type { Timestamp } from '../../types.js';
import type { Link } from './line.js';

/** Lines between two checkpoints. */
export const CHECKPOINT_EVERY = 100;

export interface Checkpoint extends Link {
  timestamp: Timestamp;
  /** Which key signed: the first 16 hex digits of the SHA-256 of its SubjectPublicKeyInfo. */
  key_id: string;
  /** Ed25519 (RFC 8032) over `statement`, base64. */
  signature: string;
}

export function keyId(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(spki).digest('hex').slice(0, 16);
}

export async function signCheckpoint(link: Link, timestamp: Timestamp, signer: Signer): Promise<Checkpoint> {
  const signature = await signer.sign(statement({ ...link, timestamp }));
  return { ...link, timestamp, key_id: keyId(signer.publicKey), signature: signature.toString('base64') };
}

/** Reads a checkpoint and verifies its signature; null if it is not one that this key signed. */
export function readCheckpoint(text: string, publicKey: KeyObject): Checkpoint | null {
  try {
    const checkpoint = JSON.parse(text) as Checkpoint;
    const signature = Buffer.from(checkpoint.signature, 'base64');
    return verify(null, statement(checkpoint), publicKey, signature) ? checkpoint : null;
  } catch {
    return null;
  }
}

/** What is signed: five lines of ASCII, the last one empty. */
function statement({ seq, hash, timestamp }: Pick<Checkpoint, 'seq' | 'hash' | 'timestamp'>): Buffer {
  return Buffer.from(`certmate audit checkpoint\n${seq}\n${hash}\n${timestamp}\n`);
}
