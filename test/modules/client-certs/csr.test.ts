import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.js';
import { readRequest } from '../../../src/pki/request.js';
import { build } from '../../build.js';
import { output, run, scratch, without } from '../../pki/programs.js';

const path = scratch();
const openssl = { skip: without('openssl') };
const submit = '/api/client-certs/csr/submit';

const rsa = (bits: number): string[] => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
const ec = (curve: string): string[] => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
const ed25519 = ['-algorithm', 'ED25519'];

/** A CSR by openssl, as PEM; `options` go to `openssl req`. */
function byOpenssl(keyOptions: string[], options: string[] = [], subject = '/O=ACME/CN=alice'): string {
  output('openssl', ['genpkey', ...keyOptions, '-out', path('key')]);
  return output('openssl', ['req', '-new', '-key', path('key'), '-subj', subject, ...options]).toString();
}

/** The base64 of DER in which one octet is another. */
function damaged(pem: string, change: (der: Buffer) => void): string {
  const { der } = readRequest(pem);
  const copy = Buffer.from(der);
  change(copy);
  return copy.toString('base64');
}

const flipLast = (der: Buffer): void => {
  der[der.length - 1] = (der.at(-1) as number) ^ 1;
};

test('CSRs by openssl', openssl, async (t) => {
  const { call, app } = await build(t);
  const post = (url: string, payload: object) => call('operator', { method: 'POST', url, payload });
  const inspect = async (csr: string, more: object = {}) => {
    const answer = await post('/api/client-certs/csr/inspect', { csr, ...more });
    assert.equal(answer.statusCode, 200, answer.body);
    return answer.json();
  };
  const refused = async (csr: string, code: string, message = /./) => {
    const before = app.store.inventory.size;
    for (const url of [submit, '/api/client-certs']) {
      const answer = await post(url, { csr });
      assert.equal(answer.statusCode, 400, answer.body);
      assert.equal(answer.json().code, code);
      assert.match(answer.json().message, message);
    }
    assert.equal(app.store.inventory.size, before);
  };

  for (const [what, keyOptions, options, facts, scheme] of [
    ['RSA-2048', rsa(2048), [], ['RSA', 2048, null], 'rsa-sha256'],
    ['EC P-256', ec('P-256'), [], ['EC', 256, 'P-256'], 'ecdsa-sha256'],
    ['EC P-384', ec('P-384'), ['-sha384'], ['EC', 384, 'P-384'], 'ecdsa-sha384'],
    ['EC P-521', ec('P-521'), ['-sha512'], ['EC', 521, 'P-521'], 'ecdsa-sha512'],
    ['Ed25519', ed25519, [], ['Ed25519', 256, null], 'ed25519'],
  ] as const) {
    await t.test(`with an ${what} key are certified: that key, those names`, async () => {
      const csr = byOpenssl([...keyOptions], [...options, '-addext', 'subjectAltName=DNS:a.example']);
      const told = await inspect(csr);
      assert.deepEqual([told.key.algorithm, told.key.size, told.key.curve], facts);
      assert.equal(told.signature_algorithm, scheme);
      assert.equal(told.signature_valid, true);
      assert.deepEqual(told.reasons, []);
      const answer = await post(submit, { csr });
      assert.equal(answer.statusCode, 201, answer.body);
      const body = answer.json();
      assert.equal(answer.headers['location'], `/api/client-certs/${body.identifier}`);
      assert.deepEqual([body.key_algorithm, body.key_size], facts.slice(0, 2));
      assert.equal(body.issuance_method, 'csr');
      assert.equal(body.private_key_pem, undefined);
      const certificate = new X509Certificate(body.certificate_pem);
      assert.ok(certificate.checkPrivateKey(createPrivateKey(readFileSync(path('key')))));
      assert.equal(certificate.subject, 'O=ACME\nCN=alice');
      assert.equal(certificate.subjectAltName, 'DNS:a.example');
      // What inspect foretold is what was issued.
      assert.deepEqual(told.certified.key_usage, body.key_usage);
      assert.deepEqual(told.certified.extended_key_usage, body.extended_key_usage);
      assert.deepEqual(told.certified.subject_alt_names, body.subject_alt_names);
      assert.equal(told.key.public_key_sha256, body.public_key_sha256);
    });
  }

  await t.test('are read under both labels and as base64 of DER', async () => {
    const pem = byOpenssl(ec('P-256'));
    const older = output('openssl', ['req', '-newhdr'], pem).toString();
    assert.match(older, /BEGIN NEW CERTIFICATE REQUEST/);
    const base64 = output('openssl', ['req', '-outform', 'DER'], pem).toString('base64');
    for (const csr of [pem, older, base64]) assert.equal((await post(submit, { csr })).statusCode, 201);
  });

  await t.test(
    'that ask for CA:TRUE get a leaf (fabriziosalmi/certmate#391, NeySlim/ultimate-ca-manager#243, #254)',
    async () => {
      const smuggled = ['basicConstraints=critical,CA:TRUE,pathlen:3', 'keyUsage=critical,keyCertSign,cRLSign'];
      const csr = byOpenssl(
        ec('P-256'),
        smuggled.flatMap((text) => ['-addext', text]),
      );
      const { certificate_pem } = (await post(submit, { csr })).json();
      const issued = readCertificate(new X509Certificate(certificate_pem).raw);
      assert.equal(issued.isCa, false);
      assert.deepEqual(issued.keyUsage, ['digitalSignature']);
      const text = run('openssl', ['x509', '-noout', '-text'], certificate_pem).text;
      assert.match(text, /CA:FALSE|Basic Constraints: critical\s*\n\s*(?!.*CA:TRUE)/);
      assert.doesNotMatch(text, /CA:TRUE|Certificate Sign|CRL Sign/);
      const { dropped } = await inspect(csr);
      assert.deepEqual(dropped.extensions, [
        { oid: '2.5.29.19', name: 'basicConstraints', critical: true },
        { oid: '2.5.29.15', name: 'keyUsage', critical: true },
      ]);
    },
  );

  await t.test('that ask for extended key usages do not get them (NeySlim/ultimate-ca-manager#243, #254)', async () => {
    const csr = byOpenssl(ec('P-256'), [
      '-addext',
      'extendedKeyUsage=serverAuth,codeSigning,OCSPSigning,anyExtendedKeyUsage,1.3.6.1.4.1.311.10.3.4',
    ]);
    const body = (await post(submit, { csr })).json();
    assert.deepEqual(body.extended_key_usage, ['clientAuth']);
    assert.deepEqual(new X509Certificate(body.certificate_pem).keyUsage, ['1.3.6.1.5.5.7.3.2']);
  });

  await t.test('that ask for any other extension do not get that either', async () => {
    const asked = [
      'crlDistributionPoints=URI:http://evil.example/crl',
      'authorityInfoAccess=OCSP;URI:http://evil.example/ocsp',
      'certificatePolicies=1.2.3.4',
      'nameConstraints=permitted;DNS:example.com',
      'noCheck=ignored',
      'tlsfeature=status_request',
    ];
    const csr = byOpenssl(
      ec('P-256'),
      asked.flatMap((text) => ['-addext', text]),
    );
    const { certificate_pem } = (await post(submit, { csr })).json();
    assert.doesNotMatch(
      run('openssl', ['x509', '-noout', '-text'], certificate_pem).text,
      /evil|1\.2\.3\.4|No Check|TLS Feature|Name Constraints/,
    );
    const { dropped } = await inspect(csr);
    assert.deepEqual(dropped.extensions.map(({ name }: { name: string }) => name).toSorted(), [
      'authorityInfoAccess',
      'certificatePolicies',
      'crlDistributionPoints',
      'nameConstraints',
      'ocspNoCheck',
      'tlsFeature',
    ]);
  });

  await t.test(
    'that were changed after signing are refused, and inspect says so (CertMate never checked)',
    async () => {
      const pem = byOpenssl(ec('P-256'));
      const otherName = damaged(pem, (der) => {
        der[der.indexOf('alice') + 1] = 0x2e;
      });
      for (const csr of [damaged(pem, flipLast), otherName]) {
        await refused(csr, 'INVALID_CSR', /signature does not match/);
        const told = await inspect(csr);
        assert.equal(told.signature_valid, false);
        assert.equal(told.acceptable, false);
        assert.deepEqual(
          told.reasons.map(({ code }: { code: string }) => code),
          ['INVALID_CSR'],
        );
        assert.ok(told.certified, 'the rest of it can be told all the same');
      }
    },
  );

  await t.test('with a weak key, another curve or another algorithm are refused, and inspect says why', async () => {
    for (const [keyOptions, algorithm, message] of [
      [rsa(1024), 'RSA', /1024 bits/],
      [ec('secp256k1'), null, /another curve/],
      [[...ec('P-256'), '-pkeyopt', 'ec_param_enc:explicit'], null, /name its curve/],
      [['-algorithm', 'ED448'], null, /another kind/],
    ] as const) {
      const csr = byOpenssl([...keyOptions]);
      await refused(csr, 'WEAK_KEY', message);
      const told = await inspect(csr);
      assert.equal(told.acceptable, false);
      assert.equal(told.key.algorithm, algorithm);
      assert.equal(told.reasons[0].code, 'WEAK_KEY');
      assert.match(told.reasons[0].message, message);
    }
  });

  await t.test('signed with SHA-1 prove nothing', async () => {
    const csr = byOpenssl(rsa(2048), ['-sha1']);
    await refused(csr, 'INVALID_CSR', /algorithm that is not accepted/);
    const told = await inspect(csr);
    assert.equal(told.signature_algorithm, 'rsa-sha1');
    assert.equal(told.signature_valid, false);
  });

  await t.test('with bytes behind them, over 64 KiB, two at once or none at all are refused by both', async () => {
    const pem = byOpenssl(ec('P-256'));
    const { der } = readRequest(pem);
    for (const csr of [
      Buffer.concat([der, Buffer.from([0])]).toString('base64'),
      Buffer.concat([der, Buffer.alloc(66_000)]).toString('base64'),
      pem + pem,
      'no CSR',
      der.subarray(0, 100).toString('base64'),
    ]) {
      await refused(csr, 'INVALID_CSR');
      const answer = await post('/api/client-certs/csr/inspect', { csr });
      assert.equal(answer.statusCode, 400);
      assert.equal(answer.json().code, 'INVALID_CSR');
    }
    for (const payload of [{ csr: '' }, {}, { csr: 'A'.repeat(98_305) }, { csr: pem, crs: pem }]) {
      assert.equal((await post(submit, payload)).statusCode, 400);
      assert.equal((await post('/api/client-certs/csr/inspect', payload)).statusCode, 400);
    }
  });

  await t.test(
    'name a subject of which every attribute that servers map is kept in its order; inspect tells the rest',
    async () => {
      const subject = '/C=DE/O=ACME/OU=One/OU=Two/serialNumber=7/title=Dr/emailAddress=Alice@example.com/CN=alice';
      const csr = byOpenssl(ec('P-256'), [], subject);
      const told = await inspect(csr);
      assert.deepEqual(told.certified.subject, {
        common_name: 'alice',
        organization: 'ACME',
        organizational_unit: 'One',
        country: 'DE',
      });
      assert.deepEqual(told.certified.subject_alt_names, ['email:Alice@example.com']);
      assert.deepEqual(told.dropped.subject, [{ type: 'title', value: 'Dr' }]);
      const body = (await post(submit, { csr })).json();
      assert.equal(
        new X509Certificate(body.certificate_pem).subject,
        'C=DE\nO=ACME\nOU=One\nOU=Two\nserialNumber=7\nCN=alice',
      );
      const names = byOpenssl(ec('P-256'), [
        '-addext',
        'subjectAltName=otherName:1.2.3;UTF8:x,RID:1.2.3,DNS:WWW.example.com',
      ]);
      const { subject_alt_names, dropped } = await inspect(names);
      assert.deepEqual(subject_alt_names, ['rid:1.2.3', 'dns:www.example.com']);
      assert.deepEqual(dropped.subject_alt_names, ['otherName']);
    },
  );

  await t.test('without a common name need one in the request, and inspect says so', async () => {
    const csr = byOpenssl(ec('P-256'), [], '/O=ACME');
    await refused(csr, 'VALIDATION_FAILED', /common_name is required/);
    const told = await inspect(csr);
    assert.match(told.reasons[0].message, /common_name is required/);
    assert.equal(told.signature_valid, true);
    assert.equal((await post(submit, { csr, common_name: 'alice' })).statusCode, 201);
  });

  await t.test('are held against the profile of the usage that they are inspected for', async () => {
    const csr = byOpenssl(ec('P-256'));
    assert.equal((await inspect(csr, { cert_usage: 'email' })).acceptable, true);
    const told = await inspect(csr, { cert_usage: 'email', certificate_type: 'device' });
    assert.equal(told.reasons[0].code, 'PROFILE_VIOLATION');
    const server = await inspect(csr, { certificate_type: 'server' });
    assert.match(server.reasons[0].message, /dns: or ip:/);
  });
});

