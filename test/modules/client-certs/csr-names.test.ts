// Whom a certificate names when a CSR says so, the request says so, or both do; and what of the CSR is not certified.
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { assembleSigned } from '../../../src/pki/certificate.js';
import * as der from '../../../src/pki/der.js';
import { encodeName, type NameAttribute } from '../../../src/pki/names.js';
import { OID } from '../../../src/pki/oids.js';
import { encodePem } from '../../../src/pki/pem.js';
import { build } from '../../build.js';
import { Browser } from '../dashboard/browser.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const spki = publicKey.export({ type: 'spki', format: 'der' });

/** A CSR with these names as they are, judged by nothing. */
function csrOf(subject: readonly NameAttribute[] | Buffer, names: readonly Buffer[] = [], key: KeyObject = privateKey) {
  const extensions = der.sequence(
    der.sequence(der.objectIdentifier(OID.subjectAltName), der.octetString(der.sequence(...names))),
  );
  const attribute = der.sequence(der.objectIdentifier(OID.extensionRequest), der.setOf(extensions));
  const name = Buffer.isBuffer(subject) ? subject : encodeName(subject);
  const info = der.sequence(
    der.integer(0),
    name,
    spki,
    der.contextConstructed(0, ...(names.length > 0 ? [attribute] : [])),
  );
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, 'ed25519', sign(null, info, key)));
}

const dns = (name: string): Buffer => der.contextPrimitive(2, Buffer.from(name));
const cn = (value: string): NameAttribute => ({ type: 'CN', value });

async function api(t: Parameters<typeof build>[0]) {
  const { call, app, config, issue } = await build(t);
  const post = async (url: string, payload: object, status = 201) => {
    const answer = await call('operator', { method: 'POST', url: `/api/client-certs${url}`, payload });
    assert.equal(answer.statusCode, status, answer.body);
    return answer.json();
  };
  const subjectOf = (pem: string): string => new X509Certificate(pem).subject.replaceAll('\n', ',');
  return { call, app, config, issue, post, subjectOf };
}

const MAPPED: NameAttribute[] = [
  { type: 'CN', value: 'alice' },
  { type: 'OU', value: 'One' },
  { type: 'OU', value: 'Two' },
  { type: 'O', value: 'ACME' },
  { type: 'O', value: 'ACME West' },
  { type: 'UID', value: 'alice7' },
  { type: 'serialNumber', value: '42' },
  { type: 'DC', value: 'example' },
  { type: 'DC', value: 'com' },
];

test('several O and OU, UID, DC and serialNumber of a CSR are kept in its order (kubernetes/kubernetes#45353, mathiasertl/django-ca#38, nats-io/nats-server#1600)', async (t) => {
  const { post, subjectOf, call } = await api(t);
  const answer = await post('', { csr: csrOf(MAPPED) });
  assert.equal(
    subjectOf(answer.certificate_pem),
    'CN=alice,OU=One,OU=Two,O=ACME,O=ACME West,UID=alice7,serialNumber=42,DC=example,DC=com',
  );
  assert.deepEqual(answer.dropped, { extensions: [], attributes: [], subject_alt_names: [], subject: [] });
  assert.equal(answer.organization, 'ACME');
  assert.equal(answer.organizational_unit, 'One');
  const text = 'CN=alice,OU=One,OU=Two,O=ACME,O=ACME West,UID=alice7,serialNumber=42,DC=example,DC=com';
  assert.equal(answer.subject_text, text);
  const renewed = await post(`/${answer.identifier}/renew`, { reuse_key: true });
  assert.equal(subjectOf(renewed.certificate_pem), text);
  assert.equal(renewed.subject_text, text);
  const shown = await call('viewer', { method: 'GET', url: `/api/client-certs/${answer.identifier}` });
  assert.equal(shown.json().subject_text, text);
});

