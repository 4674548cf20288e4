// Keys that are never certified again: weak ones, compromised ones, and those that an administrator has listed (BR 6.1.1.3).
import assert from 'node:assert/strict';
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { build, testConfig } from '../../build.js';
import { requestFor } from '../../certification-request.js';
import { keyFor } from '../../pki/authority.js';
import { certmate } from '../backup/certmate.js';
import { assertRefused, post } from '../client-certs/every-way.js';
import { csrFor } from '../client-certs/life.js';
import { takenOver } from '../client-certs/taken-over.js';

const hashOf = (key: KeyObject) =>
  createHash('sha256')
    .update(createPublicKey(key).export({ type: 'spki', format: 'der' }))
    .digest('hex');
const SUBJECT = [{ type: 'CN', value: 'alice' }];

describe('a key whose certificate was revoked for keyCompromise', () => {
  it('is never certified again, on any way, also after a restart', async (t) => {
    const built = await build(t);
    const key = keyFor('ecdsa-sha256');
    const csr = await requestFor(key, SUBJECT);
    const first = (await post(built, 'client-certs', { csr, identifier: 'alice' })).json();
    assert.equal(first.public_key_sha256, hashOf(key));
    const second = await post(built, 'client-certs', { csr, identifier: 'bob' });
    assert.equal(second.statusCode, 201, 'several certificates for one key are fine until then');
    await post(built, 'client-certs/alice/revoke', { reason: 'keyCompromise' }, 'admin');
    await assertRefused(built, csr, /blocked.*keyCompromise/);
    const reused = await post(built, 'client-certs/bob/renew', { reuse_key: true });
    assert.equal(reused.json().code, 'WEAK_KEY', reused.body);
    await built.app.close();
    const again = await build(t, { config: built.config });
    await assertRefused(again, csr, /blocked/);
    const { blocked_keys } = (await again.call('admin', { url: '/api/blocked-keys' })).json();
    assert.deepEqual(
      blocked_keys.map(({ public_key_sha256, source, identifier }: Record<string, string>) => [
        public_key_sha256,
        source,
        identifier,
      ]),
      [[hashOf(key), 'revocation', 'alice']],
    );
    const removed = await again.call('admin', { method: 'DELETE', url: `/api/blocked-keys/${hashOf(key)}` });
    assert.equal(removed.statusCode, 409, removed.body);
  });

  it('is blocked too where a renewal has replaced it, and where the certificate is deleted later', async (t) => {
    const built = await build(t);
    const key = keyFor('ed25519');
    const csr = await requestFor(key, SUBJECT);
    const { serial_number } = (await post(built, 'client-certs', { csr, identifier: 'alice' })).json();
    const renewed = await post(built, 'client-certs/alice/renew', { csr: await csrFor('alice') });
    assert.equal(renewed.statusCode, 201, renewed.body);
    const revoked = await post(built, 'client-certs/revoke', { serial_number, reason: 'keyCompromise' }, 'admin');
    assert.equal(revoked.statusCode, 200, revoked.body);
    await built.call('admin', { method: 'DELETE', url: '/api/client-certs/alice' });
    await assertRefused(built, csr, /blocked/);
    await built.app.close();
    await assertRefused(await build(t, { config: built.config }), csr, /blocked/);
  });

  it('is not blocked by a revocation for another reason', async (t) => {
    const built = await build(t);
    const csr = await csrFor('alice');
    await post(built, 'client-certs', { csr, identifier: 'alice' });
    await post(built, 'client-certs/alice/revoke', { reason: 'superseded' }, 'admin');
    assert.equal((await post(built, 'client-certs', { csr })).statusCode, 201);
  });

  it('is blocked as well where an imported revocation says so', async (t) => {
    const built = await build(t);
    const key = keyFor('ecdsa-sha256');
    const revoked_at = '2026-01-01T00:00:00Z';
    await takenOver(built, {
      subjectPublicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
      revocation: { revoked: true, revoked_at, reason_revoked: 'keyCompromise', invalidity_date: null },
    });
    await assertRefused(built, await requestFor(key, SUBJECT), /blocked/);
  });
});

