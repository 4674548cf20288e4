/** Verifies an audit log away from its server: from its files, or an exported bundle, and the public key. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { linesIn } from '../../store/lines.js';
import { logNames } from '../../store/log-names.js';
import { readCheckpoint } from './checkpoint.js';
import type { Link } from './line.js';
import { CHECKPOINT_FILE, HEAD_FILE, LOG_FILE } from './stored.js';
import { type Verification, verifyLog } from './verify.js';

/** A file, wherever it comes from. */
export interface OfflineFile {
  name: string;
  bytes(): AsyncIterable<Buffer>;
}

/** What is given cannot be verified at all; says why. */
export class UnusableEvidence extends Error {}

/**
 * Reads a public key: PEM, or the answer of `GET /api/audit/public-key`.
 * @throws UnusableEvidence if it is not an Ed25519 key
 */
export function readPublicKey(text: string): KeyObject {
  try {
    const pem = text.trimStart().startsWith('{')
      ? (JSON.parse(text) as { public_key_pem: string }).public_key_pem
      : text;
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below, in words that help.
  }
  throw new UnusableEvidence('the public key is not one of an audit log: an Ed25519 key in PEM is needed');
}

/**
 * @param files those of the log in any order, the checkpoints, and `head.json` if there is one; others do not matter. Files
 * under names that are not ours are taken for the log as well if there is none under ours.
 * @throws UnusableEvidence if there is neither a log nor a checkpoint
 */
export async function verifyOffline(files: readonly OfflineFile[], publicKey: KeyObject): Promise<Verification> {
  const statements = files.filter(({ name }) => name.endsWith('.checkpoints'));
  const heads = files.filter(({ name }) => name === HEAD_FILE);
  const log = inOrder(files.filter((file) => !statements.includes(file) && !heads.includes(file)));
  if (log.length === 0 && statements.length === 0) {
    throw new UnusableEvidence(`there is no audit log: no ${LOG_FILE}, and no ${CHECKPOINT_FILE}`);
  }
  return verifyLog({
    files: log.map(({ name, first, bytes }) => ({ name, first, lines: linesIn(bytes()) })),
    checkpoints: { name: statements[0]?.name ?? CHECKPOINT_FILE, lines: linesOfAll(statements) },
    head: await furthest(heads, publicKey),
    publicKey,
  });
}

function inOrder(files: readonly OfflineFile[]): (OfflineFile & { first: number | null })[] {
  const names = logNames(
    files.map(({ name }) => name),
    LOG_FILE,
  );
  const known = new Map(names.map(({ name, first }, index) => [name, { first, index }]));
  const ours = files.filter(({ name }) => known.has(name));
  if (ours.length === 0) {
    const logs = files.filter(({ name }) => /\.(log|ndjson|jsonl)$/.test(name));
    return (files.length === 1 ? files : logs).map((file) => ({ ...file, first: null }));
  }
  return ours
    .toSorted((a, b) => (known.get(a.name)?.index ?? 0) - (known.get(b.name)?.index ?? 0))
    .map((file) => ({ ...file, first: known.get(file.name)?.first ?? null }));
}

async function* linesOfAll(files: readonly OfflineFile[]): AsyncGenerator<string> {
  for (const file of files) yield* linesIn(file.bytes());
}

/** The signed statement that reaches furthest. A head that this key did not sign proves nothing, so it counts as none. */
async function furthest(heads: readonly OfflineFile[], publicKey: KeyObject): Promise<Link | null> {
  let head: Link | null = null;
  for await (const text of linesOfAll(heads)) {
    const link = readCheckpoint(text, publicKey);
    if (link !== null && link.seq > (head?.seq ?? 0)) head = link;
  }
  return head;
}
