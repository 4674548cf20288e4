// What forms, spreadsheets and scripts send (found by a stranger: `"email": ""` and `"days_valid": "90"` were refused).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newUsageNotice } from '../../../src/modules/client-certs/usage-notice.js';
import { type Built, build } from '../../build.js';

const create = async ({ call }: Built, payload: object, status = 201) => {
  const answer = await call('operator', { method: 'POST', url: '/api/client-certs', payload });
  assert.equal(answer.statusCode, status, answer.body);
  return answer.json();
};

describe('an empty text', () => {
  it('in an optional field means absent, in every field of a request to issue', async (t) => {
    const built = await build(t);
    const names = [
      ...['email', 'organization', 'organizational_unit', 'country', 'state', 'locality', 'cert_usage'],
      ...['certificate_type', 'days_valid', 'hours_valid', 'key_type', 'csr', 'generate_key', 'store_key'],
      ...['subject_alt_names', 'key_usage', 'extended_key_usage', 'notes', 'tags', 'identifier', 'renewal_enabled'],
      'renewal_threshold_days',
    ];
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    const issued = await create(built, { common_name: 'alice@example.com', ...empty });
    const usual = await create(built, { common_name: 'alice@example.com' });
    for (const name of ['organization', 'country', 'cert_usage', 'days_valid', 'key_size', 'tags', 'renewal', 'status'])
      assert.deepEqual(issued[name], usual[name], name);
  });

  it('in a required field is missing, and is named with whatever else is wrong', async (t) => {
    const built = await build(t);
    const { details } = await create(
      built,
      { common_name: '', email: 'no mailbox', country: 'XYZ', days_valid: 0, subject_alt_names: ['dns:a', 'nonsense'] },
      400,
    );
    assert.deepEqual(details.map(({ path }: { path: string }) => path).toSorted(), [
      'common_name',
      'country',
      'days_valid',
      'email',
      'subject_alt_names.1',
    ]);
  });

  it('clears notes where they are changed, and is no filter in a list', async (t) => {
    const built = await build(t);
    const { identifier } = await create(built, { common_name: 'a', notes: 'something' });
    const change = { method: 'PATCH', url: `/api/client-certs/${identifier}` } as const;
    const changed = await built.call('operator', { ...change, payload: { notes: '' } });
    assert.equal(changed.json().notes, '');
    const url =
      '/api/client-certs?usage=&status=&revoked=&organization=&search=&tag=&sort=&order=&limit=&cursor=&type=';
    const listed = await built.call('viewer', { url });
    assert.equal(listed.statusCode, 200, listed.body);
    assert.equal(listed.json().total, 1);
  });

  it('is not the condition of a bulk step: it would choose every certificate', async (t) => {
    const { call } = await build(t);
    const payload = { filter: { search: '', organization: '' } };
    const answer = await call('admin', { method: 'POST', url: '/api/client-certs/bulk/revoke', payload });
    assert.equal(answer.statusCode, 400, answer.body);
  });

  it('does not lift a limit of a key: access rules are read to the letter', async (t) => {
    const { call } = await build(t);
    const payload = { name: 'limited', role: 'operator', allowed_usages: '' };
    assert.equal((await call('admin', { method: 'POST', url: '/api/keys', payload })).statusCode, 400);
  });
});

describe('a number', () => {
  it('may come as text, in JSON, in a batch and within an object', async (t) => {
    const built = await build(t);
    const { identifier, days_valid } = await create(built, { common_name: 'a', days_valid: '90' });
    assert.equal(days_valid, 90);
    const change = { method: 'PATCH', url: `/api/client-certs/${identifier}` } as const;
    const renewal = { renewal_threshold_days: ' 12 ' };
    const changed = await built.call('operator', { ...change, payload: { renewal } });
    assert.equal(changed.json().renewal.renewal_threshold_days, 12);
    const rows = { headers: ['common_name', 'days_valid'], rows: [['b', '30']], defaults: { email: '' } };
    const batch = await built.call('operator', { method: 'POST', url: '/api/client-certs/batch', payload: rows });
    assert.equal(batch.json().successful, 1, batch.body);
    for (const wrong of ['ninety', '9e1', '0x10', '1.5', '90 days'])
      await create(built, { common_name: 'a', days_valid: wrong }, 400);
  });
});

describe('a usage', () => {
  it('may be free text, which is slugged', async (t) => {
    const built = await build(t);
    for (const [given, slug] of [
      ['API mTLS', 'api-mtls'],
      ['  VPN ', 'vpn'],
      ['Büro_Zugang', 'buro-zugang'],
    ]) {
      assert.equal((await create(built, { common_name: 'a', cert_usage: given })).cert_usage, slug);
    }
    const listed = await built.call('viewer', { url: '/api/client-certs?usage=API%20mTLS' });
    assert.equal(listed.json().total, 1);
    for (const none of ['!!!', '../vpn', 'a/b', '..']) await create(built, { common_name: 'a', cert_usage: none }, 400);
  });

  it('that no profile and no certificate has is answered with a notice, once', async (t) => {
    const built = await build(t);
    assert.equal((await create(built, { common_name: 'a', cert_usage: 'vpn' })).notice, undefined);
    assert.match(
      (await create(built, { common_name: 'a', cert_usage: 'vpnn' })).notice,
      /new usage.*Did you mean "vpn"\?/,
    );
    assert.equal((await create(built, { common_name: 'a', cert_usage: 'vpnn' })).notice, undefined);
    assert.match((await create(built, { common_name: 'a', cert_usage: 'door-lock' })).notice, /new usage[^?]*$/);
  });

  it('is compared with the known ones by the letters that differ', () => {
    assert.match(newUsageNotice('api-mlts', ['vpn', 'api-mtls']) ?? '', /Did you mean "api-mtls"/);
    assert.doesNotMatch(newUsageNotice('ab', ['cd', 'vpn']) ?? '', /Did you mean/);
    assert.equal(newUsageNotice('vpn', ['vpn']), null);
  });
});
