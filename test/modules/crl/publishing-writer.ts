// Revokes one certificate after another and publishes a CRL for each, in the directory it is given, and prints the
// number of each one that was published. The directory holds the CA.
import { join } from 'node:path';
import { loadAuthority } from '../../../src/modules/ca/establish.js';
import { CrlPublisher } from '../../../src/modules/crl/publisher.js';
import { Folder } from '../../../src/store/folder.js';
import { recordingLog, revoked, sampleRecord } from '../../store/records.js';

const [root, first] = process.argv.slice(2) as [string, string];
const caFolder = new Folder(join(root, 'ca'));
const log = recordingLog();
const publisher = await CrlPublisher.open({
  authority: await loadAuthority(caFolder, null, new Date(), log),
  revocations: () => [],
  isKnown: () => false,
  crlFolder: new Folder(join(root, 'crl')),
  caFolder,
  clock: { now: () => new Date() },
  log,
  hours: 1,
});
// Long enough that writing one takes a while.
if (first === '0') for (let n = 1; n < 4000; n += 1) publisher.note(revoked(sampleRecord(10_000_000 + n)), null);
for (let n = Number(first); ; n += 1) {
  publisher.note(revoked(sampleRecord(n)), null);
  await publisher.publish();
  console.log(`${publisher.current.number} ${publisher.current.count}.`);
}
