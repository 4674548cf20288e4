import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { InjectOptions } from 'fastify';
import type { Role } from '../../../src/types.js';
import { type Built, build, MovedClock } from '../../build.js';
import { requestFor } from '../../certification-request.js';

const CERTS = '/api/client-certs';

/** Calls with a new key that has these limits. */
async function limited(built: Built, role: Role, limits: Record<string, string[]>, name = 'limited') {
  const answer = await built.call('admin', { method: 'POST', url: '/api/keys', payload: { name, role, ...limits } });
  assert.equal(answer.statusCode, 201, answer.body);
  const { token, ...key } = answer.json();
  const send = (options: InjectOptions) =>
    built.app.inject({ ...options, headers: { authorization: `Bearer ${token}`, ...options.headers } });
  return { token, key, send };
}

const named = (answer: { json(): { certificates: { identifier: string }[]; total: number } }) => {
  const { certificates, total } = answer.json();
  return { identifiers: certificates.map(({ identifier }) => identifier).sort(), total };
};

describe('a key that is limited to some certificates', () => {
  test('issues those only: by itself, for a CSR and in a batch', async (t) => {
    const built = await build(t);
    const limits = { allowed_usages: ['vpn'], allowed_identifiers: ['vpn-*'] };
    const { send } = await limited(built, 'operator', limits);
    const issue = (body: object, path = '') =>
      send({ method: 'POST', url: CERTS + path, payload: { common_name: 'vpn-a', key_type: 'ec-p256', ...body } });
    assert.equal((await issue({ cert_usage: 'vpn' })).statusCode, 201, 'the usual identifier begins as the name does');
    for (const body of [
      {},
      { cert_usage: 'web' },
      { cert_usage: 'vpn', common_name: 'web-a' },
      { cert_usage: 'vpn', identifier: 'web-a' },
    ]) {
      for (const path of ['', '/create']) {
        const refused = await issue(body, path);
        assert.deepEqual([refused.statusCode, refused.json().code], [403, 'FORBIDDEN'], JSON.stringify(body));
        assert.match(refused.json().message, /limited to/);
      }
    }
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const csr = await requestFor(privateKey, [{ type: 'CN', value: 'vpn-b' }]);
    const submit = (cert_usage: string) =>
      send({ method: 'POST', url: `${CERTS}/csr/submit`, payload: { csr, cert_usage } });
    assert.deepEqual([(await submit('vpn')).statusCode, (await submit('web')).statusCode], [201, 403]);

    const rows = [
      ['vpn-c', 'vpn'],
      ['vpn-d', 'web'],
      ['web-e', 'vpn'],
    ];
    const table = { headers: ['common_name', 'cert_usage'], rows, defaults: { key_type: 'ec-p256' } };
    for (const dry_run of [true, false]) {
      const batch = await send({ method: 'POST', url: `${CERTS}/batch`, payload: { ...table, dry_run } });
      const { successful, errors } = batch.json();
      assert.deepEqual([successful, errors.map(({ row }: { row: number }) => row)], [1, [3, 4]]);
    }
  });

  test('sees those only, in lists and one by one, and no counts over all', async (t) => {
    const built = await build(t);
    for (const [identifier, cert_usage] of [
      ['vpn-1', 'vpn'],
      ['vpn-2', 'vpn'],
      ['vpn-3', 'web'],
      ['web-1', 'web'],
    ] as const) {
      await built.issue({ identifier, cert_usage });
    }
    const byUsage = await limited(built, 'viewer', { allowed_usages: ['vpn'] }, 'by usage');
    const byName = await limited(built, 'viewer', { allowed_identifiers: ['*-1', 'vpn-3'] }, 'by name');
    assert.deepEqual(named(await byUsage.send({ url: CERTS })), { identifiers: ['vpn-1', 'vpn-2'], total: 2 });
    assert.deepEqual(named(await byName.send({ url: CERTS })), { identifiers: ['vpn-1', 'vpn-3', 'web-1'], total: 3 });
    assert.deepEqual(named(await byName.send({ url: `${CERTS}?usage=web&search=vpn` })).identifiers, ['vpn-3']);
    assert.deepEqual(named(await byUsage.send({ url: `${CERTS}?usage=web` })), { identifiers: [], total: 0 });
    const page = (await byUsage.send({ url: `${CERTS}?limit=1` })).json();
    const next = await byUsage.send({ url: `${CERTS}?limit=1&cursor=${page.next_cursor}` });
    assert.deepEqual([page.certificates[0].identifier, ...named(next).identifiers].sort(), ['vpn-1', 'vpn-2']);
    assert.equal(next.json().next_cursor, null);
    for (const [url, status] of [
      [`${CERTS}/vpn-1`, 200],
      [`${CERTS}/vpn-3`, 404],
      [`${CERTS}/vpn-1/download/crt`, 200],
      [`${CERTS}/web-1/download/crt`, 404],
      [`${CERTS}/web-1/download/p7b`, 404],
      [`${CERTS}/none`, 404],
      [`${CERTS}/stats`, 403],
      ['/api/renewals', 403],
      ['/metrics', 403],
      ['/api/profiles', 200],
    ] as const) {
      assert.equal((await byUsage.send({ url })).statusCode, status, url);
    }
  });

  test('changes those only, by every way there is to a certificate', async (t) => {
    const built = await build(t);
    const foreign = await built.issue({ identifier: 'web-1', cert_usage: 'web' });
    const own = await built.issue({ identifier: 'vpn-1', cert_usage: 'vpn' });
    const { send } = await limited(built, 'admin', { allowed_usages: ['vpn'] });
    const calls = (id: string, certificate: string, serial_number: string) =>
      [
        { method: 'PATCH', url: `${CERTS}/${id}`, payload: { notes: 'x' } },
        { method: 'GET', url: `${CERTS}/${id}/download/key` },
        { method: 'GET', url: `${CERTS}/${id}/download/zip` },
        { method: 'POST', url: `${CERTS}/${id}/download/p12`, payload: { password: 'gravel otter' } },
        { method: 'POST', url: `${CERTS}/${id}/renew` },
        { method: 'POST', url: `${CERTS}/revoke`, payload: { certificate, reason: 'certificateHold' } },
        { method: 'POST', url: `${CERTS}/${id}/unhold` },
        { method: 'POST', url: `${CERTS}/revoke`, payload: { serial_number } },
        { method: 'POST', url: `${CERTS}/${id}/revoke` },
        { method: 'DELETE', url: `${CERTS}/${id}` },
      ] as const;
    for (const call of calls('web-1', foreign['certificate_pem'] ?? '', foreign['serial_number'] ?? '')) {
      const answer = await send(call);
      assert.deepEqual([answer.statusCode, answer.json().code], [404, 'NOT_FOUND'], `${call.method} ${call.url}`);
    }
    assert.equal(built.app.certificates.get('web-1').status, 'active');
    const served = calls('vpn-1', own['certificate_pem'] ?? '', own['serial_number'] ?? '').slice(0, 5);
    for (const call of served) assert.ok((await send(call)).statusCode < 300, `${call.method} ${call.url}`);

    const bulk = async (payload: object, what = 'tag') =>
      (await send({ method: 'POST', url: `${CERTS}/bulk/${what}`, payload })).json();
    const { results } = await bulk({ identifiers: ['web-1', 'vpn-1'], tags: ['x'] });
    assert.deepEqual(
      results.map(({ error }: { error: { code: string } | null }) => error?.code ?? null),
      ['NOT_FOUND', null],
    );
    const all = await bulk({ filter: { type: 'client' }, reason: 'superseded' }, 'revoke');
    assert.deepEqual([all.total, all.successful], [1, 1], 'a filter finds what it may touch');
    assert.equal(built.app.certificates.get('web-1').status, 'active');
  });

  test('sees no batch but its own', async (t) => {
    const built = await build(t);
    const table = { headers: ['common_name', 'cert_usage'], rows: [['a', 'vpn']], defaults: { key_type: 'ec-p256' } };
    const begin = {
      method: 'POST',
      url: `${CERTS}/batch`,
      headers: { prefer: 'respond-async' },
      payload: table,
    } as const;
    const foreign = (await built.call('operator', begin)).json();
    const { send } = await limited(built, 'admin', { allowed_usages: ['vpn'] });
    const own = (await send(begin)).json();
    assert.equal((await send({ url: `${CERTS}/batch/${foreign.id}` })).statusCode, 404);
    assert.equal((await send({ url: `${CERTS}/batch/${own.id}` })).statusCode, 200);
  });

  test('makes no key that is wider than itself, and no user', async (t) => {
    const built = await build(t);
    const limits = { allowed_usages: ['vpn', 'mail'], allowed_identifiers: ['a-*'], allowed_cidrs: ['127.0.0.0/8'] };
    const { send } = await limited(built, 'admin', limits);
    const make = async (wanted: object) =>
      (
        await send({
          method: 'POST',
          url: '/api/keys',
          payload: { name: `k${Math.random()}`, role: 'admin', ...wanted },
        })
      ).statusCode;
    assert.equal(await make({ ...limits, allowed_usages: ['vpn'], allowed_cidrs: ['127.0.0.1'] }), 201);
    for (const wider of [
      {},
      { ...limits, allowed_usages: null },
      { ...limits, allowed_usages: ['vpn', 'web'] },
      { ...limits, allowed_identifiers: ['*'] },
      { ...limits, allowed_cidrs: ['0.0.0.0/0'] },
      { ...limits, allowed_cidrs: null },
    ]) {
      assert.equal(await make(wider), 403, JSON.stringify(wider));
    }
    const near = await limited(built, 'admin', { allowed_cidrs: ['127.0.0.0/8'] }, 'near');
    const user = await near.send({ method: 'POST', url: '/api/users', payload: { name: 'alice', role: 'admin' } });
    assert.equal(user.statusCode, 403);
    assert.deepEqual(built.app.users.list(), []);
  });

  test('leaves a line in the audit trail where it is denied', async (t) => {
    const built = await build(t);
    await built.issue({ identifier: 'web-1', cert_usage: 'web' });
    const { send } = await limited(built, 'admin', { allowed_usages: ['vpn'] });
    await send({ method: 'DELETE', url: `${CERTS}/web-1` });
    const [line] = (await built.call('admin', { url: '/api/audit?operation=access' })).json().entries;
    assert.deepEqual([line.status, line.user, line.resource_id], ['denied', 'limited', `DELETE ${CERTS}/:id`]);
    assert.match(line.error, /limited to vpn/);
  });

  test('opens no page', async (t) => {
    const built = await build(t);
    const { token } = await limited(built, 'admin', { allowed_usages: ['vpn'] });
    const outcome = await built.app.signIn.withToken(token, { user: '', ip_address: '127.0.0.1', request_id: null });
    assert.match('refusal' in outcome ? outcome.refusal : '', /with the API only/);
  });
});

