// What is out of a limited key's reach is answered as what does not exist. Found by a stranger: rows of bulk steps carried serial
// numbers of certificates out of scope and of deleted ones, FORBIDDEN against NOT_FOUND told which identifiers exist, and revoking
// by serial number answered with the identifier.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import { type Built, build } from '../../build.js';

const CERTS = '/api/client-certs';

/** Calls with a new admin key for VPN certificates only. */
async function vpnKey(built: Built) {
  const payload = { name: 'limited', role: 'admin', allowed_usages: ['vpn'] };
  const { token } = (await built.call('admin', { method: 'POST', url: '/api/keys', payload })).json();
  return (options: InjectOptions) => built.app.inject({ ...options, headers: { authorization: `Bearer ${token}` } });
}

/** A certificate that is out of reach, one that is not there, and one that was deleted within reach. */
async function stage(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  const foreign = await built.issue({ identifier: 'web-1', cert_usage: 'web' });
  const gone = await built.issue({ identifier: 'vpn-gone', cert_usage: 'vpn' });
  await built.call('admin', { method: 'DELETE', url: `${CERTS}/vpn-gone` });
  return { built, foreign, gone, send: await vpnKey(built) };
}

/** All that an answer tells, the name that was asked for left out. */
function told({ statusCode, headers, body }: LightMyRequestResponse, name: string): unknown {
  const { 'x-request-id': _id, date: _date, 'content-length': _length, ...others } = headers;
  return { statusCode, headers: others, body: body.replaceAll(name, '<name>') };
}

const denied = async ({ call }: Built) =>
  (await call('admin', { url: '/api/audit?operation=access&status=denied' })).json().entries;

const onOne = (id: string): InjectOptions[] => [
  { method: 'GET', url: `${CERTS}/${id}` },
  ...['crt', 'key', 'csr', 'chain', 'fullchain', 'der', 'p7b', 'zip'].map((type) => ({
    method: 'GET' as const,
    url: `${CERTS}/${id}/download/${type}`,
  })),
  { method: 'POST', url: `${CERTS}/${id}/download/p12`, payload: { password: 'gravel otter' } },
  { method: 'PATCH', url: `${CERTS}/${id}`, payload: { notes: 'x' } },
  { method: 'POST', url: `${CERTS}/${id}/renew`, payload: {} },
  { method: 'POST', url: `${CERTS}/${id}/revoke`, payload: {} },
  { method: 'POST', url: `${CERTS}/${id}/unhold` },
  { method: 'DELETE', url: `${CERTS}/${id}` },
];

