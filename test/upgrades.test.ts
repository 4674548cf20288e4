// What each release has left is taken up by the present program; what a later one has left is not touched.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../src/app.js';
import type { Config } from '../src/config.js';
import { readCrl } from '../src/pki/crl.js';
import { buildOcspRequest, readOcspResponse } from '../src/pki/ocsp-client.js';
import { encodeLine } from '../src/store/journal-lines.js';
import { type Built, build, MovedClock, testConfig } from './build.js';
import { filesOf, pathsIn, putBack, type ReleaseFacts, releases } from './fixtures/releases.js';
import { examined } from './modules/doctor/doctored.js';

interface Left {
  config: Config;
  facts: ReleaseFacts;
  clock: MovedClock;
}

/** A copy of what a release has left, an hour later. */
async function left(t: TestContext, release: string): Promise<Left> {
  const config = await testConfig(t, { CERTMATE_TLS: 'self' });
  const facts = putBack(release, config);
  return { config, facts, clock: new MovedClock(new Date(Date.parse(facts.made_at) + 3_600_000)) };
}

const textOf = ({ dataDir }: Config, path: string) => readFileSync(join(dataDir, path), 'utf8');

/** Everything that callers and relying parties knew of the release is still so. Gives back the number of the newest CRL. */
async function assertKnown({ app, call }: Built, { token, user, serials, crl_number }: ReleaseFacts): Promise<bigint> {
  const get = async (url: string) => {
    const answer = await call('admin', { method: 'GET', url });
    assert.equal(answer.statusCode, 200, `${url}: ${answer.body}`);
    return answer;
  };
  const { certificates } = (await get('/api/client-certs?sort=common_name&order=asc')).json();
  const shown = certificates.map((certificate: Record<string, unknown>) => {
    assert.ok(!Object.hasOwn(certificate, 'schema_version'));
    return [certificate['identifier'], certificate['serial_number'], certificate['status']];
  });
  assert.deepEqual(shown, [
    ['alice', serials.alice, 'active'],
    ['bob', serials.bob, 'revoked'],
  ]);
  const alice = (await get('/api/client-certs/alice')).json();
  assert.equal(alice.cert_usage, 'office');
  assert.equal(alice.history[0].serial_number, serials.alice_before);
  assert.match((await get('/api/client-certs/alice/download/key')).body, /PRIVATE KEY/);

  for (const [serial, status] of [
    [serials.alice, 'good'],
    [serials.alice_before, 'good'],
    [serials.bob, 'keyCompromise'],
  ] as const) {
    const payload = buildOcspRequest(app.authority.certificate, serial);
    const headers = { 'content-type': 'application/ocsp-request' };
    const answer = await call('anonymous', { method: 'POST', url: '/api/ocsp', headers, payload });
    const told = readOcspResponse(answer.rawPayload).status;
    assert.equal(typeof told === 'string' ? told : told.reason, status, serial);
  }
  const crl = readCrl((await call('anonymous', { method: 'GET', url: '/api/crl/download/der' })).rawPayload);
  assert.ok(crl.number >= BigInt(crl_number), `${crl.number} after ${crl_number}`);
  assert.ok([...crl.entries].some(({ serial, reason }) => serial === serials.bob && reason === 'keyCompromise'));

  const mine = await app.inject({ url: '/api/users', headers: { authorization: `Bearer ${token}` } });
  assert.equal(mine.statusCode, 200, mine.body);
  const payload = { username: user.name, password: user.password };
  assert.equal((await app.inject({ method: 'POST', url: '/api/auth/login', payload })).statusCode, 200);

  assert.equal((await get('/api/settings')).json().rate_limits.create, 77);
  const office = (await get('/api/profiles/office')).json();
  assert.equal(office.description, 'Everybody in the office.');
  assert.ok(!Object.hasOwn(office, 'schema_version'));
  assert.equal((await get('/api/renewals')).json().runs.length, 1);
  const [job = ''] = pathsIn(join(app.config.dataDir, 'batch')).map((path) => path.slice(0, path.indexOf('/')));
  assert.equal((await get(`/api/client-certs/batch/${job}`)).json().state, 'completed');
  assert.equal(app.idempotency.size, 2);
  assert.equal((await get('/api/audit/verify')).json().status, 'intact');
  const health = await get('/health');
  assert.equal(health.json().status, 'healthy', health.body);
  return crl.number;
}

