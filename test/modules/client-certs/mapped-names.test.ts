// Names that servers map to users, and names of certificates from elsewhere: certified as they are asked for, kept as they are.
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { recordOf } from '../../../src/certificate-record.js';
import { leafExtensions } from '../../../src/modules/client-certs/profile.js';
import { readCertificate } from '../../../src/pki/certificate.js';
import * as der from '../../../src/pki/der.js';
import { parseGeneralName } from '../../../src/pki/general-names.js';
import { OID } from '../../../src/pki/oids.js';
import { encodePem } from '../../../src/pki/pem.js';
import { relyingPartyUrls } from '../../../src/relying-party-urls.js';
import { build } from '../../build.js';
import { requestFor } from '../../certification-request.js';
import { output, without } from '../../pki/programs.js';

const NAMES = ['xmpp:alice@example.com', 'dirname:CN=alice,OU=People,O=ACME', 'rid:1.3.6.1.4.1.99999.7'];
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

async function api(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  const post = async (url: string, payload: object, status = 201) => {
    const answer = await built.call('operator', { method: 'POST', url: `/api/client-certs${url}`, payload });
    assert.equal(answer.statusCode, status, answer.body);
    return answer.json();
  };
  return { ...built, post };
}

function nameBytes(pem: string): Buffer | undefined {
  const { raw } = new X509Certificate(pem);
  return readCertificate(raw).extensions.find(({ oid }) => oid === OID.subjectAltName)?.value;
}

test('xmpp:, dirname: and rid: names are certified by API and by CSR, and survive a renewal', async (t) => {
  const { post } = await api(t);
  const asked = await post('', { common_name: 'alice', subject_alt_names: NAMES });
  assert.deepEqual(asked.subject_alt_names, NAMES);
  const csr = await requestFor(
    privateKey,
    [{ type: 'CN', value: 'alice' }],
    NAMES.map((name) => parseGeneralName(name)),
  );
  const told = await post('/csr/inspect', { csr }, 200);
  assert.deepEqual(told.certified.subject_alt_names, NAMES);
  assert.deepEqual(told.dropped.subject_alt_names, []);
  const submitted = await post('', { csr });
  assert.deepEqual(submitted.subject_alt_names, NAMES);
  assert.deepEqual(submitted.dropped.subject_alt_names, []);
  assert.deepEqual(nameBytes(submitted.certificate_pem), nameBytes(asked.certificate_pem));
  const renewed = await post(`/${asked.identifier}/renew`, {});
  assert.deepEqual(nameBytes(renewed.certificate_pem), nameBytes(asked.certificate_pem));
});

test('openssl reads them as what they are', { skip: without('openssl') }, async (t) => {
  const { post } = await api(t);
  const { certificate_pem } = await post('', { common_name: 'alice', subject_alt_names: NAMES });
  const text = output('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], certificate_pem).toString();
  assert.match(text, /othername:.*alice@example\.com/);
  assert.match(text, /DirName:\/?CN ?= ?alice.*OU ?= ?People.*O ?= ?ACME/);
  assert.match(text, /Registered ID:1\.3\.6\.1\.4\.1\.99999\.7/);
});

test('malformed xmpp:, dirname: and rid: names are refused and named by their field', async (t) => {
  const { post } = await api(t);
  for (const wrong of [
    'xmpp:',
    'xmpp:@example.com',
    'xmpp:a b@example.com',
    'xmpp:a@b@example.com',
    'xmpp:alice@exa mple',
    'xmpp:alice@example.com/',
    'dirname:',
    'dirname:alice',
    'dirname:CN=',
    'dirname:foo=bar',
    'dirname:C=Germany',
    'rid:',
    'rid:1',
    'rid:1.2.x',
    'rid:3.1',
  ]) {
    const refused = await post('', { common_name: 'alice', subject_alt_names: [wrong] }, 400);
    assert.equal(refused.details[0].path, 'subject_alt_names.0', wrong);
  }
});

test('a profile can forbid the kinds', async (t) => {
  const { post, call } = await api(t);
  const payload = { subject_alt_names: { kinds: ['dns'] } };
  assert.ok((await call('admin', { method: 'PUT', url: '/api/profiles/narrow', payload })).statusCode < 300);
  for (const name of NAMES) {
    const refused = await post('', { common_name: 'a', cert_usage: 'narrow', subject_alt_names: [name] }, 400);
    assert.equal(refused.code, 'PROFILE_VIOLATION');
  }
});

test('underscores in dns: names are for a profile to allow', async (t) => {
  const { post, call } = await api(t);
  const asked = { common_name: 'host', subject_alt_names: ['dns:my_host.example.com'] };
  const refused = await post('', asked, 400);
  assert.match(refused.message, /dns:my_host\.example\.com has an underscore/);
  const payload = { subject_alt_names: { underscores: true } };
  assert.ok((await call('admin', { method: 'PUT', url: '/api/profiles/windows', payload })).statusCode < 300);
  const issued = await post('', { ...asked, cert_usage: 'windows' });
  assert.deepEqual(issued.subject_alt_names, asked.subject_alt_names);
  const names = [{ kind: 'dns', value: 'my_host' }] as const;
  const csr = await requestFor(privateKey, [{ type: 'CN', value: 'host' }], names);
  assert.equal((await post('', { csr }, 400)).code, 'PROFILE_VIOLATION');
  assert.deepEqual((await post('', { csr, cert_usage: 'windows' })).subject_alt_names, ['dns:my_host']);
  await post('', { common_name: 'a', email: 'a@my_host.example' }, 400);
});

test('a certificate that was imported with names that we would not issue is renewed as it is', async (t) => {
  const { post, app, config } = await api(t);
  const names = der.sequence(
    der.contextPrimitive(2, Buffer.from('my_host')),
    der.contextPrimitive(1, Buffer.from('Alice <alice@example.com>')),
    der.contextConstructed(3, der.sequence()),
  );
  const subject = der.sequence(
    der.setOf(
      der.sequence(der.objectIdentifier(OID.commonName), der.encode(0x14, Buffer.from('my_h\u00f6st', 'latin1'))),
      der.sequence(der.objectIdentifier(OID.userId), der.utf8String('u7')),
    ),
  );
  const subjectPublicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const now = Date.now();
  const made = await app.authority.issue({
    serial: '4711',
    subject,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + 86_400_000),
    subjectPublicKeyInfo,
    namesKept: true,
    extensions: leafExtensions({
      subjectPublicKeyInfo,
      authorityKeyIdentifier: app.authority.keyIdentifier,
      keyUsages: ['digitalSignature'],
      extendedKeyUsages: ['clientAuth'],
      names: { oid: OID.subjectAltName, critical: false, value: names },
      urls: relyingPartyUrls(config.publicUrl),
    }),
  });
  const record = recordOf(readCertificate(made), {
    identifier: 'imported',
    cert_usage: 'api-mtls',
    created_at: '2026-11-30T00:00:00Z',
    has_private_key: false,
    revocation: undefined,
    renewal_enabled: false,
    history: [],
  });
  await app.store.create(record, { 'cert.crt': encodePem('CERTIFICATE', made) });
  const renewed = await post('/imported/renew', { reuse_key: true });
  assert.deepEqual(nameBytes(renewed.certificate_pem), names);
  assert.deepEqual(readCertificate(new X509Certificate(renewed.certificate_pem).raw).subject, subject);
});
