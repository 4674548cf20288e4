// Callers of the Python CertMate: its page, its scripts and the names of its design documents.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { routedUrl } from '../../src/http/older-paths.js';
import { build } from '../build.js';

describe('a caller of the Python CertMate', () => {
  it('finds certificates below /api/client-certificates, health below /api and the CA beside them', async (t) => {
    const { call, issue, app } = await build(t);
    const { identifier } = await issue();
    const url = `/api/client-certificates/${identifier}`;
    assert.equal((await call('viewer', { url })).json().identifier, identifier);
    assert.equal((await call('viewer', { url: '/api/client-certificates' })).json().total, 1);
    assert.equal((await call('viewer', { url: '/api/client-certificates/' })).json().total, 1);
    assert.equal((await call('viewer', { url: '/api/client-certificates?usage=none' })).json().total, 0);
    const created = await call('operator', {
      method: 'POST',
      url: '/api/client-certificates/create',
      payload: { common_name: 'bob' },
    });
    assert.equal(created.statusCode, 201);
    assert.equal((await call('admin', { method: 'POST', url: `${url}/revoke` })).statusCode, 200);
    assert.equal((await call('viewer', { url: '/api/client-certificatesX' })).statusCode, 404);
    assert.equal((await call('anonymous', { url: '/api/client-certificates' })).statusCode, 401);
    assert.equal((await call('anonymous', { url: '/api/health' })).json().status, 'healthy');
    assert.deepEqual((await call('anonymous', { url: '/health/ready' })).json(), { status: 'ready', ready: true });
    assert.equal((await call('viewer', { url: '/api/client-certs/ca' })).body, app.authority.pem);
    const taken = { common_name: 'ca', identifier: 'ca' };
    assert.equal(
      (await call('operator', { method: 'POST', url: '/api/client-certs', payload: taken })).statusCode,
      400,
    );
    const document = (await call('anonymous', { url: '/openapi.json' })).body;
    assert.equal(document.split('/api/client-certificates').length, 2, 'the description names the alias once');
  });

  it('finds at top level what a script reads there, and the resource in metadata', async (t) => {
    const { call, issue } = await build(t);
    const issued = (await issue({ renewal_threshold_days: 7, store_key: false })) as unknown as Record<string, unknown>;
    const metadata = issued['metadata'] as Record<string, unknown>;
    assert.deepEqual([metadata['revoked'], metadata['revoked_at'], metadata['reason_revoked']], [false, null, null]);
    assert.deepEqual([metadata['renewal_enabled'], metadata['renewal_threshold_days']], [true, 7]);
    assert.equal(metadata['serial_number'], issued['serial_number']);
    for (const secret of ['private_key_pem', 'certificate_pem', 'chain_pem', 'metadata'])
      assert.equal(metadata[secret], undefined, secret);
    const url = `/api/client-certs/${issued['identifier']}`;
    assert.deepEqual((await call('viewer', { url })).json(), metadata);
    const renewed = await call('operator', { method: 'POST', url: `${url}/renew` });
    assert.equal(renewed.json().metadata.serial_number, renewed.json().serial_number);
    await call('admin', { method: 'POST', url: `${url}/revoke`, payload: { reason: 'key_compromise' } });
    const { revoked, revoked_at, reason_revoked, revocation } = (await call('viewer', { url })).json();
    assert.deepEqual(
      { revoked, revoked_at, reason_revoked },
      {
        revoked: true,
        revoked_at: revocation.revoked_at,
        reason_revoked: 'keyCompromise',
      },
    );
    for (const yes of ['True', '1', 'true'])
      assert.equal((await call('viewer', { url: `/api/client-certs?revoked=${yes}` })).json().total, 1);
    for (const no of ['False', 'FALSE', '0', 'false'])
      assert.equal((await call('viewer', { url: `/api/client-certs?revoked=${no}` })).json().total, 0);
    assert.equal((await call('viewer', { url: '/api/client-certs?revoked=yes' })).statusCode, 400);
  });

  it('changes a certificate by PUT, is told how a PKCS #12 is asked for, and sees that the audit log is whole', async (t) => {
    const { call, issue } = await build(t);
    const { identifier } = await issue({ tags: ['a'] });
    const url = `/api/client-certs/${identifier}`;
    const put = (payload: object) => call('operator', { method: 'PUT', url, payload });
    const changed = await put({ notes: 'by PUT' });
    assert.deepEqual([changed.statusCode, changed.json().notes, changed.json().tags], [200, 'by PUT', ['a']]);
    assert.equal((await put({ common_name: 'mallory' })).statusCode, 400, 'unknown fields stay refused');
    assert.equal((await call('viewer', { method: 'PUT', url, payload: {} })).statusCode, 403);
    for (const kind of ['pfx', 'p12']) {
      const answer = await call('viewer', { url: `${url}/download/${kind}` });
      assert.equal(answer.statusCode, 405);
      assert.equal(answer.headers['allow'], 'POST');
      assert.match(answer.json().message, new RegExp(`POST ${url}/download/p12`));
    }
    assert.equal((await call('admin', { url: '/api/audit/verify' })).json().ok, true);
  });
});

