// Creates, revokes and renews without end in the directory it is given, and prints what has been acknowledged.
import { FilesystemStore } from '../../src/store/filesystem.js';
import { clock, FILES, recordingLog, renewed, revoked, sampleRecord } from './records.js';

const [dataDir, first] = process.argv.slice(2) as [string, string];
const store = await FilesystemStore.open({ dataDir, clock, log: recordingLog(), rotateAfter: 100_000 });
let last = Number(first);

async function work(): Promise<never> {
  for (;;) {
    last += 1;
    const n = last;
    const record = sampleRecord(n);
    await store.create(record, FILES);
    console.log(`created ${n} ${record.serial_number}.`);
    if (n % 3 === 0) {
      await store.update(record.identifier, revoked);
      console.log(`revoked ${n} ${record.serial_number}.`);
    } else if (n % 3 === 1) {
      const serial = `7${record.serial_number}`;
      await store.replace(record.identifier, (current) => renewed(current, serial), {
        'cert.crt': `certificate ${serial}`,
        'cert.key': FILES['cert.key'] as string,
      });
      console.log(`renewed ${n} ${serial}.`);
    }
  }
}

await Promise.all([work(), work(), work(), work()]);
