// A CA made elsewhere whose own limits leave it little, or nothing, to issue.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { importAuthority } from '../../../src/modules/ca/establish.js';
import * as der from '../../../src/pki/der.js';
import { type Extension, extendedKeyUsage } from '../../../src/pki/extensions.js';
import { OID } from '../../../src/pki/oids.js';
import { encodePem } from '../../../src/pki/pem.js';
import { Folder } from '../../../src/store/folder.js';
import { type Built, build, MovedClock, testConfig } from '../../build.js';
import { requestFor } from '../../certification-request.js';
import { keyFor } from '../../pki/authority.js';
import { type Made, makeCa, nameConstraints } from '../../pki/constrained.js';
import { run, without } from '../../pki/programs.js';
import { certmate } from '../backup/certmate.js';
import { post } from '../client-certs/every-way.js';
import { takenOver } from '../client-certs/taken-over.js';
import { complaints } from '../doctor/doctored.js';

const pem = ({ der: bytes }: Made) => encodePem('CERTIFICATE', bytes);
const requireExplicitPolicy = (skip: number): Extension => ({
  oid: OID.policyConstraints,
  critical: true,
  value: der.sequence(der.contextPrimitive(0, Buffer.of(skip))),
});

/** Imports the first of a chain. @returns the settings of its data directory, and the warnings */
async function imported(t: TestContext, [ca, ...above]: readonly [Made, ...Made[]], environment = {}) {
  const config = await testConfig(t, environment);
  const key = String(ca.key.export({ type: 'pkcs8', format: 'pem' }));
  const files = { certificate: pem(ca), key, chain: above.map(pem).join('') };
  const folder = new Folder(join(config.dataDir, 'certs', 'ca'));
  const { warnings } = await importAuthority(folder, files, null, null, new Date());
  return { config, warnings };
}

describe('import-ca refuses a CA whose client certificates would be refused', () => {
  const cases: [what: string, chain: () => Promise<readonly [Made, ...Made[]]>, message: RegExp][] = [
    [
      'one for TLS servers only',
      async () => [await makeCa('CN=CA', { more: [extendedKeyUsage(['serverAuth'])] })],
      /extended key usage of "CN=CA" does not allow clientAuth: serverAuth/,
    ],
    [
      'one below a CA for mail only',
      async () => {
        const root = await makeCa('CN=Root', { more: [extendedKeyUsage(['emailProtection'])] });
        return [await makeCa('CN=CA', { issuer: root }), root];
      },
      /extended key usage of "CN=Root" does not allow clientAuth/,
    ],
    [
      'one that requires a policy',
      async () => [await makeCa('CN=CA', { more: [requireExplicitPolicy(0)] })],
      /"CN=CA" requires a policy in every certificate/,
    ],
    [
      'one below a CA that requires a policy two certificates on',
      async () => {
        const root = await makeCa('CN=Root', { more: [requireExplicitPolicy(2)] });
        return [await makeCa('CN=CA', { issuer: root }), root];
      },
      /"CN=Root" requires a policy/,
    ],
    [
      'one below a CA that allows none below it',
      async () => {
        const root = await makeCa('CN=Root', { pathLength: 0 });
        return [await makeCa('CN=CA', { issuer: root }), root];
      },
      /"CN=Root" allows 0 CAs below it \(pathLenConstraint\), and there are 1/,
    ],
    [
      'one below a root that has expired',
      async () => {
        const root = await makeCa('CN=Root', { from: -10, to: -1 });
        return [await makeCa('CN=CA', { issuer: root }), root];
      },
      /"CN=Root" expired at/,
    ],
    [
      'one below a root that is not valid yet',
      async () => {
        const root = await makeCa('CN=Root', { from: 1 });
        return [await makeCa('CN=CA', { issuer: root }), root];
      },
      /"CN=Root" begins at/,
    ],
    [
      'one with a critical extension that verifiers do not know',
      async () => [await makeCa('CN=CA', { more: [{ oid: '1.2.3.4', critical: true, value: der.nullValue() }] })],
      /critical extension that verifiers do not know: 1\.2\.3\.4/,
    ],
    [
      'one whose name constraints cannot be read',
      async () => [
        await makeCa('CN=CA', { more: [{ oid: OID.nameConstraints, critical: true, value: der.nullValue() }] }),
      ],
      /name constraints of "CN=CA" cannot be read/,
    ],
  ];
  for (const [what, chain, message] of cases) {
    it(what, async (t) => {
      const made = await chain();
      await assert.rejects(imported(t, made), { name: 'StartupError', message });
    });
  }

  it('and takes one that requires a policy only further down', async (t) => {
    const root = await makeCa('CN=Root', { more: [requireExplicitPolicy(3)] });
    await imported(t, [await makeCa('CN=CA', { issuer: root }), root]);
  });
});