describe('a key that is limited to some addresses', () => {
  test('works from there, and from elsewhere it is denied and recorded', async (t) => {
    const built = await build(t);
    const { send } = await limited(built, 'admin', { allowed_cidrs: ['192.0.2.0/24', '2001:db8::/32'] });
    const from = async (remoteAddress: string) => (await send({ url: CERTS, remoteAddress })).statusCode;
    assert.deepEqual(
      [await from('192.0.2.7'), await from('2001:db8::7'), await from('::ffff:192.0.2.7')],
      [200, 200, 200],
    );
    assert.deepEqual([await from('198.51.100.7'), await from('2001:db9::1')], [403, 403]);
    const entries = (await built.call('admin', { url: '/api/audit?operation=access' })).json().entries;
    assert.deepEqual(
      entries.map(({ user, ip_address }: { user: string; ip_address: string }) => [user, ip_address]),
      [
        ['limited', '2001:db9::1'],
        ['limited', '198.51.100.7'],
      ],
    );
  });

  test('no X-Forwarded-For of somebody who is no trusted proxy brings it there', async (t) => {
    const built = await build(t);
    const { send } = await limited(built, 'admin', { allowed_cidrs: ['192.0.2.0/24'] });
    const headers = { 'x-forwarded-for': '192.0.2.7' };
    assert.equal((await send({ url: CERTS, headers })).statusCode, 403);
  });

  test('takes its session with it: elsewhere that is over', async (t) => {
    const built = await build(t);
    const { key } = await limited(built, 'admin', { allowed_cidrs: ['192.0.2.0/24'] });
    assert.notEqual(built.app.sessions.principal(key.id, '192.0.2.9'), null);
    assert.equal(built.app.sessions.principal(key.id, '198.51.100.9'), null);
  });
});

