// Things on disk that are not as they should be: each is named, and everything else goes on.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Built, build } from '../build.js';
import { missing } from '../interop/programs.js';
import { complaints, type Filled, filled, USAGE } from '../modules/doctor/doctored.js';
import { call, load } from './server.js';

const revoke = (identifier: string) =>
  ({ method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: { reason: 'superseded' } }) as const;
const ocsp = async ({ call: ask }: Built, serial: string): Promise<string> =>
  (await ask('anonymous', { url: `/api/ocsp/status/${serial}` })).json().certificate_status;

/** What is damaged is in health and found by the doctor; issuing, revoking, listing, OCSP and CRL go on. */
async function assertNamed(t: TestContext, place: Filled, path: string): Promise<Built> {
  const found = await complaints(place.config);
  assert.ok(
    found.some((line) => line.startsWith(`${path}:`)),
    `the doctor does not name ${path}: ${found.join('\n')}`,
  );
  const built = await build(t, { config: place.config });
  assert.ok(built.app.store.problems().some((problem) => problem.path === path));
  const { status, checks } = (await built.call('anonymous', { url: '/health' })).json();
  assert.equal(status, 'degraded');
  assert.equal(checks.store.ok, false);
  assert.equal((await built.call('anonymous', { url: '/health/ready' })).statusCode, 200);
  const { alice, bob, carol, carolBefore } = place.serials;
  assert.equal(await ocsp(built, bob), 'revoked');
  for (const serial of [alice, carol, carolBefore]) assert.equal(await ocsp(built, serial), 'good');
  assert.equal((await built.call('viewer', { url: '/api/client-certs' })).json().total, 3);
  const { identifier } = await built.issue();
  assert.equal((await built.call('admin', revoke(identifier))).statusCode, 200);
  return built;
}

describe('is named in health and by the doctor while everything else goes on:', () => {
  it('a damaged metadata.json', async (t) => {
    const place = await filled(t);
    await truncate(place.at(`${USAGE}/bob/metadata.json`), 99);
    await assertNamed(t, place, `${USAGE}/bob/metadata.json`);
  });

  it('a damaged line of the journal', async (t) => {
    const place = await filled(t);
    const file = place.at('journal/journal-1.log');
    const text = await readFile(file, 'latin1');
    const at = text.indexOf('"identifier":"bob"');
    await writeFile(file, `${text.slice(0, at)}#${text.slice(at + 1)}`, 'latin1');
    await assertNamed(t, place, 'journal/journal-1.log');
  });

  it('a missing certificate file, whose certificate can still be revoked', async (t) => {
    const place = await filled(t);
    await rm(place.at(`${USAGE}/alice/cert.crt`));
    const built = await assertNamed(t, place, `${USAGE}/alice/cert.crt`);
    const missing = await built.call('viewer', { url: '/api/client-certs/alice/download/crt' });
    assert.equal(missing.statusCode, 404);
    assert.equal((await built.call('admin', revoke('alice'))).statusCode, 200);
    assert.equal(await ocsp(built, place.serials.alice), 'revoked');
  });

  it('a missing directory', async (t) => {
    const place = await filled(t);
    await rm(place.at(`${USAGE}/bob`), { recursive: true });
    await assertNamed(t, place, `${USAGE}/bob`);
  });

  it('what is damaged while the server runs, at the next verification', async (t) => {
    const place = await filled(t);
    const { app, call: ask } = await build(t, { config: place.config });
    assert.deepEqual(app.store.problems(), []);
    await truncate(place.at(`${USAGE}/alice/metadata.json`), 10);
    assert.ok(app.scheduler.nextRun('store-verification'));
    await app.store.verify();
    assert.equal((await ask('anonymous', { url: '/health' })).json().checks.store.ok, false);
  });

  const skip = process.getuid?.() === 0 ? missing('setpriv') : false;
  it('a directory that may not be written', { skip }, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'certmate-read-only-'));
    const usage = join(folder, 'data', USAGE);
    t.after(async () => {
      await chmod(usage, 0o700).catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    });
    const place = { dataDir: join(folder, 'data'), logDir: join(folder, 'logs') };
    const server = load(place, { confined: true });
    t.after(() => server.kill());
    const running = await server.start();
    assert.ok(running);
    const { url } = running;
    const issue = (identifier: string, more = {}) =>
      call(url, 'POST', '/api/client-certs', { identifier, common_name: identifier, ...more });
    assert.equal((await issue('alice'))?.status, 201);
    await chmod(join(usage, 'alice'), 0o500);
    await chmod(usage, 0o500);

    const refused = await issue('bob');
    assert.equal(refused?.status, 503, JSON.stringify(refused?.body));
    assert.match(String(refused?.body['message']), /may not write/);
    assert.equal((await issue('carol', { cert_usage: 'vpn' }))?.status, 201, 'another usage is not concerned');
    const revoked = await call(url, 'POST', '/api/client-certs/alice/revoke', { reason: 'superseded' });
    assert.equal(revoked?.status, 200, 'the journal has it: it is in force');
    const health = await call(url, 'GET', '/health');
    assert.ok(health);
    assert.equal((health.body['checks'] as Record<string, { ok: boolean }>)['store']?.ok, false);
    await server.kill();
    const { dataDir, logDir } = place;
    const found = await complaints({ dataDir, logDir, caPassphrase: null });
    assert.ok(found.includes(`${USAGE}: CertMate may not write here (mode 0500).`), found.join('\n'));

    await chmod(usage, 0o700);
    await chmod(join(usage, 'alice'), 0o700);
    const next = load(place, { confined: true });
    t.after(() => next.kill());
    const again = await next.start();
    assert.ok(again);
    const shown = await call(again.url, 'GET', '/api/client-certs/alice');
    assert.equal(shown?.body['status'], 'revoked');
    assert.equal((await call(again.url, 'GET', '/api/client-certs/bob'))?.status, 404);
    await next.kill();
    assert.deepEqual((await readdir(usage)).sort(), ['alice']);
    assert.deepEqual(await complaints({ dataDir, logDir, caPassphrase: null }), []);
  });
});
