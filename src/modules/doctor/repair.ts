/** Mends what can be mended without guessing. */
import { join } from 'node:path';
import { timestamp } from '../../clock.js';
import type { KeySealer } from '../../crypto/key-sealer.js';
import { isEncrypted } from '../../crypto/sealing.js';
import { encodePem } from '../../pki/pem.js';
import { withRevocationsIn } from '../../store/believing.js';
import { Folder } from '../../store/folder.js';
import { renewJournal } from '../../store/journal-renewal.js';
import { isAhead, mergeRecords } from '../../store/merging.js';
import { parseMetadata } from '../../store/metadata.js';
import type { Store } from '../../store/store.js';
import { removeUnfinished, setMode } from '../../store/walk.js';
import type { CertificateRecord, Identifier, Timestamp } from '../../types.js';
import type { Examination } from './examine.js';
import { type Finding, keyOf, type Remedy } from './finding.js';

export interface RepairedPlace {
  dataDir: string;
  logDir: string;
  /** Opening settles what a crash has left undone, as every start does. */
  openStore: () => Promise<Store>;
  sealer: KeySealer;
  now: Date;
}

type Mendable = Finding & { remedy: Remedy };

/** What one repair brings to light another may mend: a directory that is adopted shows what is wrong in it. */
const MOST_PASSES = 3;

/**
 * Applies the remedy of each finding that has one, and looks again.
 * @returns everything that was found on the way, and how it is now
 */
export async function repair(
  place: RepairedPlace,
  look: () => Promise<Examination>,
): Promise<{ found: Finding[]; now: Examination }> {
  const found = new Map<string, Finding>();
  let now = await look();
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    const all = [...now.findings, ...now.outdated];
    const mendable = all.filter(
      (finding): finding is Mendable => finding.remedy !== null && !found.has(keyOf(finding)),
    );
    for (const finding of all) found.set(keyOf(finding), finding);
    if (mendable.length === 0) break;
    await mend(place, mendable);
    now = await look();
  }
  return { found: [...found.values()], now };
}

async function mend(place: RepairedPlace, mendable: readonly Mendable[]): Promise<void> {
  for (const { path, remedy } of mendable) {
    if (remedy.kind === 'mode') await setMode(located(place, path), remedy.mode);
  }
  const store = await place.openStore();
  try {
    for (const { remedy } of mendable) await mendRecord(place, store, remedy);
  } finally {
    await store.close();
  }
  for (const { path, remedy } of mendable) {
    if (remedy.kind === 'unfinished') await removeUnfinished(located(place, path));
  }
  const kinds = new Set(mendable.map(({ remedy }) => remedy.kind));
  if (kinds.has('journal')) await renewJournal(place.dataDir, store.inventory.records(), place.now);
  if (kinds.has('crl-pem')) await writeCrlPem(new Folder(join(place.dataDir, 'certs')));
}

async function mendRecord(place: RepairedPlace, store: Store, remedy: Remedy): Promise<void> {
  switch (remedy.kind) {
    case 'metadata': {
      const current = store.inventory.get(remedy.identifier);
      if (current === undefined) return;
      const { file, metadata } = await readMetadata(place.dataDir, current);
      // A copy that says the same makes the store write it once more.
      await store.update(remedy.identifier, (newest) => {
        if (metadata === null) return { ...withRevocationsIn(newest, file, place.now, false) };
        return isAhead(metadata, newest) ? mergeRecords(newest, metadata) : { ...newest };
      });
      return;
    }
    case 'dates':
      await store.update(remedy.identifier, (newest) => withReadableDates(newest, place.now));
      return;
    case 'no-key':
      await store.update(remedy.identifier, (newest) => ({ ...newest, has_private_key: false }));
      return;
    case 'seal-keys': {
      const record = store.inventory.get(remedy.identifier);
      if (record !== undefined) await sealKeys(place, record);
      return;
    }
    case 'destroy-key':
      await store.destroyKey(remedy.identifier);
      return;
    default:
  }
}

function withReadableDates(record: CertificateRecord, now: Date): CertificateRecord {
  const within = (date: Timestamp | null, earliest: number): Timestamp | null =>
    date && timestamp(new Date(Math.max(earliest, Math.min(Date.parse(date), now.getTime()))));
  const { revocation, not_before } = record;
  return {
    ...record,
    revocation: {
      ...revocation,
      revoked_at: within(revocation.revoked_at, 0),
      invalidity_date: within(revocation.invalidity_date, Date.parse(not_before)),
    },
    history: record.history.map((replaced) => ({ ...replaced, revoked_at: within(replaced.revoked_at, 0) })),
  };
}

/** Encrypts what private keys of a certificate are not, those in its history too. */
async function sealKeys({ dataDir, sealer }: RepairedPlace, record: CertificateRecord): Promise<void> {
  const current = certificateFolder(dataDir, record.cert_usage, record.identifier);
  const history = record.history.map(({ serial_number }) => current.folder('history').folder(serial_number));
  for (const folder of [current, ...history]) {
    const pem = (await folder.read('cert.key'))?.toString('latin1');
    if (pem !== undefined && !isEncrypted(pem)) await folder.write('cert.key', sealer.seal(pem), { mode: 0o600 });
  }
}

/** The file, empty if there is none; `metadata` is null if it is damaged, or says nothing of this serial number. */
async function readMetadata(
  dataDir: string,
  record: CertificateRecord,
): Promise<{ file: Buffer; metadata: CertificateRecord | null }> {
  const folder = certificateFolder(dataDir, record.cert_usage, record.identifier);
  const file = (await folder.read('metadata.json')) ?? Buffer.alloc(0);
  try {
    const metadata = parseMetadata(file.toString('utf8'));
    return { file, metadata: metadata.serial_number === record.serial_number ? metadata : null };
  } catch {
    return { file, metadata: null };
  }
}

async function writeCrlPem(certs: Folder): Promise<void> {
  const numbers = (await certs.folder('crl').list()).flatMap((name) => /^crl-(\d{1,48})\.der$/.exec(name)?.[1] ?? []);
  const newest = numbers.map(BigInt).reduce((a, b) => (a > b ? a : b), 0n);
  const der = await certs.folder('crl').read(`crl-${newest}.der`);
  if (der !== null) await certs.folder('ca').write('crl.pem', encodePem('X509 CRL', der), { mode: 0o644 });
}

function certificateFolder(dataDir: string, usage: string, identifier: Identifier): Folder {
  return new Folder(join(dataDir, 'certs', 'client')).folder(usage).folder(identifier);
}

/** Where the path of a finding is. */
function located({ dataDir, logDir }: RepairedPlace, path: string): string {
  return path.startsWith('logs/') ? join(logDir, path.slice('logs/'.length)) : join(dataDir, path);
}
