// URIs that Go or Java cannot read, which makes the whole certificate unreadable there (golang/go#69930, #43954, #23995).
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { build } from '../../build.js';
import { requestFor } from '../../certification-request.js';
import { keyFor } from '../../pki/authority.js';
import { takenOver } from './taken-over.js';

const UNREADABLE = ['https://a..b/', 'spiffe://.a/x', 'https://%65x.com/', 'https://a.example/#x#y', 'https://a.:8/'];

describe('a URI name that others cannot read', () => {
  it('is refused by the API, with its place', async (t) => {
    const { call } = await build(t);
    for (const uri of UNREADABLE) {
      const payload = { common_name: 'alice', subject_alt_names: ['dns:a.example', `uri:${uri}`] };
      const answer = await call('operator', { method: 'POST', url: '/api/client-certs', payload });
      assert.equal(answer.statusCode, 400, `${uri}: ${answer.body}`);
      assert.equal(answer.json().details[0].path, 'subject_alt_names.1');
    }
  });

  it('is refused in a CSR, when it is inspected, submitted and in a batch', async (t) => {
    const { call } = await build(t);
    for (const value of UNREADABLE) {
      const csr = await requestFor(keyFor('ecdsa-sha256'), [{ type: 'CN', value: 'alice' }], [{ kind: 'uri', value }]);
      const post = (url: string, payload: object) =>
        call('operator', { method: 'POST', url: `/api/client-certs/${url}`, payload });
      const inspected = await post('csr/inspect', { csr });
      assert.equal(inspected.json().acceptable, false, value);
      assert.equal((await post('csr/submit', { csr })).statusCode, 400, value);
      const batch = (await post('batch', { headers: ['csr'], rows: [[csr]] })).json();
      assert.equal(batch.failed, 1, JSON.stringify(batch));
      assert.match(batch.errors[0].error, /uri name|SPIFFE ID/, value);
    }
  });

  it('is refused in a row of a batch', async (t) => {
    const { call } = await build(t);
    const rows = UNREADABLE.map((uri, index) => [`alice ${index}`, `uri:${uri}`]);
    const payload = { headers: ['common_name', 'subject_alt_names'], rows };
    const answer = (await call('operator', { method: 'POST', url: '/api/client-certs/batch', payload })).json();
    assert.equal(answer.failed, UNREADABLE.length, JSON.stringify(answer));
  });

  it('in a certificate from elsewhere keeps it from being renewed, in words that name it', async (t) => {
    const built = await build(t);
    for (const [index, value] of UNREADABLE.entries()) {
      const { identifier } = await takenOver(built, { identifier: `a${index}`, names: [{ kind: 'uri', value }] });
      for (const payload of [{ reuse_key: true }, { csr: await requestFor(keyFor('ecdsa-sha256')) }]) {
        const url = `/api/client-certs/${identifier}/renew`;
        const answer = await built.call('operator', { method: 'POST', url, payload });
        assert.equal(answer.statusCode, 400, answer.body);
        assert.ok(answer.json().message.includes(`uri:${value}`), answer.body);
      }
    }
  });

  it('is certified with an A-label where its host has an internationalized name', async (t) => {
    const { issue } = await build(t);
    const subject_alt_names = ['uri:spiffe://bücher.example/x', 'uri:https://bücher.example:8443/ü'];
    const { subjectAltName } = new X509Certificate(String((await issue({ subject_alt_names }))['certificate_pem']));
    assert.match(String(subjectAltName), /URI:spiffe:\/\/xn--bcher-kva\.example\/x/);
    assert.match(String(subjectAltName), /URI:https:\/\/xn--bcher-kva\.example:8443\/%C3%BC/);
  });
});
