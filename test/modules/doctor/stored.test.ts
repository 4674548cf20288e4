// The doctor on what a start reads beside certificates: settings, keys, users, batches, profiles and the like.
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { STORED_KINDS } from '../../../src/cli/stored-kinds.js';
import { kindOf } from '../../../src/modules/doctor/stored.js';
import { build, testConfig } from '../../build.js';
import { certmate } from '../backup/certmate.js';
import { complaints, examined, repaired } from './doctored.js';

/** A data directory in which every kind of file is. */
async function everything(t: TestContext) {
  const config = await testConfig(t);
  const { app, call, issue } = await build(t, { config });
  const done = async (method: 'POST' | 'PATCH' | 'PUT', url: string, payload: object, headers = {}) => {
    const answer = await call('admin', { method, url, payload, headers });
    assert.ok(answer.statusCode < 300, `${url}: ${answer.body}`);
    return answer;
  };
  await issue({ identifier: 'alice' });
  await done('PATCH', '/api/settings', { rate_limits: { create: 60 } });
  await done('POST', '/api/users', { name: 'alice', role: 'viewer' });
  await done('POST', '/api/renewals/run', {});
  await done('POST', '/api/client-certs', { common_name: 'once' }, { 'idempotency-key': 'a-key-of-a-caller' });
  const rows = [['bob'], ['carol']];
  await done('POST', '/api/client-certs/batch', { headers: ['common_name'], rows }, { prefer: 'respond-async' });
  await done('PUT', '/api/profiles/own', { certificate_types: ['client'] });
  await done('POST', '/api/blocked-keys', { public_key_sha256: 'ab'.repeat(32) });
  await app.close();
  // What only other machines leave: with TLS, and after a restore.
  const file = (path: string, content: object, mode: number) =>
    writeFile(join(config.dataDir, path), JSON.stringify({ schema_version: 1, ...content }), { mode });
  await mkdir(join(config.dataDir, 'tls'), { mode: 0o700 });
  await file('tls/issued.json', { certificates: [] }, 0o644);
  await file('certs/crl/restored.json', { numbers_above: '7' }, 0o644);
  await file('certs/crl/revoked-elsewhere.json', { serials: [] }, 0o644);
  const at = (path: string) => join(config.dataDir, path);
  return { config, at };
}

async function filesOf(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir, { recursive: true });
  const files: string[] = [];
  for (const name of names) if ((await stat(join(dataDir, name))).isFile()) files.push(name);
  return files.sort();
}

describe('the doctor', () => {
  it('knows every JSON file below the data directory, and finds nothing wrong with those of a server', async (t) => {
    const { config } = await everything(t);
    assert.deepEqual(await complaints(config), []);
    const json = (await filesOf(config.dataDir)).filter((name) => name.endsWith('.json'));
    const unknown = json.filter((name) => !name.startsWith('certs/client/') && kindOf(name, STORED_KINDS) === null);
    assert.deepEqual(unknown, []);
    const missing = STORED_KINDS.filter(({ pattern }) => !json.some((name) => pattern.test(name)));
    assert.deepEqual(
      missing.map(({ pattern }) => pattern.source),
      ['^resealing\\.json$'],
      'this test makes one of each',
    );
  });

  it('names each that is not JSON, lacks something, or is from a newer CertMate, and what to do; repairs none', async (t) => {
    const { config, at } = await everything(t);
    const known = (await filesOf(config.dataDir)).filter((name) => kindOf(name, STORED_KINDS) !== null);
    assert.ok(known.length >= 12, known.join());
    for (const name of known) {
      const text = await readFile(at(name), 'utf8');
      for (const [content, problem] of [
        ['{ "half": ', /^It is damaged: it is not JSON\.$/],
        [
          JSON.stringify({ ...JSON.parse(text), schema_version: 99 }),
          /written by a newer CertMate \(schema_version 99/,
        ],
        ['7', /^It is damaged/],
      ] as const) {
        await writeFile(at(name), content);
        const found = (await examined(config)).findings.filter(({ path }) => path === name);
        assert.ok(
          found.some((finding) => problem.test(finding.problem)),
          `${name}: ${JSON.stringify(found)}`,
        );
        for (const { advice, remedy } of found) {
          assert.equal(remedy, null, name);
          assert.match(advice, /^[A-Z].*\.$/, name);
        }
        assert.equal(await readFile(at(name), 'utf8'), content, 'looking changes nothing');
      }
      await writeFile(at(name), text);
    }
    assert.deepEqual(await complaints(config), []);
    await writeFile(at('auth/users.json'), '{ "schema_version": 1, "users": [{ "id": "user_1" }] }', { mode: 0o600 });
    await repaired(config);
    assert.deepEqual(await complaints(config), [
      'auth/users.json: It is damaged: a user in it is missing something or wrong.',
    ]);
  });

  it('names those that others may use, or CertMate may not read, and repairs their modes', async (t) => {
    const { config, at } = await everything(t);
    await chmod(at('settings.json'), 0o644);
    await chmod(at('auth/keys.json'), 0o660);
    await chmod(at('renewals.json'), 0o200);
    // People write profiles, and let others of their group see them.
    await chmod(at('profiles/own.json'), 0o640);
    const found = (await complaints(config)).filter((complaint) => complaint.includes('mode'));
    assert.deepEqual(found, [
      'auth/keys.json: Others may use it (mode 0660).',
      'renewals.json: CertMate may not read this (mode 0200).',
      'settings.json: Others may use it (mode 0644).',
    ]);
    await repaired(config);
    assert.deepEqual(await complaints(config), []);
    for (const name of ['auth/keys.json', 'renewals.json', 'settings.json']) {
      assert.equal((await stat(at(name))).mode & 0o777, 0o600, name);
    }
  });

  it('names what is no file at all, or cannot be read, and goes on with the others', async (t) => {
    const { config, at } = await everything(t);
    await rm(at('settings.json'));
    await mkdir(at('settings.json'), { mode: 0o700 });
    await rm(at('renewals.json'));
    await symlink('renewals.json', at('renewals.json'));
    await writeFile(at('auth/last-used.json'), 'x', { mode: 0o600 });
    const found = await complaints(config);
    assert.ok(found.includes('settings.json: It is not a file.'), found.join('\n'));
    assert.ok(found.includes('renewals.json: It cannot be read (ELOOP).'), found.join('\n'));
    assert.ok(
      found.some((complaint) => complaint.startsWith('auth/last-used.json: It is damaged')),
      found.join('\n'),
    );
  });

  it('names a change of the secret of private keys that was interrupted', async (t) => {
    const { config, at } = await everything(t);
    await writeFile(at('resealing.json'), '{ "schema_version": 1, "started_at": "2026-01-01T00:00:00Z" }', {
      mode: 0o600,
    });
    const [finding] = (await examined(config)).findings;
    assert.match(finding?.problem ?? '', /between two secrets/);
    assert.match(finding?.advice ?? '', /Run certmate reseal-keys again/);
  });

  it('says all of it on the command line, with exit code 1', async (t) => {
    const { config, at } = await everything(t);
    await writeFile(at('settings.json'), 'x', { mode: 0o600 });
    const { status, output } = await certmate(config, 'doctor');
    assert.equal(status, 1);
    assert.match(output, /^wrong +settings\.json: It is damaged: it is not JSON\.\n +Mend it, restore it/m);
  });
});
