// A trail of several files in the life of a real server: backup, restore, doctor, health, restart, and exports that break off.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { restore } from '../../../src/modules/backup/restore.js';
import { type Built, build, MovedClock, testConfig } from '../../build.js';
import { until } from '../../until.js';
import { complaints } from '../doctor/doctored.js';
import { event, LIVE, linesOf } from './place.js';

const PASSPHRASE = 'correct horse battery staple';

/** A server whose log has grown over several files of 1 MiB. */
async function grown(t: TestContext): Promise<Built> {
  const built = await build(t, { environment: { CERTMATE_AUDIT_MAX_MB: '1' } });
  await built.issue({ identifier: 'alice' });
  await grow(built, 7000);
  assert.ok(logFiles(built.config).length >= 3);
  return built;
}

async function grow({ app }: Built, lines: number): Promise<void> {
  await Promise.all(Array.from({ length: lines }, (_, n) => app.audit.record(event(`cert-${n}`))));
}

const logFiles = ({ logDir }: Built['config']) =>
  readdirSync(join(logDir, 'audit')).filter((name) => name.endsWith('.log'));

test('a backup has all files of the trail, also of one that goes on growing and rotating meanwhile', async (t) => {
  const built = await grown(t);
  const [answer] = await Promise.all([
    built.call('admin', { method: 'POST', url: '/api/ca/backup', payload: { passphrase: PASSPHRASE } }),
    grow(built, 7000),
  ]);
  assert.equal(answer.statusCode, 200);
  const config = await testConfig(t);
  const source = (async function* () {
    yield answer.rawPayload;
  })();
  const auditLogDir = join(config.logDir, 'audit');
  const finish = async () => undefined;
  await restore({ source, passphrase: PASSPHRASE, dataDir: config.dataDir, auditLogDir, now: new Date(), finish });
  assert.deepEqual(await complaints(config), [], 'the doctor finds nothing');
  assert.ok(logFiles(config).length >= 3);
  const second = await build(t, { config });
  assert.equal(second.app.auditTrail.problem, null);
  const { ok, lines } = await second.app.auditTrail.verify();
  assert.ok(ok && lines > 7000);
  const { entries } = await second.app.auditTrail.query({ resource_id: 'alice' });
  assert.deepEqual(
    entries.map(({ operation }) => operation),
    ['create'],
  );
});

test('a file that is missing is found by health after a restart, by the doctor and by the call', async (t) => {
  const built = await grown(t);
  const { config, app } = built;
  await app.close();
  const [, second = ''] = logFiles(config).sort();
  const first = Number(/\d+/.exec(second)?.[0]);
  rmSync(join(config.logDir, 'audit', second));
  assert.match((await complaints(config)).join(), new RegExp(`broken at ${first}`));
  const again = await build(t, { config });
  const health = (await again.app.inject('/health')).json();
  assert.deepEqual([health.status, health.checks.audit.ok], ['degraded', false]);
  const answer = await again.call('admin', { url: '/api/audit/verify' });
  const { first_bad_seq, reason } = answer.json();
  assert.deepEqual([answer.statusCode, first_bad_seq, reason], [409, first, 'missing']);
});

test('a stop writes what is owed and what was only counted, signs the end of the log, and nothing is done later', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const built = await build(t, { clock: new MovedClock() });
  const { app, call, config } = built;
  for (let n = 0; n < 12; n += 1) assert.equal((await call('viewer', { url: '/api/keys' })).statusCode, 403);
  let attempts = 0;
  app.arrears.owe(async () => {
    attempts += 1;
    if (attempts <= 2) throw new Error('the disk is full');
    await app.audit.record(event('owed'));
  });
  t.mock.timers.tick(2000);
  await until(() => attempts === 1, 'an attempt');
  t.mock.timers.tick(2000);
  await until(() => attempts === 2, 'another one two seconds later');
  await app.close();
  const folder = join(config.logDir, 'audit');
  const last = (name: string, place = folder) => JSON.parse(linesOf(join(place, name)).at(-1) ?? '');
  const lines = linesOf(join(folder, LIVE)).map((line) => JSON.parse(line));
  assert.equal(lines.filter(({ resource_id }) => resource_id === 'owed').length, 1);
  assert.equal(lines.at(-1).details.not_recorded, 2);
  assert.equal(last('certificate_audit.checkpoints').seq, lines.length);
  assert.equal(last('head.json', join(config.dataDir, 'audit')).seq, lines.length);
  app.arrears.owe(async () => {
    attempts += 1;
  });
  t.mock.timers.tick(10_000);
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(attempts, 3);
});

test('an export that nobody reads to its end leaves no file open', {
  skip: process.platform === 'linux' ? false : 'open files are counted on Linux only',
}, async (t) => {
  const { app, config } = await grown(t);
  const openFiles = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return /certificate_audit-\d+\.log$/.test(readlinkSync(`/proc/self/fd/${fd}`));
      } catch {
        return false;
      }
    }).length;
  const actor = { user: 'somebody', ip_address: null, request_id: null };
  for (let n = 0; n < 3; n += 1) {
    const { content } = await app.exportTrail(actor);
    for await (const _piece of content) if (openFiles() > 0) break;
  }
  await until(() => openFiles() === 0, 'the files of the log are closed');
  assert.ok(logFiles(config).length > 0);
});