describe('to a limited key a certificate out of its reach', () => {
  test('is answered on every route as one that does not exist, and each call leaves a denied line', async (t) => {
    const { built, send } = await stage(t);
    const missing = onOne('web-2');
    for (const [index, call] of onOne('web-1').entries()) {
      const label = `${call.method} ${call.url}`;
      const before = (await denied(built)).length;
      const answer = await send(call);
      assert.equal(answer.statusCode, 404, label);
      assert.deepEqual(told(answer, 'web-1'), told(await send(missing[index] as InjectOptions), 'web-2'), label);
      const [line, ...older] = await denied(built);
      // More than a few a minute from one address are only counted.
      if (before < 10) assert.equal(older.length, before, label);
      assert.match(line.error, /limited to vpn/);
      assert.equal(line.user, 'limited');
    }
    assert.equal(built.app.certificates.get('web-1').status, 'active');
  });

  test('is not found by its serial number or in PEM either, and its identifier is not told', async (t) => {
    const { built, foreign, send } = await stage(t);
    const elsewhere = await (await build(t)).issue({ identifier: 'other' });
    const revoke = (payload: object) => send({ method: 'POST', url: `${CERTS}/revoke`, payload });
    const serial = foreign['serial_number'] as string;
    const hex = `0x${BigInt(serial).toString(16)}`;
    const missing = await revoke({ serial_number: '4711' });
    for (const text of [serial, hex]) {
      const answer = await revoke({ serial_number: text });
      assert.deepEqual(told(answer, text), told(missing, '4711'));
      assert.doesNotMatch(answer.body, /web-1/);
    }
    const inPem = await revoke({ certificate: foreign['certificate_pem'] });
    const fromElsewhere = await revoke({ certificate: elsewhere['certificate_pem'] });
    assert.deepEqual(told(inPem, ''), told(fromElsewhere, ''));
    assert.equal((await denied(built)).length, 3);
    assert.equal(built.app.certificates.get('web-1').status, 'active');
  });

  test('is a row of bulk steps like one that does not exist: no serial number, also of a deleted one', async (t) => {
    const { built, send } = await stage(t);
    for (const [step, payload] of [
      ['revoke', { reason: 'superseded' }],
      ['renew', {}],
      ['tag', { tags: ['x'] }],
    ] as const) {
      for (const dry_run of [true, false]) {
        const identifiers = ['web-1', 'web-2', 'vpn-gone'];
        const answer = await send({
          method: 'POST',
          url: `${CERTS}/bulk/${step}`,
          payload: { identifiers, dry_run, ...payload },
        });
        assert.equal(answer.statusCode, 200, answer.body);
        const rows = answer.json().results.map((row: Record<string, unknown>, index: number) => {
          return JSON.parse(JSON.stringify(row).replaceAll(identifiers[index] as string, '<name>'));
        });
        assert.deepEqual(rows[0], rows[1], `${step} ${dry_run}`);
        assert.deepEqual(rows[2], rows[1], `${step} ${dry_run}`);
        assert.deepEqual([rows[0].serial_number, rows[0].error.code], [null, 'NOT_FOUND']);
        const [line] = await denied(built);
        assert.deepEqual([line.user, line.resource_id, line.details.identifiers], ['limited', 'web-1', ['web-1']]);
      }
    }
    assert.equal((await denied(built)).length, 6);
  });

  test('does not make a serial number ambiguous that means one within its reach', async (t) => {
    const { built, send } = await stage(t);
    const own = await built.issue({ identifier: 'vpn-1', cert_usage: 'vpn' });
    const answer = await send({
      method: 'POST',
      url: `${CERTS}/revoke`,
      payload: { serial_number: own['serial_number'] },
    });
    assert.deepEqual([answer.statusCode, answer.json().identifier], [200, 'vpn-1']);
  });

  test('is in no list and no filter; a batch of another caller is not there, which leaves a line', async (t) => {
    const { built, send } = await stage(t);
    assert.equal((await send({ url: `${CERTS}?search=web-1` })).json().total, 0);
    const payload = { headers: ['common_name'], rows: [['a']], defaults: { key_type: 'ec-p256' } };
    const headers = { prefer: 'respond-async' };
    const { id } = (await built.call('operator', { method: 'POST', url: `${CERTS}/batch`, headers, payload })).json();
    for (const path of ['', '/events', '/results.csv', '/results.zip']) {
      const other = 'f'.repeat(id.length);
      const answer = await send({ url: `${CERTS}/batch/${id}${path}` });
      assert.equal(answer.statusCode, 404);
      assert.deepEqual(told(answer, id), told(await send({ url: `${CERTS}/batch/${other}${path}` }), other));
    }
    const [line] = await denied(built);
    assert.match(line.error, /belongs to another caller/);
  });
});

test('a deleted certificate has no serial number in the rows of bulk steps, whoever asks', async (t) => {
  const { built } = await stage(t);
  const payload = { identifiers: ['vpn-gone'], reason: 'superseded' };
  const { results } = (await built.call('admin', { method: 'POST', url: `${CERTS}/bulk/revoke`, payload })).json();
  assert.deepEqual([results[0].serial_number, results[0].error.code], [null, 'NOT_FOUND']);
});
