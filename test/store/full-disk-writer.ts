// Under a limit on the size of files: creates certificates until one is refused, and prints how that went as JSON.
import { CertMateError } from '../../src/errors.js';
import { FilesystemStore } from '../../src/store/filesystem.js';
import { Folder } from '../../src/store/folder.js';
import { clock, FILES, recordingLog, revoked, sampleRecord } from './records.js';

const dataDir = process.argv[2] as string;
const store = await FilesystemStore.open({ dataDir, clock, log: recordingLog() });
const codeOf = (error: unknown): string => (error instanceof CertMateError ? error.code : String(error));

let created = 0;
let refused = '';
while (refused === '' && created < 1000) {
  try {
    await store.create(sampleRecord(created), FILES);
    created += 1;
  } catch (error) {
    refused = codeOf(error);
  }
}
const update = await store.update(sampleRecord(0).identifier, revoked).then(() => 'done', codeOf);
const renewal = await store
  .replace(sampleRecord(1).identifier, (current) => ({ ...current, serial_number: '42' }), {
    'cert.crt': 'x'.repeat(1_000_000),
  })
  .then(() => 'done', codeOf);
const large = await new Folder(dataDir).write('crl.pem', Buffer.alloc(1_000_000)).then(() => 'done', codeOf);
const shown = store.inventory.size;
const isRevoked = store.inventory.get(sampleRecord(0).identifier)?.revocation.revoked;
await store.close();
console.log(JSON.stringify({ created, refused, update, renewal, large, shown, isRevoked }));
