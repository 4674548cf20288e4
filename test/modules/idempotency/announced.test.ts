// A call with an Idempotency-Key makes nothing before it is on disk by what it can be found again.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Built, build } from '../../build.js';
import { ownRequest } from '../../faults/own-request.js';
import { FileCalls } from '../../file-calls.js';

const csr = ownRequest();
const CERTS = '/api/client-certs';

/** The call, and how many certificates there are of those that it makes. */
const ways: Record<string, { url: string; payload: object }> = {
  issuing: { url: CERTS, payload: { common_name: 'kept@example.com', csr } },
  renewing: { url: `${CERTS}/there/renew`, payload: { reuse_key: true } },
  'a small batch': {
    url: `${CERTS}/batch`,
    payload: { headers: ['common_name', 'csr'], rows: [['kept@example.com', csr]] },
  },
};

async function ready(t: TestContext): Promise<{ built: Built; calls: FileCalls; made: () => number }> {
  const built = await build(t);
  await built.issue({ identifier: 'there', csr });
  const calls = FileCalls.watch(t, join(built.config.dataDir, 'idempotency'));
  const made = () => {
    const renewals = built.app.store.inventory.get('there' as never)?.history.length ?? 0;
    return (
      [...built.app.store.inventory.records()].filter(({ common_name }) => common_name === 'kept@example.com').length +
      renewals
    );
  };
  return { built, calls, made };
}

describe('a call with an Idempotency-Key', () => {
  for (const [way, { url, payload }] of Object.entries(ways)) {
    const send = ({ call }: Built) =>
      call('admin', { method: 'POST', url, payload, headers: { 'idempotency-key': 'the only one' } });

    it(`makes nothing before its mark is on disk: ${way}`, async (t) => {
      const { built, calls, made } = await ready(t);
      const held = calls.hold(({ name }) => name === 'datasync');
      const answer = send(built);
      await held.reached;
      // Others, that begin later, are done by then.
      for (let n = 0; n < 5; n += 1) await built.issue({ identifier: `other-${n}`, csr });
      assert.equal(made(), 0);
      held.release();
      const { statusCode, body } = await answer;
      assert.equal(statusCode, 201, body);
      assert.equal(made(), 1);
    });

    it(`makes nothing where its mark finds no room: ${way}`, async (t) => {
      const { built, calls, made } = await ready(t);
      const failing = calls.fail(({ name }) => name === 'datasync', 'ENOSPC');
      const refused = await send(built);
      assert.deepEqual([refused.statusCode, refused.json().code], [507, 'STORAGE_FULL'], refused.body);
      assert.equal(made(), 0);
      failing.stop();
      assert.equal((await send(built)).statusCode, 201);
      assert.equal(made(), 1);
    });
  }
});