describe('a CSR made here', () => {
  for (const keyType of ['rsa-2048', 'ec-p256', 'ec-p384', 'ed25519']) {
    it(`with an ${keyType} key is one that openssl verifies, and is certified`, openssl, async (t) => {
      const { call } = await build(t);
      const answer = await call('operator', {
        method: 'POST',
        url: '/api/client-certs/csr/create',
        payload: {
          common_name: 'Zoë',
          email: 'zoe@example.com',
          organization: 'ACME',
          country: 'de',
          key_type: keyType,
          subject_alt_names: ['dns:zoë.example'],
        },
      });
      assert.equal(answer.statusCode, 200, answer.body);
      const { csr_pem, private_key_pem, ...rest } = answer.json();
      assert.deepEqual(rest, {});
      const { text } = run('openssl', ['req', '-verify', '-noout', '-subject', '-text', '-nameopt', 'utf8'], csr_pem);
      assert.match(text, /verify OK/);
      assert.match(text, /DNS:xn--zo-ija\.example, email:zoe@example\.com/);
      const request = readRequest(csr_pem);
      assert.deepEqual(
        request.subject.map(({ type, value }) => `${type}=${value}`),
        ['C=DE', 'O=ACME', 'CN=Zoë'],
      );
      const key = createPublicKey(createPrivateKey(private_key_pem)).export({ type: 'spki', format: 'der' });
      assert.deepEqual(request.subjectPublicKeyInfo, key);
      const issued = await call('operator', { method: 'POST', url: submit, payload: { csr: csr_pem } });
      assert.equal(issued.statusCode, 201, issued.body);
      assert.equal(issued.json().has_private_key, false);
    });
  }

  it('leaves nothing behind', async (t) => {
    const { call, config, app } = await build(t);
    const answer = await call('operator', {
      method: 'POST',
      url: '/api/client-certs/csr/create',
      payload: { common_name: 'nobody-keeps-me' },
    });
    const key = answer.json().private_key_pem.split('\n')[1];
    assert.equal(app.store.inventory.size, 0);
    const files = readdirSync(config.dataDir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((entry) => entry.isFile())) {
      const contents = readFileSync(join(file.parentPath, file.name), 'latin1');
      assert.ok(!contents.includes('nobody-keeps-me') && !contents.includes(key), file.name);
    }
  });

  for (const [what, body, place] of [
    ['no common name', {}, 'common_name'],
    ['a key of a kind that is not made here', { common_name: 'a', key_type: 'rsa-1024' }, 'key_type'],
    ['a field that only a certificate has', { common_name: 'a', days_valid: 3 }, 'days_valid'],
    ['a malformed name', { common_name: 'a', subject_alt_names: ['dns:a b'] }, 'subject_alt_names.0'],
  ] as const) {
    it(`is refused with ${what}`, async (t) => {
      const { call } = await build(t);
      const answer = await call('operator', { method: 'POST', url: '/api/client-certs/csr/create', payload: body });
      assert.equal(answer.statusCode, 400);
      assert.equal(answer.json().details[0].path, place);
    });
  }

  it('is for operators, like all that is done with CSRs', async (t) => {
    const { call } = await build(t);
    for (const step of ['create', 'inspect', 'submit']) {
      const request = { method: 'POST' as const, url: `/api/client-certs/csr/${step}`, payload: {} };
      assert.equal((await call('anonymous', request)).statusCode, 401);
      assert.equal((await call('viewer', request)).statusCode, 403);
      assert.equal((await call('operator', request)).statusCode, 400);
    }
  });
});