test('several O and OU, UID, DC and serialNumber can be given by API, in the order of the lists', async (t) => {
  const { post, subjectOf, issue } = await api(t);
  const answer = await post('', {
    common_name: 'alice',
    organization: ['ACME', 'ACME West'],
    organizational_unit: ['Two', 'One'],
    uid: 'alice7',
    domain_components: ['com', 'example'],
    subject_serial_number: '42',
  });
  assert.equal(
    subjectOf(answer.certificate_pem),
    'DC=com,DC=example,O=ACME,O=ACME West,OU=Two,OU=One,CN=alice,UID=alice7,serialNumber=42',
  );
  assert.equal(answer.dropped, undefined, 'there was no CSR');
  const plain = await issue({ common_name: 'bob', organization: 'ACME' });
  assert.equal(plain['subject_text'], undefined, 'the fields tell all of it');
  for (const wrong of [
    { organization: [] },
    { organizational_unit: ['ok', 'x'.repeat(65)] },
    { uid: 'x'.repeat(257) },
    { domain_components: ['bücher'] },
    { subject_serial_number: '4_2' },
  ]) {
    const { details } = await post('', { common_name: 'alice', ...wrong }, 400);
    assert.match(details[0].path, new RegExp(`^${Object.keys(wrong)[0]}`));
  }
});

test('what is given with the request stands in the place of the same in the CSR, what the CSR lacks in its usual place', async (t) => {
  const { post, subjectOf } = await api(t);
  const csr = csrOf([
    cn('alice'),
    { type: 'OU', value: 'One' },
    { type: 'OU', value: 'Two' },
    { type: 'L', value: 'Bonn' },
  ]);
  const answer = await post('', { csr, organizational_unit: ['Three', 'Four'], organization: 'ACME', uid: 'a7' });
  assert.equal(subjectOf(answer.certificate_pem), 'CN=alice,OU=Three,OU=Four,L=Bonn,O=ACME,UID=a7');
  assert.deepEqual(answer.dropped.subject, [
    { type: 'OU', value: 'One' },
    { type: 'OU', value: 'Two' },
  ]);
});

test('what of a CSR is not certified is in the answer on every way, in the shape of inspect', async (t) => {
  const { post, call } = await api(t);
  const subject = [cn('alice'), { type: 'title', value: 'Dr' }];
  const x400 = der.contextConstructed(3);
  const csr = csrOf(subject, [dns('a.example'), x400]);
  const told = (await post('/csr/inspect', { csr }, 200)).dropped;
  assert.deepEqual(told, {
    extensions: [],
    attributes: [],
    subject_alt_names: ['x400Address'],
    subject: [{ type: 'title', value: 'Dr' }],
  });
  for (const url of ['', '/create', '/csr/submit']) assert.deepEqual((await post(url, { csr })).dropped, told);
  const { identifier } = await post('', { csr });
  const renewed = await post(`/${identifier}/renew`, { csr });
  assert.deepEqual(renewed.dropped, told);
  assert.equal(renewed.metadata.dropped, undefined);
  const headers = { 'idempotency-key': 'once' };
  const twice = { method: 'POST', url: '/api/client-certs', payload: { csr }, headers } as const;
  await call('operator', twice);
  const replayed = await call('operator', twice);
  assert.equal(replayed.headers['idempotent-replayed'], 'true');
  assert.deepEqual(replayed.json().dropped, told);
});

test('names of the request replace those of the CSR before they are judged (hashicorp/vault#31925)', async (t) => {
  const { post } = await api(t);
  const csr = csrOf([cn('x'.repeat(64)), { type: 'C', value: 'ZZ' }], [dns('bad name'), dns('a.example')]);
  const refused = await post('', { csr, country: 'DE' }, 400);
  assert.match(refused.message, /"dns:bad name"/);
  assert.equal(refused.code, 'INVALID_CSR');
  const answer = await post('', { csr, country: 'DE', subject_alt_names: ['dns:b.example'] });
  assert.deepEqual(answer.subject_alt_names, ['dns:b.example']);
  assert.deepEqual(answer.dropped.subject_alt_names, ['dns:bad name', 'dns:a.example']);
  assert.deepEqual(answer.dropped.subject, [{ type: 'C', value: 'ZZ' }]);
  assert.match((await post('', { csr, subject_alt_names: ['dns:b.example'] }, 400)).message, /country.*"ZZ"/);
  await post(`/${answer.identifier}/renew`, { csr });
});