describe('limits', () => {
  test('are shown, kept over a restart, and refused where they are malformed', async (t) => {
    const built = await build(t);
    const limits = { allowed_usages: ['vpn'], allowed_identifiers: ['a*'], allowed_cidrs: ['192.0.2.0/24'] };
    const { key, token } = await limited(built, 'viewer', limits);
    assert.deepEqual({ ...key, ...limits, prefix: token.slice(0, 8) }, key);
    for (const wrong of [
      { allowed_usages: [] },
      { allowed_usages: ['VPN'] },
      { allowed_identifiers: ['a/b'] },
      { allowed_identifiers: ['*'.repeat(9)] },
      { allowed_cidrs: ['nowhere'] },
      { allowed_cidrs: '192.0.2.0/24' },
    ]) {
      const payload = { name: 'wrong', role: 'viewer', ...wrong };
      assert.equal((await built.call('admin', { method: 'POST', url: '/api/keys', payload })).statusCode, 400);
    }
    await built.app.close();
    const again = await build(t, { config: built.config });
    assert.deepEqual({ ...again.app.auth.list().find(({ id }) => id === key.id) }, key);
  });

  test('are a hundred of a kind at most, patterns of 128 characters and eight wildcards at most', async (t) => {
    const built = await build(t);
    const pattern = (wildcards: number, length: number) => '*'.repeat(wildcards).padEnd(length, 'a');
    const list = (count: number) => Array.from({ length: count }, (_, n) => `a-${n}`);
    const status = async (name: string, limits: object) => {
      const payload = { name, role: 'viewer', ...limits };
      return (await built.call('admin', { method: 'POST', url: '/api/keys', payload })).statusCode;
    };
    for (const [name, most, beyond] of [
      ['wildcards', { allowed_identifiers: [pattern(8, 20)] }, { allowed_identifiers: [pattern(9, 20)] }],
      ['length', { allowed_identifiers: [pattern(0, 128)] }, { allowed_identifiers: [pattern(0, 129)] }],
      ['identifiers', { allowed_identifiers: list(100) }, { allowed_identifiers: list(101) }],
      ['usages', { allowed_usages: ['a'.repeat(32)] }, { allowed_usages: ['a'.repeat(33)] }],
    ] as const)
      assert.deepEqual([await status(name, beyond), await status(name, most)], [400, 201], name);
  });

  test('when a key was last used is known at once, and written only now and then', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { key, send } = await limited(built, 'viewer', { allowed_usages: ['vpn'] });
    const lastUsed = () => built.app.auth.list().find(({ id }) => id === key.id)?.last_used_at;
    assert.equal(lastUsed(), null);
    await send({ url: CERTS });
    const used = lastUsed();
    assert.equal(used, `${clock.now().toISOString().slice(0, 19)}Z`);
    const file = join(built.config.dataDir, 'auth', 'last-used.json');
    await assert.rejects(readFile(file), { code: 'ENOENT' });
    await built.app.close();
    assert.match(await readFile(file, 'utf8'), new RegExp(`"${key.id}": "${used}"`));
    const again = await build(t, { config: built.config, clock });
    assert.equal(again.app.auth.list().find(({ id }) => id === key.id)?.last_used_at, used);
  });
});
