// Records without end into an audit trail whose files are small, and prints what has been acknowledged.
import { join } from 'node:path';
import { openTrail } from '../../../src/modules/audit/open-trail.js';
import { makeAuditKey, TestClock } from '../../http/small-app.js';
import { event, silent } from './place.js';

const [directory = '', round = '0'] = process.argv.slice(2);
const trail = await openTrail({
  dataDir: join(directory, 'data'),
  auditLogDir: join(directory, 'logs', 'audit'),
  limits: { bytes: 2000, age: 0 },
  generateKey: makeAuditKey,
  clock: new TestClock(),
  log: silent,
});

async function work(worker: number): Promise<never> {
  for (let n = 0; ; n += 1) {
    await trail.record(event(`r${round}-w${worker}-${n}`));
    process.stdout.write(`r${round}-w${worker}-${n}.\n`);
  }
}

await Promise.all([work(1), work(2), work(3)]);
