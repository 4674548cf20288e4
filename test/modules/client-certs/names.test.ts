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

/** Found by a stranger among others: U+3164, U+2800, soft hyphen, tags, unassigned and private code points (discourse/discourse#21331). */
const INVISIBLE = [
  ...[
    '\0',
    '\u007f',
    '\u0085',
    '\u00ad',
    '\u034f',
    '\u0378',
    '\u061c',
    '\u115f',
    '\u1160',
    '\u17b4',
    '\u180e',
    '\u200b',
  ],
  ...['\u200c', '\u200d', '\u200e', '\u2028', '\u202e', '\u2060', '\u2064', '\u2069', '\u206f', '\u2800', '\u3164'],
  ...[
    '\ud800',
    '\ue000',
    '\ufdd0',
    '\ufe0f',
    '\ufeff',
    '\uffa0',
    '\ufff9',
    '\uffff',
    '\u{1bca0}',
    '\u{1d159}',
    '\u{1d173}',
  ],
  ...['\u{e0001}', '\u{e0041}', '\u{e007f}', '\u{e0100}', '\u{f0000}', '\u{10fffd}', '\u{10ffff}'],
];

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
    for (const bad of INVISIBLE) {
      const answer = await post(built, { common_name: `alice${bad}bob` });
      assert.equal(answer.statusCode, 400, JSON.stringify(bad));
      assert.equal(answer.json().details[0].path, 'common_name');
    }
    for (const good of ['नमस्\u200dते', 'می\u200cخواهم', '東京　太郎', "O'Neil (R&D) №1 – ½", '😀', '٠١'])
      assert.equal((await post(built, { common_name: good })).statusCode, 201, good);
  });

  it('has something in it that can be seen, in every field, in every CSR and in user principal names', async (t) => {
    const built = await build(t);
    for (const bad of ['\u3164', '\u2800', '\u0301', '\u00ad\u00ad', '\u{e0041}']) {
      for (const field of ['common_name', 'organization', 'organizational_unit', 'state', 'locality']) {
        const answer = await post(built, { common_name: 'alice', [field]: bad });
        assert.equal(answer.statusCode, 400, `${field} ${JSON.stringify(bad)}`);
        assert.equal(answer.json().details[0].path, field);
      }
      for (const upn of [`${bad}@corp.example`, `alice@${bad}`]) {
        const answer = await post(built, { common_name: 'alice', subject_alt_names: [`upn:${upn}`] });
        assert.equal(answer.statusCode, 400, JSON.stringify(upn));
      }
      const csr = await csrWith([
        ['CN', 'alice'],
        ['O', `ACME${bad}`],
      ]);
      if (bad !== '\u0301') assert.equal((await post(built, { csr })).statusCode, 400, JSON.stringify(bad));
      const payload = { subject: { fixed: { organization: bad } } };
      const profile = await built.call('admin', { method: 'PUT', url: '/api/profiles/invisible', payload });
      assert.equal(profile.statusCode, 400, JSON.stringify(bad));
    }
    const table = { headers: ['common_name'], rows: INVISIBLE.map((bad) => [`alice${bad}`]) };
    const batch = await built.call('operator', { method: 'POST', url: '/api/client-certs/batch', payload: table });
    const { failed, successful, errors } = batch.json();
    // Half a surrogate pair cannot be sent: it arrives as a replacement character, which is seen.
    assert.ok(failed >= INVISIBLE.length - 2 && successful <= 2, JSON.stringify(errors));
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