test('a CSR with alternative names and no common name is issued from its first name that fits', async (t) => {
  const { post, subjectOf } = await api(t);
  const answer = await post('', { csr: csrOf([], [dns('a.example'), dns('b.example')]) });
  assert.equal(answer.common_name, 'a.example');
  assert.equal(subjectOf(answer.certificate_pem), 'CN=a.example');
  const long = `${'a'.repeat(60)}.example.com`;
  const second = await post('', { csr: csrOf([{ type: 'O', value: 'ACME' }], [dns(long), dns('b.example')]) });
  assert.equal(subjectOf(second.certificate_pem), 'O=ACME,CN=b.example');
  assert.match((await post('', { csr: csrOf([], [dns(long)]) }, 400)).message, /common_name is required/);
  const inspected = await post('/csr/inspect', { csr: csrOf([], [dns('a.example')]) }, 200);
  assert.equal(inspected.certified.subject.common_name, 'a.example');
});

test('attributes that are no text are named as dropped, and refused only where they would be certified', async (t) => {
  const { post } = await api(t);
  const attribute = (oid: string, value: Buffer): Buffer => der.setOf(der.sequence(der.objectIdentifier(oid), value));
  const bits = der.bitString(Buffer.from([1]));
  const good = attribute(OID.commonName, der.utf8String('alice'));
  const answer = await post('', { csr: csrOf(der.sequence(good, attribute('2.5.4.45', bits))) });
  assert.deepEqual(answer.dropped.subject, [{ type: '2.5.4.45', value: `#${bits.toString('hex')}` }]);
  const odd = csrOf(der.sequence(attribute(OID.commonName, bits)));
  assert.match((await post('', { csr: odd }, 400)).message, /common_name is no text/);
  assert.equal((await post('', { csr: odd, common_name: 'bob' })).common_name, 'bob');
});

test('a profile holds every organization of a subject against its rules, not only the first', async (t) => {
  const { post, call } = await api(t);
  const payload = { subject: { fixed: { organization: 'ACME' } } };
  const made = await call('admin', { method: 'PUT', url: '/api/profiles/strict', payload });
  assert.ok(made.statusCode < 300, made.body);
  const two = { common_name: 'alice', cert_usage: 'strict', organization: ['ACME', 'Evil'] };
  assert.equal((await post('', two, 400)).code, 'PROFILE_VIOLATION');
  const completed = await post('', { common_name: 'alice', cert_usage: 'strict' });
  assert.equal(completed.organization, 'ACME');
});

test('the record keeps the whole subject through a restart', async (t) => {
  const { post, app, config } = await api(t);
  const { identifier, subject_text } = await post('', { csr: csrOf(MAPPED) });
  const kept = app.store.inventory.get(identifier)?.subject_text;
  assert.equal(kept, subject_text);
  await app.close();
  const again = await build(t, { config });
  assert.equal(again.app.store.inventory.get(identifier)?.subject_text, subject_text);
});

test('a batch says what of a CSR is not certified, in the answer and in the table of results', async (t) => {
  const { post, call } = await api(t);
  const csr = csrOf([cn('alice'), { type: 'title', value: 'Dr' }]);
  const now = await post('/batch', { headers: ['csr'], rows: [[csr]] });
  assert.deepEqual(now.certificates[0].dropped.subject, [{ type: 'title', value: 'Dr' }]);
  const later = await call('operator', {
    method: 'POST',
    url: '/api/client-certs/batch',
    headers: { prefer: 'respond-async' },
    payload: {
      headers: ['csr', 'common_name'],
      rows: [
        [csr, ''],
        ['', 'bob'],
      ],
    },
  });
  const url = String(later.headers.location);
  await call('operator', { url: `${url}/events` });
  const table = (await call('operator', { url: `${url}/results.csv` })).body;
  assert.match(table, /^row,status,identifier,common_name,serial_number,error,dropped\r\n/);
  assert.match(table, /2,issued,.*,title=Dr of its subject\r\n/);
  assert.match(table, /3,issued,.*,bob,\d+,,\r\n/);
});

test('the page after issuing says what of a CSR is not certified', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open('/client-certificates/new');
  const answer = await browser.send('/client-certificates', {
    form_id: browser.hidden('form_id'),
    csr: csrOf([cn('alice'), { type: 'title', value: '<b>Dr' }]),
    key: 'csr',
    key_source: 'csr',
    cert_usage: 'vpn',
  });
  assert.equal(answer.statusCode, 303, answer.body);
  const page = await browser.open(String(answer.headers.location));
  assert.match(page.body, /Not everything in the CSR was certified/);
  assert.match(page.body, /title=&lt;b&gt;Dr of its subject/);
});
