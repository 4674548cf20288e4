/** The whole audit log as one ZIP that is made while it is sent: everything that a verification elsewhere needs. */
import type { KeyObject } from 'node:crypto';
import { type PassThrough, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { timestamp } from '../../clock.js';
import type { Actor } from '../../types.js';
import { keyId } from './checkpoint.js';
import type { Snapshot } from './snapshot.js';
import { CHECKPOINT_FILE, HEAD_FILE } from './stored.js';
import type { AuditTrail } from './trail.js';

/**
 * Records that the trail is taken away, then gives it: the line is in it.
 * @returns the ZIP; it breaks off where a file cannot be read
 */
export async function exportTrail(trail: AuditTrail, actor: Actor): Promise<{ filename: string; content: Readable }> {
  await recordExport(trail, 'zip', actor);
  const now = trail.clock.now();
  const content = auditBundle(await trail.snapshot(), trail.publicKey, now);
  return { filename: `certmate-audit-${timestamp(now).slice(0, 10)}.zip`, content };
}

/** Records who takes the log away, and in which format; on disk when it resolves. @throws CertMateError STORAGE_FULL, UNAVAILABLE */
export async function recordExport(trail: AuditTrail, format: string, actor: Actor): Promise<void> {
  await trail.record({
    operation: 'export',
    resource_type: 'audit_log',
    resource_id: null,
    status: 'success',
    actor,
    details: { format },
  });
}

/** @param at the time that the archive gives its files */
function auditBundle(log: Snapshot, publicKey: KeyObject, at: Date): Readable {
  const zip = new ZipFile();
  const output = zip.outputStream as PassThrough;
  const options = { mtime: at, mode: 0o600 };
  const text = (name: string, contents: string) => zip.addBuffer(Buffer.from(contents), name, options);
  // A file is opened when its turn comes, however many there are.
  let current: Readable | undefined;
  const stream = (name: string, bytes: () => AsyncIterable<Buffer>) =>
    zip.addReadStreamLazy(name, options, (begin) => {
      current = Readable.from(bytes(), { objectMode: false });
      begin(null, current);
    });

  text('README.txt', readme(log, publicKey));
  text('public-key.pem', publicKey.export({ type: 'spki', format: 'pem' }).toString());
  text(HEAD_FILE, `${JSON.stringify(log.head)}\n`);
  for (const { name, bytes } of [log.checkpoints, ...log.files]) stream(name, bytes);
  zip.on('error', (error: Error) => output.destroy(error));
  // Whoever goes away in the middle leaves no file open.
  output.once('close', () => current?.destroy());
  zip.end();
  return output;
}

function readme({ head, files }: Snapshot, publicKey: KeyObject): string {
  return `The audit log of CertMate, ${head.seq} lines, as it was at ${head.timestamp}.

${files.map(({ name }) => name).join('\n')}
    the log, oldest lines first; one JSON object a line
${CHECKPOINT_FILE}
    signed statements "line <seq> has this hash", one at least every 100 lines
${HEAD_FILE}
    the same for the last line at the time of this export
public-key.pem
    the key that signed them (Ed25519), key_id ${keyId(publicKey)}

How to verify it without the server
-----------------------------------
With CertMate's command, of this archive as it is or unpacked:

    certmate verify-audit --log <archive or folder> --public-key <file>

It ends with 0 if nothing was changed, removed, added, moved or cut off; with 1 if something was, and names the first bad
line and its file. Take the public key from where you noted it before, not from this archive: whoever can exchange the log
can exchange the key beside it.

How to verify it without CertMate
---------------------------------
1. "hash" of a line is the SHA-256 of the line up to ,"hash": followed by }

    sed -n 1p certificate_audit*.log | sed 's/,"hash":"[0-9a-f]*"}$/}/' | tr -d '\\n' | sha256sum

2. "prev_hash" of a line is the "hash" of the line before it, in the file before where there is none (64 zeros in the very
   first line), and "seq" counts from 1 without a gap.
3. "signature" of a checkpoint is base64, Ed25519 over these four lines of text, each with a line feed:

    certmate audit checkpoint
    <seq>
    <hash>
    <timestamp>

    openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in statement.txt -sigfile signature.bin
`;
}