for (const release of releases()) {
  describe(`what ${release} has left`, () => {
    it('is in order', async (t) => {
      const { config, clock } = await left(t, release);
      assert.deepEqual((await examined(config, clock.now())).findings, []);
    });

    it('is taken up, brought into the present forms, and in order afterwards', async (t) => {
      const { config, facts, clock } = await left(t, release);
      const first = await build(t, { config, clock });
      const number = await assertKnown(first, facts);
      const revoked = await first.call('admin', {
        method: 'POST',
        url: '/api/client-certs/alice/revoke',
        payload: { reason: 'certificateHold' },
      });
      assert.equal(revoked.statusCode, 200, revoked.body);
      assert.equal(
        (await first.call('admin', { method: 'POST', url: '/api/client-certs/alice/unhold' })).statusCode,
        200,
      );
      await first.app.close();
      assert.deepEqual((await examined(config, clock.now())).findings, []);

      const before = filesOf(release);
      const paths = pathsIn(config.dataDir);
      for (const path of paths) {
        const older = /^(.*)\.v\d+$/.exec(path)?.[1];
        if (older !== undefined)
          assert.equal(textOf(config, path), String(before.get(older)), `${path} is what there was`);
        else if (path.endsWith('.json') && isRewritten(path))
          assert.equal(formOf(config, path), presentForm(path), path);
      }
      assert.equal(formOf(config, 'certs/client/office/alice/metadata.json'), 1, 'its record has changed');

      clock.advance(60);
      const second = await build(t, { config, clock });
      const next = await assertKnown(second, facts);
      assert.ok(next > number, 'numbers of CRLs go up');
      await second.app.close();
      assert.deepEqual(
        pathsIn(config.dataDir).filter((path) => /\.v\d+/.test(path)),
        paths.filter((path) => /\.v\d+/.test(path)),
        'nothing is upgraded twice',
      );
    });
  });
}

/** Whether a start writes a file of an older form anew: not those of which there are many, nor those that people write. */
function isRewritten(path: string): boolean {
  return !/^(certs\/client|idempotency|profiles)\//.test(path);
}

/** The form in which this program writes a file. */
function presentForm(path: string): number {
  return path === 'settings.json' ? 2 : 1;
}

function formOf(config: Config, path: string): number {
  return JSON.parse(textOf(config, path)).schema_version ?? 0;
}

describe('what development versions before 0.1 have left', () => {
  it('is kept beside what it has become', async (t) => {
    const { config, clock } = await left(t, 'before-0.1');
    await (await build(t, { config, clock })).app.close();
    const kept = pathsIn(config.dataDir).filter((path) => /\.v\d+/.test(path));
    const [job] = [...filesOf('before-0.1').keys()].filter((path) => path.endsWith('/job.json'));
    assert.deepEqual(
      kept,
      [
        'auth/keys.json.v0',
        'auth/last-used.json.v0',
        'auth/users.json.v0',
        `${job}.v0`,
        'certs/crl/restored.json.v0',
        'renewals.json.v0',
        'settings.json.v1',
        'tls/issued.json.v0',
      ].sort(),
    );
  });
});

describe('what a later version has left', () => {
  const present = [...filesOf('0.1').keys()];
  const versioned = present.filter((path) => path.endsWith('.json') && !path.startsWith('certs/client/'));
  const journals = present.filter((path) => path.startsWith('journal/'));

  for (const path of [...versioned, ...journals]) {
    it(`stops the start, and is not touched: ${path}`, async (t) => {
      const { config, clock } = await left(t, '0.1');
      const text = textOf(config, path);
      const present = presentForm(path);
      const newer = path.startsWith('journal/')
        ? text.replace(/^.*\n/, `${encodeLine(path.includes('snapshot') ? { rows: 2 } : { journal: 2 })}\n`)
        : text.replace(/"schema_version": ?1/, `"schema_version": ${present + 1}`);
      assert.notEqual(newer, text);
      writeFileSync(join(config.dataDir, path), newer);
      await assert.rejects(buildApp({ config, clock }), (error: Error) => {
        assert.equal(error.name, 'StartupError', error.stack);
        assert.ok(
          error.message.startsWith(`${path} in the data directory was written by a newer CertMate (`),
          error.message,
        );
        assert.match(error.message, /\d; this one knows \d\)\. Start the newer one, or restore a backup made before /);
        assert.ok(error.message.includes(`${present + 1}; this one knows ${present})`), error.message);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.equal(textOf(config, path), newer);
    });
  }

  it('stops nothing if it is the metadata.json of a certificate, which is still known', async (t) => {
    const { config, facts, clock } = await left(t, '0.1');
    const path = 'certs/client/api-mtls/bob/metadata.json';
    const newer = textOf(config, path).replace('"schema_version": 1', '"schema_version": 2');
    writeFileSync(join(config.dataDir, path), newer);
    const { app, call } = await build(t, { config, clock });
    assert.deepEqual(
      app.store.problems().map((problem) => [problem.path, problem.message.split('.')[0]]),
      [[path, 'It was written by a newer CertMate (schema_version 2; this one knows 1)']],
    );
    assert.equal((await call('anonymous', { method: 'GET', url: '/health' })).json().status, 'degraded');
    const status = await call('anonymous', { method: 'GET', url: `/api/ocsp/status/${facts.serials.bob}` });
    assert.equal(status.json().certificate_status, 'revoked');
    await app.close();
    assert.equal(textOf(config, path), newer);
  });
});