describe('import-ca warns of a CA', () => {
  const cases: [what: string, options: Parameters<typeof makeCa>[1], message: RegExp][] = [
    ['with name constraints', { more: [nameConstraints({ permitted: ['dns:example.com'] })] }, /has name constraints/],
    ['without a subjectKeyIdentifier', { identified: false }, /no subjectKeyIdentifier/],
    ['with anyExtendedKeyUsage alone', { more: [extendedKeyUsage(['anyExtendedKeyUsage'])] }, /OpenSSL/],
    [
      'with constraints that Go does not know',
      { more: [nameConstraints({ permitted: ['dirname:O=ACME'] })] },
      /programs in Go do not know/,
    ],
    [
      'with a mask that has gaps, for Go refuses its certificate',
      { more: [nameConstraints({ permitted: ['ip:10.0.0.0/255.0.255.0'] })] },
      /programs in Go cannot read/,
    ],
    ['with empty constraints, for Go refuses its certificate', { more: [nameConstraints({})] }, /in Go cannot read/],
    [
      'with an address as the host of URIs, for Go refuses its certificate',
      { more: [nameConstraints({ excluded: ['uri:192.0.2.1'] })] },
      /programs in Go cannot read/,
    ],
    [
      'with an empty label in a domain, for Go refuses its certificate',
      { more: [nameConstraints({ permitted: ['dns:a..example'] })] },
      /programs in Go cannot read/,
    ],
  ];
  for (const [what, options, message] of cases) {
    it(what, async (t) => {
      const { warnings } = await imported(t, [await makeCa('CN=CA', options)]);
      assert.ok(
        warnings.some((warning) => message.test(warning)),
        warnings.join('\n'),
      );
    });
  }

  it('of whose constraints Go can read all, without a word about Go', async (t) => {
    const bases = [
      'dns:example.com',
      'dns:.example.com',
      'email:a@example.com',
      'email:.example.com',
      'uri:.example.com',
    ];
    const permitted = [...bases, 'email:example.com', 'ip:10.0.0.0/255.0.0.0', 'ip:2001:db8::/ffff:ffff::'];
    const { warnings } = await imported(t, [
      await makeCa('CN=CA', { more: [nameConstraints({ permitted, excluded: ['dns:', 'ip:0.0.0.0/0.0.0.0'] })] }),
    ]);
    assert.doesNotMatch(warnings.join('\n'), /Go/);
  });

  it('on the command line, after it is imported', async (t) => {
    const config = await testConfig(t);
    const ca = await makeCa('CN=CA', { identified: false });
    const [cert, key] = ['ca.pem', 'ca.key'].map((name) => join(config.dataDir, '..', name)) as [string, string];
    await writeFile(cert, pem(ca));
    await writeFile(key, ca.key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const { status, output } = await certmate(config, 'import-ca', '--cert', cert, '--key', key);
    assert.equal(status, 0, output);
    assert.match(output, /^Imported CN=CA\nSHA-256 {2}\S+\nWarning {2}"CN=CA" has no subjectKeyIdentifier/);
  });
});

const LIMITS = nameConstraints({
  permitted: [
    'dns:example.com',
    'email:example.com',
    'dirname:O=ACME',
    'ip:192.0.2.0/255.255.255.0',
    'uri:example.com',
  ],
  critical: false,
});

/** A CA that is limited itself, below a root that limits purposes. */
async function limited(t: TestContext, environment = {}): Promise<Built & { root: Made; ca: Made }> {
  const root = await makeCa('CN=Root', { more: [extendedKeyUsage(['clientAuth', 'serverAuth'])] });
  const ca = await makeCa('CN=Sub', { issuer: root, more: [LIMITS] });
  const { config } = await imported(t, [ca, root], environment);
  return { ...(await build(t, { config })), root, ca };
}

const ALICE = { common_name: 'alice', organization: 'ACME', key_type: 'ec-p256' };

describe('a CA with limits', () => {
  const refused: [what: string, request: object, named: string][] = [
    ['a DNS name', { ...ALICE, subject_alt_names: ['dns:evil.test'] }, 'dns:evil.test'],
    ['an address', { ...ALICE, subject_alt_names: ['ip:198.51.100.7'] }, 'ip:198.51.100.7'],
    ['a URI', { ...ALICE, subject_alt_names: ['uri:https://evil.test/'] }, 'uri:https://evil.test/'],
    ['a URI without a host', { ...ALICE, subject_alt_names: ['uri:urn:x:y'] }, 'uri:urn:x:y'],
    ['an e-mail address', { ...ALICE, email: 'alice@evil.test' }, 'email:alice@evil.test'],
    ['a subject', { ...ALICE, organization: 'Evil' }, 'O=Evil,CN=alice'],
    ['a common name that looks like a host', { ...ALICE, common_name: 'host.evil.test' }, 'host.evil.test'],
    ['a purpose', { ...ALICE, extended_key_usage: ['codeSigning'] }, 'codeSigning'],
  ];

  it('issues what is within them, which OpenSSL accepts', { skip: without('openssl') }, async (t) => {
    const built = await limited(t);
    const folder = built.config.dataDir;
    await writeFile(join(folder, 'root.pem'), pem(built.root));
    await writeFile(join(folder, 'sub.pem'), pem(built.ca));
    const subject_alt_names = ['dns:host.example.com', 'ip:192.0.2.7', 'uri:https://example.com/x'];
    const issued = await built.issue({ ...ALICE, email: 'alice@example.com', subject_alt_names });
    const chain = ['-CAfile', join(folder, 'root.pem'), '-untrusted', join(folder, 'sub.pem')];
    const { status, text } = run('openssl', ['verify', '-purpose', 'sslclient', ...chain], issued['certificate_pem']);
    assert.equal(status, 0, text);
    const renewed = await post(built, `client-certs/${issued.identifier}/renew`, {});
    assert.equal(renewed.statusCode, 201, renewed.body);
  });

  it('refuses each name and purpose outside of them before signing, and names it', async (t) => {
    const built = await limited(t);
    for (const [what, request, named] of refused) {
      const answer = await post(built, 'client-certs', request);
      assert.equal(answer.statusCode, 400, `${what}: ${answer.body}`);
      assert.equal(answer.json().code, 'OUTSIDE_CA_LIMITS', what);
      assert.ok(answer.json().message.includes(named), `${what}: ${answer.json().message}`);
    }
    assert.equal(built.app.certificates.list({}).total, 0);
  });

  it('refuses them in a CSR, where it is inspected too, and in a batch', async (t) => {
    const built = await limited(t);
    const subject = [
      { type: 'O', value: 'ACME' },
      { type: 'CN', value: 'alice' },
    ];
    const csr = await requestFor(keyFor('ecdsa-sha256'), subject, [{ kind: 'dns', value: 'evil.test' }]);
    const inspected = (await post(built, 'client-certs/csr/inspect', { csr })).json();
    assert.equal(inspected.reasons[0]?.code, 'OUTSIDE_CA_LIMITS', JSON.stringify(inspected.reasons));
    assert.equal((await post(built, 'client-certs', { csr })).json().code, 'OUTSIDE_CA_LIMITS');
    const rows = [[csr], [await requestFor(keyFor('ecdsa-sha256'), subject)]];
    const batch = (await post(built, 'client-certs/batch', { headers: ['csr'], rows })).json();
    assert.deepEqual([batch.successful, batch.failed], [1, 1], JSON.stringify(batch.errors));
    assert.match(batch.errors[0].error, /dns:evil\.test is not within dns:example\.com/);
  });

  it('does not renew what it should not have issued', async (t) => {
    const built = await limited(t);
    await takenOver(built, { names: [{ kind: 'dns', value: 'evil.test' }] });
    const answer = await post(built, 'client-certs/alice/renew', { reuse_key: true });
    assert.equal(answer.json().code, 'OUTSIDE_CA_LIMITS', answer.body);
  });

  it('signs OCSP answers itself where it may have no responder, and OpenSSL believes them', {
    skip: without('openssl'),
  }, async (t) => {
    const built = await limited(t);
    const { app, config } = built;
    assert.equal(app.ocsp.delegate.signer.publicKey.equals(app.authority.signer.publicKey), true);
    const at = (name: string) => join(config.dataDir, name);
    const { certificate_pem } = await built.issue(ALICE);
    await writeFile(at('leaf.pem'), String(certificate_pem));
    await writeFile(at('sub.pem'), pem(built.ca));
    await writeFile(at('root.pem'), pem(built.root));
    const asked = run('openssl', [
      'ocsp',
      '-issuer',
      at('sub.pem'),
      '-cert',
      at('leaf.pem'),
      '-no_nonce',
      '-reqout',
      at('q'),
    ]);
    assert.equal(asked.status, 0, asked.text);
    const answer = await built.call('anonymous', {
      method: 'POST',
      url: '/api/ocsp',
      headers: { 'content-type': 'application/ocsp-request' },
      payload: await readFile(at('q')),
    });
    await writeFile(at('answer'), answer.rawPayload);
    const args = ['ocsp', '-respin', at('answer'), '-issuer', at('sub.pem'), '-cert', at('leaf.pem'), '-no_nonce'];
    const { text } = run('openssl', [...args, '-CAfile', at('root.pem')]);
    assert.match(text, /Response verify OK/);
    assert.match(text, /leaf\.pem: good/);
  });

  it('certifies no server name outside of its limits for this server', async (t) => {
    const root = await makeCa('CN=Root', { more: [nameConstraints({ permitted: ['dns:example.com'] })] });
    const tls = { CERTMATE_TLS: 'self', CERTMATE_PUBLIC_URL: 'https://ca.example.com' };
    const { config } = await imported(t, [root], tls);
    const { app } = await build(t, { config });
    const { subjectAltName } = new X509Certificate(String(app.tls?.current.cert));
    assert.match(String(subjectAltName), /DNS:ca\.example\.com/);
    assert.doesNotMatch(String(subjectAltName), /localhost/);
    const other = await imported(t, [root], { ...tls, CERTMATE_PUBLIC_URL: 'https://ca.evil.test' });
    await assert.rejects(build(t, other), /must not certify this server: .*dns:ca\.evil\.test.*CERTMATE_TLS_CERT/);
  });
});

describe('a CA below a root that ends before it', () => {
  it('issues nothing that outlives the root, and health, doctor and the API tell when the root has expired', async (t) => {
    const root = await makeCa('CN=Root', { to: 10 });
    const { config } = await imported(t, [await makeCa('CN=Sub', { issuer: root, to: 30 }), root]);
    const clock = new MovedClock();
    const built = await build(t, { config, clock });
    const long = await post(built, 'client-certs', { ...ALICE, days_valid: 20 });
    assert.equal(long.json().code, 'VALIDITY_EXCEEDS_CA', long.body);
    assert.equal((await post(built, 'client-certs', { ...ALICE, days_valid: 5 })).statusCode, 201);
    const health = async () => (await built.call('anonymous', { url: '/health' })).json();
    assert.equal((await health()).checks.ca_chain.ok, true);
    await built.app.close();
    clock.advance(11 * 86_400);
    const later = await build(t, { config, clock });
    const { status, checks } = (await later.call('anonymous', { url: '/health' })).json();
    assert.equal(status, 'degraded');
    assert.match(checks.ca_chain.detail, /"CN=Root" expired/);
    await later.app.close();
    const above = join(config.dataDir, 'certs', 'ca', 'ca-chain.pem');
    const expired = await makeCa('CN=Root', { from: -10, to: -1 });
    await writeFile(above, pem(expired));
    const found = await complaints(config);
    assert.ok(
      found.some((line) => /ca-chain\.pem: .*"CN=Root" expired/.test(line)),
      found.join('\n'),
    );
  });

  it('goes on answering for what it has issued', async (t) => {
    const root = await makeCa('CN=Root', { to: 10 });
    const { config } = await imported(t, [await makeCa('CN=Sub', { issuer: root, to: 30 }), root]);
    const clock = new MovedClock();
    clock.advance(11 * 86_400);
    const later = await build(t, { config, clock });
    assert.equal((await later.call('anonymous', { url: '/health/ready' })).statusCode, 200, 'OCSP and CRL go on');
    assert.equal((await post(later, 'client-certs', { ...ALICE, days_valid: 1 })).json().code, 'VALIDITY_EXCEEDS_CA');
  });
});
