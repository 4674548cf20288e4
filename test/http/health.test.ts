// Each check of /health against the very thing that it is there for, which is broken once and mended again.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { secondsAfter } from '../../src/clock.js';
import { type Built, build, MovedClock, testConfig } from '../build.js';
import { until } from '../until.js';

interface Health {
  status: string;
  version: string;
  uptime_seconds: number;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

/** What /health says now: adding a check makes it look again. */
async function healthOf({ app, call }: Pick<Built, 'app' | 'call'>): Promise<Health> {
  app.health.add('again', () => ({ ok: true }));
  const answer = await call('anonymous', { method: 'GET', url: '/health' });
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.headers['cache-control'], 'no-store');
  return answer.json();
}

const readiness = async ({ call }: Built) => {
  const answer = await call('anonymous', { method: 'GET', url: '/health/ready' });
  return [answer.statusCode, answer.json().code ?? answer.json().status];
};

/** The check fails, says why without naming a path, and degrades the whole. */
async function assertFails(built: Built, check: string, detail: RegExp): Promise<void> {
  const { status, checks } = await healthOf(built);
  assert.deepEqual([status, checks[check]?.ok], ['degraded', false], JSON.stringify(checks));
  assert.match(checks[check]?.detail ?? '', detail);
  assert.doesNotMatch(JSON.stringify(checks), /\/(tmp|data|logs)|certmate-/);
  for (const [name, { ok }] of Object.entries(checks)) if (name !== check) assert.ok(ok, name);
}

const assertWell = async (built: Built) => assert.equal((await healthOf(built)).status, 'healthy');

