// Records lines into an audit trail whose files are small, one after another, and notes each that is acknowledged.
import { join } from 'node:path';
import { openTrail } from '../../../src/modules/audit/open-trail.js';
import { makeAuditKey, TestClock } from '../../http/small-app.js';
import { note } from '../../power-cut/recording.js';
import { event, silent } from './place.js';

const [directory = '', into = ''] = process.argv.slice(2);
const trail = await openTrail({
  dataDir: join(directory, 'data'),
  auditLogDir: join(directory, 'logs', 'audit'),
  limits: { bytes: 1000, age: 0 },
  generateKey: makeAuditKey,
  clock: new TestClock(),
  log: silent,
});
for (let n = 1; n <= 9; n += 1) {
  await trail.record(event(`cert-${n}`));
  note(into, `${n}`);
}
await trail.close();
note(into, 'closed');
