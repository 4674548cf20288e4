// An identifier is one certificate's; that of a deleted one can be used again, and what was deleted is never forgotten.
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { reindex } from '../../../src/store/reindexing.js';
import { build } from '../../build.js';

async function life(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  const post = async (payload: object, status = 201) => {
    const answer = await built.call('operator', { method: 'POST', url: '/api/client-certs', payload });
    assert.equal(answer.statusCode, status, answer.body);
    return answer.json();
  };
  const remove = async (id: string) => {
    const answer = await built.call('admin', { method: 'DELETE', url: `/api/client-certs/${id}` });
    assert.equal(answer.statusCode, 200, answer.body);
  };
  return { ...built, post, remove };
}

type Built = Awaited<ReturnType<typeof build>>;

async function ocsp({ call }: Pick<Built, 'call'>, serial: string): Promise<string> {
  return (await call('viewer', { url: `/api/ocsp/status/${serial}` })).json().certificate_status;
}

async function listed({ call }: Pick<Built, 'call'>): Promise<string[]> {
  return (await call('viewer', { url: '/api/crl/info' })).json().revoked_serials;
}

test('the identifier of a deleted certificate can be used again, its serial stays revoked (OpenVPN/easy-rsa#105, pivpn/pivpn#894)', async (t) => {
  const built = await life(t);
  const { post, remove, call, app, config } = built;
  const first = await post({ common_name: 'alice', identifier: 'alice' });
  const renewal = { method: 'POST', url: '/api/client-certs/alice/renew', payload: {} } as const;
  const second = (await call('operator', renewal)).json();
  const revocation = { reason: 'keyCompromise', invalidity_date: second.not_before };
  await call('admin', { method: 'POST', url: '/api/client-certs/alice/revoke', payload: revocation });
  await remove('alice');
  const gone = await call('viewer', { url: '/api/client-certs/alice' });
  assert.equal(gone.statusCode, 404);
  assert.match(gone.json().message, /it was deleted at \d{4}-/);

  const third = await post({ common_name: 'Alice the Second', identifier: 'alice' });
  assert.equal(third.renewal.renewed_from, null);
  assert.deepEqual(
    third.history.map((entry: { serial_number: string; reason_revoked: string }) => [
      entry.serial_number,
      entry.reason_revoked,
    ]),
    [
      [first.serial_number, 'keyCompromise'],
      [second.serial_number, 'keyCompromise'],
    ],
  );
  assert.equal(third.history[1].invalidity_date, second.not_before);
  const check = async (now: Pick<Built, 'call'>) => {
    const shown = (await now.call('viewer', { url: '/api/client-certs/alice' })).json();
    assert.equal(shown.serial_number, third.serial_number);
    assert.equal(shown.common_name, 'Alice the Second');
    assert.equal(await ocsp(now, third.serial_number), 'good');
    for (const serial of [first.serial_number, second.serial_number]) {
      assert.equal(await ocsp(now, serial), 'revoked');
      assert.ok((await listed(now)).includes(serial));
    }
    const key = await now.call('operator', { url: '/api/client-certs/alice/download/key' });
    assert.match(key.body, /PRIVATE KEY/);
  };
  await check(built);
  const directory = join(config.dataDir, 'certs', 'client', 'api-mtls', 'alice');
  for (const { serial_number } of [first, second]) {
    assert.ok(existsSync(join(directory, 'history', serial_number, 'cert.crt')));
    assert.ok(!existsSync(join(directory, 'history', serial_number, 'cert.key')), 'destroyed when it was deleted');
  }
  const creates = (await call('admin', { url: '/api/audit?operation=create&resource_id=alice' })).json();
  assert.equal(creates.total ?? creates.entries?.length ?? creates.lines?.length, 2);

  await app.close();
  const again = await build(t, { config });
  await check(again);
  assert.deepEqual(again.app.store.problems(), []);
  await again.app.close();
  rmSync(join(config.dataDir, 'journal'), { recursive: true });
  const rebuilt = await build(t, { config });
  await check(rebuilt);
  assert.deepEqual(rebuilt.app.store.problems(), []);
  await rebuilt.app.close();
  const reconstruct = () => Promise.reject(new Error('nothing is damaged'));
  const result = await reindex({ dataDir: config.dataDir, reconstruct, revocations: new Map(), now: new Date() });
  assert.deepEqual([result.count, result.problems, result.lost], [1, [], []]);
  await check(await build(t, { config }));
});

test('it can be deleted and used again any number of times, and by several at once only by one', async (t) => {
  const { post, remove, call } = await life(t);
  const serials: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    serials.push((await post({ common_name: 'bob', identifier: 'bob' })).serial_number);
    await remove('bob');
  }
  const payload = { common_name: 'bob', identifier: 'bob' };
  const answers = await Promise.all(
    [1, 2, 3].map(() => call('operator', { method: 'POST', url: '/api/client-certs', payload })),
  );
  assert.deepEqual(answers.map(({ statusCode }) => statusCode).sort(), [201, 409, 409]);
  for (const serial of serials) assert.equal(await ocsp({ call }, serial), 'revoked');
});

test('a certificate of another usage cannot use it again, and is told why', async (t) => {
  const { post, remove } = await life(t);
  await post({ common_name: 'carol', identifier: 'carol' });
  await remove('carol');
  const refused = await post({ common_name: 'carol', identifier: 'carol', cert_usage: 'vpn' }, 409);
  assert.equal(refused.code, 'IDENTIFIER_TAKEN');
  assert.match(refused.message, /deleted certificate of usage "api-mtls"/);
});

test('identifiers that differ in case only are refused, of deleted certificates too', async (t) => {
  const { post, remove, call } = await life(t);
  await post({ common_name: 'dora', identifier: 'Dora' });
  for (const identifier of ['dora', 'DORA']) {
    const refused = await post({ common_name: 'dora', identifier, cert_usage: 'vpn' }, 409);
    assert.equal(refused.code, 'IDENTIFIER_TAKEN');
    assert.match(refused.message, /"Dora" in case only/);
  }
  await remove('Dora');
  assert.match((await post({ common_name: 'dora', identifier: 'dora' }, 409)).message, /in case only/);
  await post({ common_name: 'dora', identifier: 'Dora' });
  const url = '/api/client-certs/batch';
  const rows = [
    ['x', 'Same'],
    ['y', 'same'],
    ['z', 'dORA'],
  ];
  const answer = await call('operator', {
    method: 'POST',
    url,
    payload: { headers: ['common_name', 'identifier'], rows },
  });
  const { errors, successful } = answer.json();
  assert.equal(successful, 1);
  assert.match(errors[0].error, /row 2 has the same/);
  assert.match(errors[1].error, /"Dora" in case only/);
});
