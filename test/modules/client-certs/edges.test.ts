// What changes between a check and its act, and limits at their very edge.
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import type { Ledger } from '../../../src/modules/client-certs/issue-once.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { life } from './life.js';

const ACTOR = { user: 'alice', ip_address: null, request_id: null };
const CERTS = '/api/client-certs';

describe('renewing with the same key', () => {
  test('is refused once the key is blocked', async (t) => {
    const built = await build(t);
    const { issue, renew, get } = life(built);
    const { identifier, public_key_sha256, serial_number } = await issue();
    await built.app.blockedKeys.add({ public_key_sha256: String(public_key_sha256), note: '' }, ACTOR);
    const { status, body } = await renew(identifier, { reuse_key: true });
    assert.deepEqual([status, body.code], [400, 'WEAK_KEY']);
    assert.equal((await get(identifier)).serial_number, serial_number);
  });

  test('fails where its CSR cannot be read, rather than losing it', async (t) => {
    const config = await testConfig(t);
    const calls = FileCalls.watch(t, config.dataDir);
    const { issue, renew, get, download } = life(await build(t, { config }));
    const { identifier, serial_number } = await issue();
    const failing = calls.fail(({ path }) => path.endsWith('cert.csr'), 'EIO', { times: 1 });
    assert.equal((await renew(identifier, { reuse_key: true })).status, 500);
    assert.equal(failing.count, 1);
    assert.equal((await get(identifier)).serial_number, serial_number);
    assert.equal((await renew(identifier, { reuse_key: true })).status, 201);
    assert.equal((await download(identifier, 'csr')).status, 200);
  });
});

test('a renewal that is to revoke the one before does not revoke one that has expired', async (t) => {
  const clock = new MovedClock();
  const { issue, renew, ocsp } = life(await build(t, { clock }));
  const { identifier, serial_number } = await issue({ days_valid: 1 });
  clock.advance(2 * 86_400);
  const { body } = await renew(identifier, { revoke_previous: true });
  const [replaced] = body.history;
  assert.deepEqual(
    [replaced?.serial_number, replaced?.revoked_at, replaced?.reason_revoked],
    [serial_number, null, null],
  );
  assert.notEqual(await ocsp(serial_number), 'superseded');
});

test('deleting a certificate that has expired revokes those that it replaced and that are valid still', async (t) => {
  const clock = new MovedClock();
  const { issue, renew, remove, ocsp, crl } = life(await build(t, { clock }));
  const { identifier, serial_number } = await issue({ days_valid: 30 });
  await renew(identifier, { days_valid: 1 });
  clock.advance(2 * 86_400);
  assert.equal((await remove(identifier)).status, 200);
  assert.deepEqual([await ocsp(serial_number), crl(serial_number)], ['cessationOfOperation', 'cessationOfOperation']);
});

describe('what happens between the look at a certificate and its change', () => {
  test('a certificate that is deleted then is not amended', async (t) => {
    const { app, ...built } = await build(t);
    const { identifier } = await life({ app, ...built }).issue();
    const update = app.store.update.bind(app.store);
    app.store.update = async (...change) => {
      app.store.update = update;
      await app.certificates.delete(identifier, ACTOR);
      return update(...change);
    };
    await assert.rejects(app.certificates.amend(identifier, { notes: 'late' }, ACTOR), { code: 'NOT_FOUND' });
    assert.equal(app.store.inventory.get(identifier)?.notes, '');
  });

  test('a certificate that takes the identifier of a deleted one keeps its key, whenever the other’s is destroyed', async (t) => {
    const { app, ...built } = await build(t);
    const { issue, download } = life({ app, ...built });
    await issue({ identifier: 'alice' });
    const destroy = app.store.destroyKey.bind(app.store);
    app.store.destroyKey = async (...which) => {
      await issue({ identifier: 'alice' });
      return destroy(...which);
    };
    await app.certificates.delete('alice', ACTOR);
    assert.equal(app.store.inventory.get('alice')?.deleted_at, null);
    assert.equal((await download('alice', 'key')).status, 200);
  });
});

