// What easy-rsa and `openssl ca` have issued and revoked, taken over with import-certs.
import assert from 'node:assert/strict';
import { accessSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { readConfig } from '../../src/config.js';
import { build } from '../build.js';
import { certmate, place } from '../cli/stage.js';
import { missing, run, temporaryFolder } from './programs.js';

const EASY_RSA = '/usr/share/easy-rsa/easyrsa';

function noEasyRsa(): string | false {
  try {
    accessSync(EASY_RSA);
    return missing('openssl');
  } catch {
    return 'easy-rsa not installed';
  }
}

/** A PKI of easy-rsa with a CA and certificates of alice and bob. */
async function easyRsa(t: TestContext) {
  const temporary = temporaryFolder('easy-rsa');
  t.after(() => temporary.remove());
  const pki = join(temporary.path, 'pki');
  const easy = async (...args: string[]) => {
    const script = `export EASYRSA_BATCH=1 EASYRSA_PKI='${pki}' EASYRSA_ALGO=ec EASYRSA_CURVE=prime256v1
      ${args[0] === 'build-ca' ? `export EASYRSA_REQ_CN='Easy CA'` : ''}
      exec ${EASY_RSA} ${args.join(' ')}`;
    const done = await run`sh -c ${script}`;
    assert.equal(done.status, 0, done.output);
  };
  await easy('init-pki');
  await easy('build-ca', 'nopass');
  for (const name of ['alice', 'bob']) await easy('build-client-full', name, 'nopass');
  const { settings } = place(t);
  const brought = await certmate(
    settings,
    'import-ca',
    '--cert',
    join(pki, 'ca.crt'),
    '--key',
    join(pki, 'private/ca.key'),
  );
  assert.equal(brought.status, 0, brought.stderr);
  return { pki, easy, settings, config: readConfig({ ...settings, CERTMATE_LOG_LEVEL: 'silent' }) };
}

const importing = (settings: Record<string, string>, from: string, ...more: string[]) =>
  certmate(settings, 'import-certs', '--from', from, '--usage', 'vpn', ...more);

/** What openssl reads on the CRL that the server gives out. */
async function crlText(crl: Buffer): Promise<string> {
  const temporary = temporaryFolder('crl-text');
  try {
    const path = join(temporary.path, 'crl.der');
    await writeFile(path, crl);
    return (await run`openssl crl -inform DER -in ${path} -noout -text`).output;
  } finally {
    temporary.remove();
  }
}

const serialOf = async (certificate: string): Promise<string> => {
  const { output } = await run`openssl x509 -in ${certificate} -noout -serial`;
  return output.trim().replace('serial=', '');
};

describe('what easy-rsa has issued', { skip: noEasyRsa() }, () => {
  test('bob, whom easy-rsa has revoked, is revoked after the import, and alice is called alice (opnsense/core#7748)', async (t) => {
    const { pki, easy, settings, config } = await easyRsa(t);
    const bob = await serialOf(join(pki, 'issued/bob.crt'));
    await easy('revoke', 'bob', 'keyCompromise');
    await easy('gen-crl');
    const done = await importing(settings, pki);
    assert.equal(done.status, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /imported {2}issued\/alice\.crt as alice: with its key/);
    assert.match(done.stdout, /imported {2}revoked\/certs_by_serial\/\w+\.crt as bob: with its key, revoked/);
    const { app, call } = await build(t, { config });
    const shown = (await call('viewer', { url: '/api/client-certs/alice' })).json();
    assert.deepEqual([shown.status, shown.cert_usage, shown.has_private_key], ['active', 'vpn', true]);
    assert.match((await app.store.read('alice', 'cert.csr')).toString(), /CERTIFICATE REQUEST/);
    const revoked = (await call('viewer', { url: '/api/client-certs/bob' })).json();
    assert.deepEqual([revoked.status, revoked.revocation.reason_revoked], ['revoked', 'keyCompromise']);
    const said = await call('anonymous', { url: `/api/ocsp/status/${BigInt(`0x${bob}`)}` });
    assert.equal(said.json().certificate_status, 'revoked');
    const text = await crlText((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
    assert.match(text, new RegExp(`Serial Number: ${bob}`));
    assert.match(text, /Key Compromise/);
    await app.close();

    // Later alice is revoked there as well; bob was released there by somebody who edited the index.
    await easy('revoke', 'alice', 'superseded');
    const index = await readFile(join(pki, 'index.txt'), 'utf8');
    await writeFile(join(pki, 'index.txt'), index.replace(/^R(\t\w+\t)\S+(.*CN=bob)$/m, 'V$1$2'));
    await rm(join(pki, 'revoked/certs_by_serial', `${bob}.crt`));
    await easy('gen-crl');
    const again = await importing(settings, pki);
    assert.equal(again.status, 0, again.stdout);
    assert.match(again.stdout, /revoked {3}\S+ as alice: \d+ is revoked there \(superseded\), and now here/);
    const later = await build(t, { config });
    assert.equal(later.app.certificates.get('alice').status, 'revoked');
    assert.equal(later.app.certificates.get('bob').status, 'revoked', 'what is revoked here stays so');
    const list = await crlText((await later.call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
    assert.equal(list.match(/Serial Number/g)?.length, 2);
  });

  test('index.txt alone is enough, and so is the folder of revoked certificates', async (t) => {
    for (const without of [
      ['crl.pem', 'revoked'],
      ['crl.pem', 'index.txt'],
    ]) {
      const { pki, easy, settings, config } = await easyRsa(t);
      const bob = await readFile(join(pki, 'issued/bob.crt'));
      await easy('revoke', 'bob');
      for (const name of without) await rm(join(pki, name), { recursive: true, force: true });
      // Somebody has kept a copy of it.
      await writeFile(join(pki, 'issued/bob.crt'), bob);
      const done = await importing(settings, pki);
      assert.equal(done.status, 0, done.stdout);
      const { app } = await build(t, { config });
      assert.equal(app.certificates.get('bob').status, 'revoked', done.stdout);
      assert.equal(app.certificates.get('alice').status, 'active');
    }
  });

  test('nothing is imported while a CRL of this CA is damaged, unless that is asked for', async (t) => {
    const { pki, easy, settings, config } = await easyRsa(t);
    await easy('revoke', 'bob');
    await easy('gen-crl');
    const whole = await readFile(join(pki, 'crl.pem'), 'latin1');
    await rm(join(pki, 'index.txt'));
    const body = whole.split('\n');
    const der = Buffer.from(body.slice(1, -2).join(''), 'base64');
    const changed = Buffer.from(der);
    changed[changed.length - 5] = (changed[changed.length - 5] ?? 0) ^ 1;
    const damaged: Record<string, string | Buffer> = {
      'cut short': whole.slice(0, whole.length / 2),
      empty: '',
      'not base64': whole.replace(/\n[^-]{20}/, '\n!!!!!!!!!!!!!!!!!!!!'),
      'changed signature': changed,
      'DER cut short': der.subarray(0, 150),
      nothing: Buffer.alloc(300),
    };
    for (const [what, content] of Object.entries(damaged)) {
      await writeFile(join(pki, 'crl.pem'), content);
      const done = await importing(settings, pki);
      assert.equal(done.status, 1, `${what}: ${done.stdout}`);
      assert.match(done.stdout, /failed {4}crl\.pem: this CRL/, what);
      assert.match(done.stdout, /Nothing was imported/, what);
      assert.equal(done.stderr, '', what);
      assert.deepEqual(await readdir(join(config.dataDir, 'certs/client')).catch(() => []), [], what);
    }
    const forced = await importing(settings, pki, '--skip-unreadable-crls');
    assert.equal(forced.status, 1, 'the damage is still named');
    assert.match(forced.stdout, /as alice: with its key/);
    assert.match(forced.stdout, /as bob: with its key, revoked/, 'the folder of revoked certificates is believed');
  });

  test('a CRL of another CA is no obstacle, whole or damaged, of another name or of the same one', async (t) => {
    const { pki, settings } = await easyRsa(t);
    const other = await easyRsa(t);
    await other.easy('gen-crl');
    const theirs = await readFile(join(other.pki, 'crl.pem'), 'latin1');
    await writeFile(join(pki, 'same-name.crl'), theirs);
    const { app } = await build(t);
    await writeFile(join(pki, 'other.crl'), app.crl.current.der);
    await writeFile(join(pki, 'other-cut.crl'), app.crl.current.der.subarray(0, 120));
    await mkdir(join(pki, 'other'));
    for (const name of ['ca.crt', 'index.txt']) await cp(join(other.pki, name), join(pki, 'other', name));
    const done = await importing(settings, pki);
    assert.equal(done.status, 0, done.stdout);
    for (const name of ['same-name', 'other', 'other-cut']) {
      assert.match(done.stdout, new RegExp(`skipped   ${name}\\.crl: it is the CRL of another CA`));
    }
    assert.match(done.stdout, /skipped {3}other\/index\.txt: it is the index of another CA/);
  });
});

describe('what `openssl ca` has issued', { skip: missing('openssl') }, () => {
  for (const version of [1, 2]) {
    test(`with its default configuration and a CRL of version ${version}: bob is revoked, and a serial number without a certificate stays so`, async (t) => {
      const temporary = temporaryFolder('openssl-ca');
      t.after(() => temporary.remove());
      const demo = join(temporary.path, 'demoCA');
      const openssl = async (command: string) => {
        const done = await run`sh -c ${`cd "${temporary.path}" && openssl ${command}`}`;
        assert.equal(done.status, 0, done.output);
      };
      await mkdir(join(demo, 'newcerts'), { recursive: true });
      await mkdir(join(demo, 'private'));
      await writeFile(join(demo, 'index.txt'), '');
      await writeFile(join(demo, 'serial'), '01\n');
      await openssl(
        'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout demoCA/private/cakey.pem -out demoCA/cacert.pem -days 900 -subj /C=DE/ST=B/O=Demo/CN=Demo',
      );
      for (const name of ['alice', 'bob', 'carol']) {
        await openssl(
          `req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj /C=DE/ST=B/O=Demo/CN=${name}`,
        );
        await openssl(`ca -batch -notext -in ${name}.csr -out ${name}.pem`);
      }
      // Without reasons no entry has extensions.
      await openssl(`ca -revoke bob.pem ${version === 1 ? '' : '-crl_hold holdInstructionReject'}`);
      await openssl(`ca -revoke carol.pem ${version === 1 ? '' : '-crl_compromise 20260101000000Z'}`);
      // With the line that the default configuration says to comment out for a CRL of version 1.
      const { output: folder } = await run`openssl version -d`;
      const configuration = await readFile(join(/"(.*)"/.exec(folder)?.[1] ?? '', 'openssl.cnf'), 'utf8');
      await writeFile(join(temporary.path, 'v1.cnf'), configuration.replace(/^crlnumber/m, '# crlnumber'));
      await openssl('ca -gencrl -out crl.pem -crldays 30 -config v1.cnf');
      // The list alone has to be enough.
      if (version === 1) for (const name of ['index.txt', 'index.txt.old']) await rm(join(demo, name));
      const { output: shown } = await run`openssl crl -in ${join(temporary.path, 'crl.pem')} -noout -text`;
      t.diagnostic(shown.split('\n').slice(0, 3).join(' '));
      for (const name of ['carol.pem', 'demoCA/newcerts/03.pem']) await rm(join(temporary.path, name), { force: true });
      const { settings } = place(t);
      const [cert, key] = [join(demo, 'cacert.pem'), join(demo, 'private/cakey.pem')];
      assert.equal((await certmate(settings, 'import-ca', '--cert', cert, '--key', key)).status, 0);
      const done = await importing(settings, temporary.path);
      assert.equal(done.status, 0, done.stdout + done.stderr);
      assert.match(
        done.stdout,
        version === 1 ? /bob\.pem as bob: with its key, revoked/ : /bob\.pem as bob: with its key, on hold/,
      );
      assert.match(done.stdout, /kept {6}\S+: \d+, whose certificate is not here, stays revoked/);
      const { app, call } = await build(t, { config: readConfig({ ...settings, CERTMATE_LOG_LEVEL: 'silent' }) });
      assert.equal(app.certificates.get('alice').status, 'active');
      assert.equal(app.certificates.get('bob').status, version === 1 ? 'revoked' : 'held');
      const text = await crlText((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
      assert.equal(text.match(/Serial Number/g)?.length, 2);
      if (version === 1) return;
      assert.match(text, /Certificate Hold/);
      assert.match(text, /Key Compromise/);
    });
  }
});
