// Makes a CA, then revokes certificates and publishes a CRL for each, and notes each that was published.
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { createAuthority } from '../../../src/modules/ca/establish.js';
import { CrlPublisher } from '../../../src/modules/crl/publisher.js';
import { Folder } from '../../../src/store/folder.js';
import { note } from '../../power-cut/recording.js';
import { NOW, recordingLog, revoked, sampleRecord } from '../../store/records.js';

const [directory = '', into = ''] = process.argv.slice(2);
const caFolder = new Folder(join(directory, 'ca'));
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const options = { subject: 'CN=Cut', keyType: 'ec-p256', days: 30 } as const;
const authority = await createAuthority(caFolder, options, privateKey, null, NOW);
note(into, 'made');
const publisher = await CrlPublisher.open({
  authority,
  revocations: () => [],
  isKnown: () => false,
  crlFolder: new Folder(join(directory, 'crl')),
  caFolder,
  clock: { now: () => NOW },
  log: recordingLog(),
  hours: 24,
});
for (let n = 1; n <= 5; n += 1) {
  publisher.note(revoked(sampleRecord(n)), null);
  await publisher.publish();
  note(into, `${publisher.current.number} ${publisher.current.der.toString('base64')}`);
}