describe('the reason of a revocation', () => {
  it('may be free text, which counts as unspecified and is kept as a note: the revocation never fails for its wording', async (t) => {
    const { call, issue, app, config } = await build(t);
    const revoke = async (reason: string, status = 200) => {
      const { identifier } = await issue();
      const url = `/api/client-certs/${identifier}/revoke`;
      const answer = await call('admin', { method: 'POST', url, payload: { reason } });
      assert.equal(answer.statusCode, status, answer.body);
      return { identifier, ...(answer.json() as { revocation: Record<string, unknown> }) };
    };
    const { identifier, revocation } = await revoke('User requested: laptop stolen');
    assert.equal(revocation['reason_revoked'], 'unspecified');
    assert.equal(revocation['note'], 'User requested: laptop stolen');
    for (const [said, meant] of [
      ['KEY_COMPROMISE', 'keyCompromise'],
      ['key compromise', 'keyCompromise'],
      ['ca-compromise', 'cACompromise'],
      ['superseded', 'superseded'],
      ['', 'unspecified'],
      ['  ', 'unspecified'],
    ]) {
      const known = await revoke(said ?? '');
      assert.deepEqual([known.revocation['reason_revoked'], known.revocation['note']], [meant, undefined]);
    }
    await revoke('removeFromCRL', 400);
    await revoke('a\u0000b', 400);
    await revoke('x'.repeat(2001), 400);
    const { identifier: first } = await issue({ identifier: 'bulk-1' });
    const bulk = { identifiers: [first], reason: 'left the company' };
    await call('admin', { method: 'POST', url: '/api/client-certs/bulk/revoke', payload: bulk });
    const noteOf = async (id: string) =>
      (await call('viewer', { url: `/api/client-certs/${id}` })).json().revocation.note;
    assert.equal(await noteOf(first), 'left the company');
    const lines = await call('admin', { url: `/api/audit?resource_id=${identifier}&operation=revoke` });
    assert.equal(lines.json().entries[0].details.note, 'User requested: laptop stolen');
    await app.close();
    const again = await build(t, { config });
    for (const [id, note] of [
      [identifier, 'User requested: laptop stolen'],
      [first, 'left the company'],
    ] as const) {
      const shown = await again.call('viewer', { url: `/api/client-certs/${id}` });
      assert.equal(shown.json().revocation.note, note, 'after a restart');
    }
  });
});

describe('the URL by which a request is routed', () => {
  it('is of today, whatever the query says, and only where the whole of a part of the path is an older name', () => {
    const routed = (url: string, method = 'GET') => routedUrl({ url, method });
    assert.equal(
      routed('/api/client-certificates/a?b=/api/client-certificates/'),
      '/api/client-certs/a?b=/api/client-certificates/',
    );
    assert.equal(routed('/client-certificates/a'), '/client-certificates/a', 'a page');
    assert.equal(routed('/api/client-certs/ca', 'PATCH'), '/api/client-certs/ca');
    assert.equal(routed('/api/client-certificates/ca'), '/api/ca/download/pem');
    assert.equal(routed('/api/ocsp/a/'), '/api/ocsp/a/', 'base64 may end in a slash');
    assert.equal(routed('/api/healthy'), '/api/healthy');
  });
});
