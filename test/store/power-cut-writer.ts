// Creates, changes, renews, takes keys away and makes successors in the directory it is given, and notes what was acknowledged.
import { FilesystemStore } from '../../src/store/filesystem.js';
import { note } from '../power-cut/recording.js';
import { clock, FILES, recordingLog, renewed, revoked, sampleRecord } from './records.js';

const [dataDir, into] = process.argv.slice(2) as [string, string];
const DELETED_AT = '2026-11-21T19:30:00Z';

/** Several at once, so that syncs are shared, and a journal that is rotated every few lines. */
async function session(first: number): Promise<void> {
  const store = await FilesystemStore.open({ dataDir, clock, log: recordingLog(), rotateAfter: 6_000 });
  const noted = async (text: string, work: Promise<unknown>): Promise<void> => {
    note(into, `asked ${text}`);
    await work;
    note(into, `did ${text}`);
  };
  const work = async (n: number): Promise<void> => {
    const record = sampleRecord(n);
    const { identifier, serial_number } = record;
    await noted(`create ${n} ${serial_number}`, store.create(record, FILES));
    if (n % 3 === 0) await noted(`revoke ${n} ${serial_number}`, store.update(identifier, revoked));
    if (n % 3 === 1) {
      const serial = `7${serial_number}`;
      const files = { 'cert.crt': `certificate ${serial}`, 'cert.key': `key ${serial}` };
      await noted(
        `renew ${n} ${serial}`,
        store.replace(identifier, (current) => renewed(current, serial), files),
      );
    }
    if (n % 3 === 2) {
      await noted(`destroy ${n} ${serial_number}`, store.destroyKey(identifier));
      await store.update(identifier, (current) => ({ ...revoked(current), deleted_at: DELETED_AT }));
      const successor = sampleRecord(n, { serial_number: `8${serial_number}` });
      await noted(`succeed ${n} 8${serial_number}`, store.create(successor, FILES));
    }
  };
  for (let n = first; n < first + 12; n += 4) await Promise.all([0, 1, 2, 3].map((more) => work(n + more)));
  await store.close();
}

await session(0);
await session(12);
