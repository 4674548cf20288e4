import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createSecureContext } from 'node:tls';
import { inflateRawSync } from 'node:zlib';
import { decodePem } from '../../../src/pki/pem.js';
import { build } from '../../build.js';
import { missing, run } from '../../interop/programs.js';

const PASSWORD = 'correct horse battery';

const get = (id: string, type: string) => ({ method: 'GET' as const, url: `/api/client-certs/${id}/download/${type}` });
const p12 = (id: string, payload: object = { password: PASSWORD }) => ({
  method: 'POST' as const,
  url: `/api/client-certs/${id}/download/p12`,
  payload,
});

/** Name → contents and permissions, read by way of the archive's central directory (APPNOTE §4.3.12). */
function unzip(archive: Buffer): Map<string, { contents: string; mode: number }> {
  const files = new Map<string, { contents: string; mode: number }>();
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06'));
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    const name = archive.toString('utf8', at + 46, at + 46 + (nameLength as number));
    const local = archive.readUInt32LE(at + 42);
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20));
    const contents = archive.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed);
    files.set(name, { contents: contents.toString(), mode: (archive.readUInt32LE(at + 38) >>> 16) & 0o777 });
    at += 46 + (nameLength as number) + (extraLength as number) + (commentLength as number);
  }
  return files;
}

async function issuedForCsr(t: TestContext) {
  const built = await build(t);
  const other = await built.issue();
  const csr = (await built.call('operator', get(other.identifier, 'csr'))).body;
  return { ...built, certificate: await built.issue({ csr, key_type: undefined }) };
}

describe('the p7b download', () => {
  it('holds certificate and chain, for viewers too', async (t) => {
    const { app, call, issue } = await build(t);
    const { identifier, certificate_pem } = await issue();
    const answer = await call('viewer', get(identifier, 'p7b'));
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'application/x-pkcs7-certificates');
    assert.equal(answer.headers['content-disposition'], `attachment; filename="${identifier}.p7b"`);
    const certificates = [...decodePem(certificate_pem as string, ['CERTIFICATE']), ...app.authority.chain];
    assert.ok(answer.rawPayload.includes(Buffer.concat(certificates)));
  });
});

describe('the zip download', () => {
  it('holds every file of the certificate, its key for its owner only', async (t) => {
    const { call, issue } = await build(t);
    const { identifier, certificate_pem, chain_pem } = await issue();
    const answer = await call('operator', get(identifier, 'zip'));
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'application/zip');
    assert.equal(answer.headers['content-disposition'], `attachment; filename="${identifier}.zip"`);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const files = unzip(answer.rawPayload);
    assert.deepEqual([...files.keys()].sort(), [
      'README.txt',
      'cert.crt',
      'cert.csr',
      'cert.key',
      'chain.pem',
      'fullchain.pem',
    ]);
    const read = (name: string) => files.get(name)?.contents as string;
    assert.equal(read('cert.crt'), certificate_pem);
    assert.equal(read('chain.pem'), chain_pem);
    assert.equal(read('fullchain.pem'), `${certificate_pem}${chain_pem}`);
    assert.ok(new X509Certificate(read('cert.crt')).checkPrivateKey(createPrivateKey(read('cert.key'))));
    assert.match(read('cert.csr'), /BEGIN CERTIFICATE REQUEST/);
    assert.equal(files.get('cert.key')?.mode, 0o600);
  });

  it('is not for viewers', async (t) => {
    const { call, issue } = await build(t);
    const { identifier } = await issue();
    assert.equal((await call('viewer', get(identifier, 'zip'))).statusCode, 403);
    assert.equal((await call('anonymous', get(identifier, 'zip'))).statusCode, 401);
  });

  it('has no key when CertMate holds none, and says so', async (t) => {
    const { call, certificate } = await issuedForCsr(t);
    const files = unzip((await call('operator', get(certificate.identifier, 'zip'))).rawPayload);
    assert.ok(!files.has('cert.key'));
    assert.match(files.get('README.txt')?.contents ?? '', /CertMate does not hold the private key/);
  });

  it('tells how to use the files, in commands that work', { skip: missing('curl', 'openssl', 'unzip') }, async (t) => {
    const { app, call, issue } = await build(t);
    const server = await issue({
      certificate_type: 'server',
      common_name: 'localhost',
      subject_alt_names: ['dns:localhost'],
    });
    const { identifier } = await issue();
    const folder = await mkdtemp(join(tmpdir(), 'certmate-zip-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'all.zip'), (await call('operator', get(identifier, 'zip'))).rawPayload);
    assert.equal((await run`unzip -q ${join(folder, 'all.zip')} -d ${folder}`).status, 0);

    const key = (await call('operator', get(server.identifier, 'key'))).body;
    const tls = { key, cert: server['certificate_pem'] as string, ca: app.authority.chainPem };
    const web = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (_, response) => {
      response.end('welcome');
    });
    await new Promise<void>((resolve) => {
      web.listen(0, 'localhost', resolve);
    });
    t.after(() => web.close());
    const { port } = web.address() as AddressInfo;

    const readme = await readFile(join(folder, 'README.txt'), 'utf8');
    const commands = [...readme.matchAll(/^ {2}((?:curl|openssl) .+)$/gm)].map(([, command]) => command as string);
    assert.equal(commands.length, 2);
    const [curl = '', sClient = ''] = commands.map((command) =>
      command.replace('server.example.com:443', `localhost:${port}`).replace('server.example.com', `localhost:${port}`),
    );
    const asked = await run`sh -c ${`cd '${folder}' && ${curl} -sS --cacert chain.pem`}`;
    assert.equal(asked.output, 'welcome');
    const request = 'GET / HTTP/1.0\\r\\n\\r\\n';
    const spoken =
      await run`sh -c ${`cd '${folder}' && (printf '${request}'; sleep 1) | ${sClient} -CAfile chain.pem -quiet`}`;
    assert.match(spoken.output, /welcome/);
  });
});