describe('health', () => {
  test('of a server that is well', async (t) => {
    const built = await build(t);
    const { status, version, uptime_seconds, checks } = await healthOf(built);
    assert.equal(status, 'healthy');
    assert.match(version, /^\d+\.\d+\.\d+/);
    assert.ok(Number.isInteger(uptime_seconds));
    for (const check of ['ca', 'store', 'crl', 'audit', 'scheduler', 'disk'])
      assert.equal(checks[check]?.ok, true, check);
    assert.deepEqual(await readiness(built), [200, 'ready']);
  });

  test('ca: a key that signs wrongly, and one that cannot sign, take the server out of service', async (t) => {
    const built = await build(t);
    const { signer } = built.app.authority;
    const sign = signer.sign.bind(signer);
    signer.sign = () => sign(Buffer.from('something else'));
    await assertFails(built, 'ca', /signs wrongly/);
    assert.deepEqual(await readiness(built), [503, 'UNAVAILABLE']);
    signer.sign = () => Promise.reject(new Error('the token at /dev/token was removed'));
    await assertFails(built, 'ca', /check itself failed/);
    signer.sign = sign;
    await assertWell(built);
    assert.deepEqual(await readiness(built), [200, 'ready']);
  });

  test('ca: an expired certificate takes the server out of service', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock, environment: { CERTMATE_CA_DAYS: '10', CERTMATE_CRL_HOURS: '8760' } });
    clock.advance(10 * 86_400 + 60);
    const { checks } = await healthOf(built);
    assert.deepEqual(checks['ca'], { ok: false, detail: 'the CA certificate has expired' });
    assert.deepEqual(await readiness(built), [503, 'UNAVAILABLE']);
    clock.advance(-11 * 86_400);
    const early = (await healthOf(built)).checks;
    assert.deepEqual(early['ca'], { ok: false, detail: 'the CA certificate is not valid yet: check the clock' });
    assert.match(early['ca_chain']?.detail ?? '', /^verifiers refuse its certificates: .* begins at /);
    assert.deepEqual(await readiness(built), [503, 'UNAVAILABLE']);
  });

  test('store: a directory that takes no file, and damage that was found', async (t) => {
    const built = await build(t);
    const { dataDir } = built.config;
    const journal = join(dataDir, 'journal');
    await rename(journal, `${journal}-away`);
    await assertFails(built, 'store', /nothing can be written/);
    assert.deepEqual(await readiness(built), [200, 'ready'], 'relying parties are still served');
    await rename(`${journal}-away`, journal);
    await assertWell(built);
    const { identifier, cert_usage: usage = '' } = await built.issue();
    const certificate = join(dataDir, 'certs', 'client', usage, identifier, 'cert.crt');
    await rename(certificate, `${certificate}-away`);
    await built.app.store.verify();
    await assertFails(built, 'store', /1 damaged or missing/);
    await rename(`${certificate}-away`, certificate);
    await built.app.store.verify();
    await assertWell(built);
  });

  test('crl: a list that grows old, and one that cannot be published', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '10' } });
    clock.advance(9.5 * 3600);
    await assertFails(built, 'crl', /95 % through its life/);
    await built.app.crl.refresh();
    await assertWell(built);

    const folder = join(built.config.dataDir, 'certs', 'crl');
    await rename(folder, `${folder}-away`);
    await writeFile(folder, '');
    await assert.rejects(built.app.crl.publish());
    await assertFails(built, 'crl', /no new CRL can be published/);
    const metrics = (await built.call('viewer', { method: 'GET', url: '/metrics' })).body;
    assert.match(metrics, /^certmate_crl_publish_failures_total 1$/m);
    assert.match(metrics, /^certmate_health_check\{check="crl"\} 0$/m);
    await rm(folder);
    await rename(`${folder}-away`, folder);
    await built.app.crl.refresh();
    await assertWell(built);
  });

  test('audit: a log that was cut off at its end, or whose last line was changed', async (t) => {
    for (const harm of ['cut', 'change'] as const) {
      const built = await build(t);
      await built.issue();
      await assertWell(built);
      const log = join(built.config.logDir, 'audit', 'certificate_audit.log');
      const text = await readFile(log, 'utf8');
      if (harm === 'cut') await truncate(log, text.lastIndexOf('\n', text.length - 2) + 1);
      else {
        const handle = await open(log, 'r+');
        const at = text.lastIndexOf('"success"');
        await handle.write('"failure"', at);
        await handle.close();
      }
      await assertFails(built, 'audit', /\/api\/audit\/verify/);
    }
  });

  test('scheduler: a task that failed last time', async (t) => {
    const built = await build(t);
    let fails = true;
    built.app.scheduler.every('trial', 1, async () => {
      if (fails) throw new Error('not today');
    });
    await until(
      async () => built.app.scheduler.ailing.length > 0,
      () => 'it never ran',
    );
    await assertFails(built, 'scheduler', /^not running well: trial$/);
    const metrics = (await built.call('viewer', { method: 'GET', url: '/metrics' })).body;
    assert.match(metrics, /^certmate_task_failing\{task="trial"\} 1$/m);
    fails = false;
    await until(
      async () => built.app.scheduler.ailing.length === 0,
      () => 'it never ran well',
    );
    await assertWell(built);
    built.app.scheduler.reschedule('trial', null);
    await assertWell(built);
    assert.equal(built.app.scheduler.nextRun('trial'), null);
    const next = built.app.scheduler.nextRun('crl-refresh');
    assert.ok(next !== null && next <= secondsAfter(new Date(), 120));
  });

  test('disk: less than 100 MiB of room', async (t) => {
    const disk = await smallDisk(t);
    if (disk === null) return t.skip('only root can mount a small disk');
    const environment = { CERTMATE_DATA_DIR: join(disk, 'data'), CERTMATE_LOG_DIR: join(disk, 'logs') };
    const built = await build(t, { config: await testConfig(t, environment) });
    await assertFails(built, 'disk', /^only [2-4]\d MiB are free$/);
    spawnSync('mount', ['-o', 'remount,size=300m', disk]);
    await assertWell(built);
  });
});

/** A disk of 50 MiB; null if none can be had here. */
async function smallDisk(t: TestContext): Promise<string | null> {
  const path = await mkdtemp(join(tmpdir(), 'certmate-health-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=50m', 'none', path]);
  t.after(async () => {
    if (status === 0) spawnSync('umount', ['-l', path]);
    await rm(path, { recursive: true, force: true });
  });
  return status === 0 ? path : null;
}
