// What names and notes may be made of, be they in the request or in its CSR.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { localSigner } from '../../../src/crypto/file-signer.js';
import { assembleSigned } from '../../../src/pki/certificate.js';
import * as der from '../../../src/pki/der.js';
import { encodePem } from '../../../src/pki/pem.js';
import { buildRequestInfo } from '../../../src/pki/request.js';
import { type Built, build } from '../../build.js';
import { keyFor } from '../../pki/authority.js';

const OIDS = { CN: '2.5.4.3', C: '2.5.4.6', O: '2.5.4.10' } as const;

/** A CSR with this subject, which may be one that we would not encode. */
async function csrWith(subject: [type: keyof typeof OIDS, value: string][]): Promise<string> {
  const signer = localSigner(keyFor('ecdsa-sha256'));
  const name = der.sequence(
    ...subject.map(([type, value]) => der.setOf(der.sequence(der.objectIdentifier(OIDS[type]), der.utf8String(value)))),
  );
  const info = buildRequestInfo({
    subject: name,
    subjectPublicKeyInfo: signer.publicKey.export({ type: 'spki', format: 'der' }),
    subjectAltNames: [],
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, signer.scheme, await signer.sign(info)));
}

const post = ({ call }: Built, payload: object) =>
  call('operator', { method: 'POST', url: '/api/client-certs', payload });

describe('a name in a request', () => {
  it('is certified composed, so that it is found however it was typed', async (t) => {
    const built = await build(t);
    const answer = await post(built, { common_name: 'e\u0301cole', organization: 'A\u030a' });
    assert.equal(answer.statusCode, 201, answer.body);
    assert.equal(answer.json().common_name, '\u00e9cole');
    assert.equal(answer.json().organization, '\u00c5');
    for (const typed of ['search=E\u0301COLE', 'search=\u00e9cole', 'organization=A\u030a']) {
      const found = await built.call('viewer', { url: `/api/client-certs?${encodeURI(typed)}` });
      assert.equal(found.json().total, 1, typed);
    }
  });

  it('is counted in characters as it is certified', async (t) => {
    const built = await build(t);
    assert.equal((await post(built, { common_name: 'e\u0301'.repeat(64) })).statusCode, 201);
    assert.equal((await post(built, { common_name: 'e\u0301'.repeat(65) })).statusCode, 400);
  });

  it('has nothing in it that cannot be seen', async (t) => {
    const built = await build(t);
    for (const bad of ['\0', '\u200b', '\u200e', '\u202e', '\u2060', '\ufeff', '\ud800']) {
      const answer = await post(built, { common_name: `alice${bad}bob` });
      assert.equal(answer.statusCode, 400, JSON.stringify(bad));
      assert.equal(answer.json().details[0].path, 'common_name');
    }
    assert.equal((await post(built, { common_name: 'नमस्\u200dते' })).statusCode, 201);
  });
});

describe('a country', () => {
  it('is one that ISO 3166 knows now, not an alias or a former one', async (t) => {
    const built = await build(t);
    for (const country of ['GB', 'de', 'CH']) {
      assert.equal((await post(built, { common_name: 'alice', country })).statusCode, 201, country);
    }
    for (const country of ['UK', 'SU', 'AN', 'XX', 'ZZ', 'USA', 'D', ' ']) {
      const answer = await post(built, { common_name: 'alice', country });
      assert.equal(answer.statusCode, 400, country);
      assert.deepEqual(answer.json().details, [{ path: 'country', message: 'must be a two-letter ISO 3166 code' }]);
    }
  });
});

describe('the subject of a CSR goes by the rules of requests', () => {
  it('blanks around a value and small letters of a country are put right', async (t) => {
    const built = await build(t);
    const csr = await csrWith([
      ['C', 'us'],
      ['O', '  '],
      ['CN', ' alice '],
    ]);
    const answer = await post(built, { csr });
    assert.equal(answer.statusCode, 201, answer.body);
    const { common_name, country, organization } = answer.json();
    assert.deepEqual(
      { common_name, country, organization },
      { common_name: 'alice', country: 'US', organization: null },
    );
  });

  it('a blank common name is none, and what cannot be seen or is no country is refused, unless the request overrides it', async (t) => {
    const built = await build(t);
    const cases = [
      [[['CN', '   ']], 'common_name'],
      [[['CN', 'a\u200bb']], 'common_name'],
      [
        [
          ['CN', 'alice'],
          ['C', 'ZZ'],
        ],
        'country',
      ],
    ] as const;
    for (const [subject, path] of cases) {
      const csr = await csrWith(subject.map(([type, value]) => [type, value]));
      const answer = await post(built, { csr });
      assert.equal(answer.statusCode, 400, answer.body);
      assert.equal(answer.json().details[0].path, path);
      assert.equal((await post(built, { csr, common_name: 'alice', country: 'DE' })).statusCode, 201);
    }
  });
});

describe('a CSR of a country with the code XX', () => {
  it('names none: that is what OpenSSL puts in by default on some systems', async (t) => {
    const answer = await post(await build(t), {
      csr: await csrWith([
        ['C', 'XX'],
        ['CN', 'alice'],
      ]),
    });
    assert.equal(answer.statusCode, 201, answer.body);
    assert.equal(answer.json().country, null);
    assert.equal(new X509Certificate(answer.json().certificate_pem).subject, 'CN=alice');
  });
});

describe('notes and tags', () => {
  it('have lines and tabs at most, and no half characters that other programs could not read', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue({ notes: 'one\r\n\ttwo' });
    for (const bad of [{ notes: 'a\0b' }, { notes: '\ud800' }, { notes: '\u001b[31m' }, { tags: ['\udfff'] }]) {
      const url = `/api/client-certs/${identifier}`;
      const amended = await built.call('operator', { method: 'PATCH', url, payload: bad });
      assert.equal(amended.statusCode, 400, JSON.stringify(bad));
      assert.equal((await post(built, { common_name: 'alice', ...bad })).statusCode, 400);
    }
  });
});

describe('a refusal', () => {
  it('sets the field off from a sentence about it', async (t) => {
    const built = await build(t);
    const { message } = (await post(built, { common_name: 'alice', email: 'nobody' })).json();
    assert.match(message, /^email: An email name must/);
  });

  it('of a P12 asked for by GET says how it is asked for', async (t) => {
    const { call, issue } = await build(t);
    const { identifier } = await issue();
    const answer = await call('operator', { method: 'GET', url: `/api/client-certs/${identifier}/download/p12` });
    assert.equal(answer.statusCode, 405);
    assert.match(answer.json().message, /have a password: POST .*\/download\/p12/);
  });
});