describe('the PKCS #12 download', () => {
  for (const profile of ['modern', 'compat', undefined] as const) {
    it(`opens with the password it was asked for: ${profile ?? 'modern unless said otherwise'}`, async (t) => {
      const { call, issue } = await build(t);
      const { identifier } = await issue();
      const answer = await call('operator', p12(identifier, { password: PASSWORD, ...(profile && { profile }) }));
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['content-type'], 'application/x-pkcs12');
      assert.equal(answer.headers['content-disposition'], `attachment; filename="${identifier}.p12"`);
      assert.equal(answer.headers['cache-control'], 'no-store');
      createSecureContext({ pfx: answer.rawPayload, passphrase: PASSWORD });
      assert.throws(() => createSecureContext({ pfx: answer.rawPayload, passphrase: 'something else' }));
      const sha256 = Buffer.from('608648016503040201', 'hex');
      const sha1 = Buffer.from('2b0e03021a', 'hex');
      assert.equal(answer.rawPayload.includes(sha256), profile !== 'compat', 'digest of the MAC');
      assert.equal(answer.rawPayload.includes(sha1), profile === 'compat', 'digest of the MAC');
    });
  }

  it('holds the stored key and certificate under the name asked for', { skip: missing('openssl') }, async (t) => {
    const { call, issue } = await build(t);
    const { identifier, certificate_pem } = await issue({ key_type: 'ed25519' });
    const asked = { password: PASSWORD, friendly_name: "Alice's laptop" };
    const answer = await call('operator', p12(identifier, asked));
    const folder = await mkdtemp(join(tmpdir(), 'certmate-p12-'));
    t.after(() => rm(folder, { recursive: true }));
    const file = join(folder, 'alice.p12');
    await writeFile(file, answer.rawPayload);
    const { output } = await run`openssl pkcs12 -in ${file} -passin pass:${PASSWORD} -nodes`;
    assert.match(output, /friendlyName: Alice's laptop/);
    const certificate = new X509Certificate(certificate_pem as string);
    assert.ok(output.includes(certificate_pem as string));
    const [key = ''] = /-----BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-----/.exec(output) ?? [];
    assert.ok(createPublicKey(key).equals(certificate.publicKey));
  });

  it('is recorded with its profile and without its password', async (t) => {
    const { call, config, issue } = await build(t);
    const { identifier, serial_number } = await issue();
    assert.equal((await call('operator', p12(identifier, { password: PASSWORD, profile: 'compat' }))).statusCode, 200);
    assert.equal((await call('operator', get(identifier, 'zip'))).statusCode, 200);
    const log = await readFile(join(config.logDir, 'audit', 'certificate_audit.log'), 'utf8');
    assert.ok(!log.includes(PASSWORD));
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ operation }) => operation === 'download');
    assert.deepEqual(
      lines.map(({ resource_id, details }) => ({ resource_id, details })),
      [
        { resource_id: identifier, details: { file: 'p12', profile: 'compat', serial_number } },
        { resource_id: identifier, details: { file: 'zip', with_key: true, serial_number } },
      ],
    );
  });

  it('is not for viewers', async (t) => {
    const { call, issue } = await build(t);
    const { identifier } = await issue();
    assert.equal((await call('viewer', p12(identifier))).statusCode, 403);
  });

  it('is not found where CertMate does not hold the key, or knows no such certificate', async (t) => {
    const { call, certificate, issue } = await issuedForCsr(t);
    const { identifier: notStored } = await issue({ store_key: false });
    for (const id of [certificate.identifier, notStored, 'nobody']) {
      const answer = await call('operator', p12(id));
      assert.equal(answer.statusCode, 404);
      assert.equal(answer.json().code, 'NOT_FOUND');
    }
  });

  for (const [what, payload, path] of [
    ['no password', {}, 'password'],
    ['a short password', { password: 'seven77' }, 'password'],
    ['a password of more than 128 characters', { password: 'x'.repeat(129) }, 'password'],
    ['a password beyond printable ASCII', { password: 'pässwörter' }, 'password'],
    ['another profile', { password: PASSWORD, profile: 'rc2' }, 'profile'],
    ['a friendly name with a line feed', { password: PASSWORD, friendly_name: 'a\nb' }, 'friendly_name'],
  ] as const) {
    it(`is refused for ${what}`, async (t) => {
      const { call, issue } = await build(t);
      const { identifier } = await issue();
      const answer = await call('operator', p12(identifier, payload));
      assert.equal(answer.statusCode, 400);
      const { code, details } = answer.json();
      assert.equal(code, 'VALIDATION_FAILED');
      assert.equal(details[0].path, path);
      if ('password' in payload) assert.ok(!answer.body.includes(payload.password));
    });
  }

  it('leaves the event loop free while it derives the keys', async (t) => {
    const { call, issue } = await build(t);
    const { identifier } = await issue();
    // Starts the thread: loading it is no part of what is measured.
    await call('operator', p12(identifier));
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    t.after(() => clearInterval(timer));
    await call('operator', p12(identifier));
    assert.ok(turns > 20, `the loop turned ${turns} times`);
  });
});
