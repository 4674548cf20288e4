/** A child: publishes a CRL of so many entries and says what that cost. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { localSigner } from '../src/crypto/file-signer.js';
import type { CertificateAuthority } from '../src/modules/ca/authority.js';
import { createAuthority } from '../src/modules/ca/establish.js';
import { CrlPublisher, type PublisherParts } from '../src/modules/crl/publisher.js';
import { Folder } from '../src/store/folder.js';
import { serveParent } from './child.js';

const folder = process.env['BENCH_FOLDER'] as string;
const count = Number(process.env['BENCH_ENTRIES']);
const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const caFolder = new Folder(join(folder, 'ca'));
const authority: CertificateAuthority = await createAuthority(
  caFolder,
  { subject: 'CN=CertMate CA,O=CertMate', keyType: 'ec-p256', days: 3650 },
  key,
  null,
  new Date(),
);

/** As the inventory gives them: the strings are its own. */
function* revocations() {
  for (let number = 0; number < count; number += 1) {
    yield {
      serial: ((1n << 126n) + BigInt(number) * 0x9e3779b97f4a7c15n).toString(),
      expires_at: '2030-01-01T00:00:00Z',
      revoked_at: '2026-01-02T03:04:05Z',
      reason: 'keyCompromise' as const,
      invalidity_date: null,
      not_before: null,
    };
  }
}

const parts: PublisherParts = {
  authority,
  revocations: () => [],
  isKnown: () => true,
  crlFolder: new Folder(join(folder, 'crl')),
  caFolder,
  clock: { now: () => new Date() },
  log: quiet,
  hours: 168,
};
await CrlPublisher.open(parts);
const before = process.memoryUsage.rss();
let peak = before;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 5);
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};
const publisher = await CrlPublisher.open({ ...parts, revocations });
const builds: number[] = [];
for (let round = 0; round < 3; round += 1) builds.push(await timed(() => publisher.publish()));
clearInterval(watch);

const { der } = publisher.current;
const signer = localSigner(key);
const limits: number[] = [];
for (let round = 0; round < 3; round += 1) {
  const limit = await timed(async () => {
    createHash('sha256').update(der).digest();
    await signer.sign(Buffer.alloc(32));
    const file = await open(join(folder, `limit-${round}`), 'wx');
    await file.writeFile(der);
    await file.datasync();
    await file.close();
  });
  limits.push(limit);
}
serveParent({ build_ms: builds, limit_ms: limits, peak: peak - before }, async () => {});
