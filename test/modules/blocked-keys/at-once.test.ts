import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { BlockedKeys } from '../../../src/modules/blocked-keys/blocked-keys.js';
import { Folder } from '../../../src/store/folder.js';
import { build, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { csrFor } from '../client-certs/life.js';

const ACTOR = { user: 'alice', ip_address: null, request_id: null };
const hash = (digit: number) => String(digit).repeat(64);

describe('changes of the list of blocked keys at the same time', () => {
  it('are all kept, on disk too', async (t) => {
    const { app, config } = await build(t);
    const keys = app.blockedKeys;
    await keys.add({ public_key_sha256: hash(0), note: '' }, ACTOR);
    const made = await Promise.all(
      [1, 2, 1, 3].map((digit) => keys.add({ public_key_sha256: hash(digit), note: '' }, ACTOR)),
    );
    assert.deepEqual(
      made.map(({ created }) => created),
      [true, true, false, true],
    );
    const outcomes = await Promise.allSettled([
      keys.remove(hash(0), ACTOR),
      keys.remove(hash(0), ACTOR),
      keys.add({ public_key_sha256: hash(4), note: '' }, ACTOR),
      keys.remove(hash(2), ACTOR),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    );
    const { arrears, clock, audit } = app;
    const again = await BlockedKeys.open({ files: new Folder(config.dataDir), audit, arrears, clock }, []);
    for (const same of [keys, again]) {
      assert.deepEqual(
        same.list().map(({ public_key_sha256 }) => public_key_sha256),
        [hash(1), hash(3), hash(4)],
      );
    }
  });
});

describe('a key that is blocked while a certificate is being issued for it', () => {
  it('is not certified: it is looked at again before the CA signs', async (t) => {
    const config = await testConfig(t);
    const calls = FileCalls.watch(t, dirname(config.dataDir));
    const { app, call } = await build(t, { config });
    const csr = await csrFor('alice');
    const held = calls.hold(({ name, path }) => name === 'datasync' && path.includes('/idempotency/'));
    const issuing = call('operator', {
      method: 'POST',
      url: '/api/client-certs',
      payload: { csr, identifier: 'alice' },
      headers: { 'idempotency-key': 'once' },
    });
    await held.reached;
    await app.blockedKeys.add({ pem: csr, note: '' }, ACTOR);
    held.release();
    const { statusCode, body } = await issuing;
    assert.deepEqual([statusCode, JSON.parse(body).code], [400, 'WEAK_KEY']);
    assert.equal(app.store.inventory.get('alice'), undefined);
    assert.equal(app.idempotency.size, 0);
  });
});