describe('a call for many certificates', () => {
  test('renews a thousand that are named, and not one more', async (t) => {
    const { call } = await build(t);
    const named = (count: number) => Array.from({ length: count }, (_, index) => `none-${index}`);
    const renewAll = (count: number) => {
      const payload = { identifiers: named(count), dry_run: true };
      return call('operator', { method: 'POST', url: `${CERTS}/bulk/renew`, payload });
    };
    assert.equal((await renewAll(1000)).json().total, 1000);
    const refused = await renewAll(1001);
    assert.deepEqual([refused.statusCode, refused.json().code], [400, 'VALIDATION_FAILED']);
  });

  test('gives a certificate 50 tags, and not one more', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue({ tags: Array.from({ length: 49 }, (_, index) => `t${index}`) });
    const add = async (tag: string) => {
      const payload = { identifiers: [identifier], tags: [tag] };
      return (await built.call('operator', { method: 'POST', url: `${CERTS}/bulk/tag`, payload })).json().results[0];
    };
    assert.equal((await add('fifty')).success, true);
    assert.equal((await add('one more')).error.code, 'CONFLICT');
    assert.equal(built.app.store.inventory.get(identifier)?.tags.length, 50);
  });

  test('finds for a limited key what is within its reach only, and owes the line of what is not', async (t) => {
    const config = await testConfig(t);
    const calls = FileCalls.watch(t, dirname(config.dataDir));
    const built = await build(t, { config });
    await built.issue({ identifier: 'web-1', cert_usage: 'web' });
    await built.issue({ identifier: 'vpn-1', cert_usage: 'vpn' });
    const made = { name: 'limited', role: 'admin', allowed_usages: ['vpn'] };
    const { token } = (await built.call('admin', { method: 'POST', url: '/api/keys', payload: made })).json();
    const headers = { authorization: `Bearer ${token}` };
    const tag = async (chosen: object) => {
      const payload = { ...chosen, dry_run: true, tags: ['x'] };
      return (await built.app.inject({ method: 'POST', url: `${CERTS}/bulk/tag`, headers, payload })).json();
    };
    const { results } = await tag({ filter: { status: 'active' } });
    assert.deepEqual(
      results.map(({ identifier }: { identifier: string }) => identifier),
      ['vpn-1'],
    );
    const denied = async () =>
      (await built.call('admin', { url: '/api/audit?operation=access&status=denied' })).json().entries.length;
    const before = await denied();
    const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
    assert.equal((await tag({ identifiers: ['web-1'] })).failed, 1);
    assert.equal(await denied(), before);
    failing.stop();
    await built.app.arrears.settle();
    assert.equal(await denied(), before + 1);
  });
});

describe('an Idempotency-Key', () => {
  test('of an issued certificate is another one than that of a renewal', async (t) => {
    const { call } = await build(t);
    const headers = { 'idempotency-key': 'the same' };
    const send = (url: string, payload: object) => call('operator', { method: 'POST', url, payload, headers });
    const issued = (await send(CERTS, { common_name: 'alice' })).json();
    const renewed = await send(`${CERTS}/${issued.identifier}/renew`, {});
    assert.equal(renewed.statusCode, 201);
    assert.notEqual(renewed.json().serial_number, issued.serial_number);
  });

  test('does not give a private key again whose line cannot be written', async (t) => {
    const config = await testConfig(t);
    const calls = FileCalls.watch(t, dirname(config.dataDir));
    const { call } = await build(t, { config });
    const headers = { 'idempotency-key': 'one' };
    const payload = { common_name: 'alice', store_key: false };
    const send = () => call('operator', { method: 'POST', url: CERTS, payload, headers });
    assert.ok((await send()).json().private_key_pem);
    const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
    const refused = await send();
    assert.equal(refused.statusCode, 507);
    assert.doesNotMatch(refused.body, /PRIVATE KEY/);
    failing.stop();
    assert.ok((await send()).json().private_key_pem);
  });

  test('whose answer was lost with its private key is answered with a notice that says so', async (t) => {
    const { app } = await build(t);
    // A ledger that remembers the mark alone, as after a crash.
    const forgetful: Ledger = {
      async once(_call, action) {
        let find: () => ReturnType<typeof action.find> = async () => null;
        await action.perform(async (mark) => {
          find = () => action.find(mark);
        });
        const found = await find();
        if (found === null) throw new Error('nothing was found under the mark');
        return { ...found, replayed: true };
      },
    };
    for (const store_key of [false, true]) {
      const request = app.certificates.readRequest({ common_name: 'alice', store_key });
      const call = { request, key: 'one', caller: 'test' };
      const { issued } = await app.certificates.issueOnce(forgetful, call as never, ACTOR);
      assert.equal(issued.private_key_pem, undefined);
      assert.equal(/had the private key, which is not stored/.test(issued.notice ?? ''), !store_key);
    }
  });
});