describe('the list of blocked keys', () => {
  it('is extended by an administrator, by hash or by what has the key, and survives restarts', async (t) => {
    const built = await build(t);
    const [one, two, three] = [keyFor('ecdsa-sha256'), keyFor('ecdsa-sha384'), keyFor('ed25519')];
    const colons = hashOf(one)
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:');
    const pem = createPublicKey(two).export({ type: 'spki', format: 'pem' });
    for (const body of [{ public_key_sha256: colons, note: 'leaked' }, { pem }, { pem: await requestFor(three) }])
      assert.equal((await post(built, 'blocked-keys', body, 'admin')).statusCode, 201);
    assert.equal((await post(built, 'blocked-keys', { public_key_sha256: hashOf(one) }, 'admin')).statusCode, 200);
    for (const key of [one, two, three]) await assertRefused(built, await requestFor(key, SUBJECT), /administrator/);
    await built.app.close();
    const again = await build(t, { config: built.config });
    await assertRefused(again, await requestFor(one, SUBJECT), /administrator/);
    const answer = await again.call('admin', { method: 'DELETE', url: `/api/blocked-keys/${hashOf(one)}` });
    assert.equal(answer.statusCode, 204);
    const issued = await post(again, 'client-certs', { csr: await requestFor(one, SUBJECT) });
    assert.equal(issued.statusCode, 201, issued.body);
    const { entries } = await again.app.auditTrail.query({ operation: 'settings_update' });
    assert.equal(entries.length, 4);
  });

  it('takes no private key and nothing else than keys, from administrators alone', async (t) => {
    const built = await build(t);
    const pem = keyFor('ed25519').export({ type: 'pkcs8', format: 'pem' });
    const refused = await post(built, 'blocked-keys', { pem }, 'admin');
    assert.equal(refused.statusCode, 400);
    assert.match(refused.json().message, /private key/);
    for (const body of [{}, { public_key_sha256: 'x' }, { pem: 'x' }, { pem: 'x', public_key_sha256: 'a'.repeat(64) }])
      assert.equal((await post(built, 'blocked-keys', body, 'admin')).statusCode, 400, JSON.stringify(body));
    assert.equal((await post(built, 'blocked-keys', { public_key_sha256: 'a'.repeat(64) })).statusCode, 403);
    assert.equal((await built.call('viewer', { url: '/api/blocked-keys' })).statusCode, 403);
    const unknown = await built.call('admin', { method: 'DELETE', url: `/api/blocked-keys/${'b'.repeat(64)}` });
    assert.equal(unknown.statusCode, 404);
  });

  it('is in a backup, with the keys that were compromised', async (t) => {
    const built = await build(t);
    const [listed, compromised] = [keyFor('ecdsa-sha256'), keyFor('ed25519')];
    await post(built, 'blocked-keys', { public_key_sha256: hashOf(listed) }, 'admin');
    await post(built, 'client-certs', { csr: await requestFor(compromised, SUBJECT), identifier: 'alice' });
    await post(built, 'client-certs/alice/revoke', { reason: 'keyCompromise' }, 'admin');
    const passphrase = 'a passphrase of some length';
    const backup = await post(built, 'ca/backup', { passphrase }, 'admin');
    const folder = await mkdtemp(join(tmpdir(), 'certmate-blocked-'));
    t.after(() => rm(folder, { recursive: true }));
    const [file, secret] = [join(folder, 'backup'), join(folder, 'passphrase')];
    await writeFile(file, backup.rawPayload);
    await writeFile(secret, passphrase, { mode: 0o600 });
    const config = await testConfig(t);
    const restored = await certmate(config, 'restore', '--from', file, '--passphrase-file', secret);
    assert.equal(restored.status, 0, restored.output);
    const again = await build(t, { config });
    await assertRefused(again, await requestFor(listed, SUBJECT), /administrator/);
    await assertRefused(again, await requestFor(compromised, SUBJECT), /keyCompromise/);
  });

  it('is kept by the command as well', async (t) => {
    const built = await build(t);
    await built.app.close();
    const folder = await mkdtemp(join(tmpdir(), 'certmate-blocked-'));
    t.after(() => rm(folder, { recursive: true }));
    const key = keyFor('ecdsa-sha256');
    const file = join(folder, 'key.pem');
    await writeFile(file, createPublicKey(key).export({ type: 'spki', format: 'pem' }));
    const run = (...args: string[]) => certmate(built.config, 'blocked-keys', ...args);
    assert.equal((await run('add', '--file', file, '--note', 'leaked')).output, `blocked ${hashOf(key)}\n`);
    const { output } = await run('list');
    assert.match(output, new RegExp(`^${hashOf(key)} .* leaked\n$`));
    assert.equal((await run('remove', hashOf(key))).status, 0);
    assert.equal((await run('list')).output.trim(), '');
  });
});
