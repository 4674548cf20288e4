import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Config } from '../../../src/config.js';
import { readCrl } from '../../../src/pki/crl.js';
import { type Built, build, testConfig } from '../../build.js';
import { certmate } from '../backup/certmate.js';
import { complaints } from '../doctor/doctored.js';

interface Elsewhere {
  /** A folder for files to import. */
  folder: string;
  /** A data directory with the same CA, and nothing else. */
  config: Config;
  source: Built;
  certificate: (identifier: string) => Promise<string>;
  key: (identifier: string) => Promise<string>;
}

/** A CA that has issued somewhere, and the same CA begun anew. */
async function elsewhere(t: TestContext): Promise<Elsewhere> {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-import-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const source = await build(t);
  const config = await testConfig(t);
  const ca = join(config.dataDir, 'certs', 'ca');
  await mkdir(ca, { recursive: true, mode: 0o700 });
  for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json']) {
    await cp(join(source.config.dataDir, 'certs', 'ca', name), join(ca, name));
  }
  const download = async (identifier: string, type: string) =>
    (await source.call('operator', { url: `/api/client-certs/${identifier}/download/${type}` })).body;
  return {
    folder,
    config,
    source,
    certificate: (identifier) => download(identifier, 'crt'),
    key: (identifier) => download(identifier, 'key'),
  };
}

const importing = (place: Elsewhere, ...more: string[]) =>
  certmate(place.config, 'import-certs', '--from', place.folder, ...more);

describe('certmate import-certs', () => {
  it('takes over certificates that the CA issued elsewhere, finding keys whatever they are called', async (t) => {
    const place = await elsewhere(t);
    const { folder, source, certificate, key } = place;
    const alice = await source.issue({ identifier: 'alice', common_name: 'alice@example.com', organization: 'ACME' });
    await source.issue({
      identifier: 'bob',
      common_name: 'bob',
      certificate_type: 'server',
      subject_alt_names: ['dns:bob.example.com'],
    });
    await source.issue({ identifier: 'carol' });
    await writeFile(join(folder, 'alice.pem'), `A text in front.\n${await certificate('alice')}`);
    await writeFile(join(folder, 'some-key.key'), await key('alice'));
    await mkdir(join(folder, 'bob.example.com'));
    await writeFile(join(folder, 'bob.example.com', 'cert.pem'), (await certificate('bob')) + (await key('bob')));
    await writeFile(join(folder, 'carol smith.crt'), await certificate('carol'));
    await writeFile(join(folder, 'notes.txt'), 'no certificate');

    const trial = await importing(place, '--dry-run', '--usage', 'vpn');
    assert.equal(trial.status, 0, trial.output);
    assert.match(trial.output, /3 imported, 0 skipped, 0 failed\.\nNothing was changed/);
    const done = await importing(place, '--usage', 'vpn');
    assert.equal(done.status, 0, done.output);
    assert.match(done.output, /imported {2}alice\.pem as alice: with its key/);
    assert.match(done.output, /imported {2}carol smith\.crt as carol-smith: without a key/);
    assert.match(done.output, /bob\.example\.com\/cert\.pem as bob\.example\.com: with its key/);
    assert.deepEqual(await complaints(place.config), []);
    const again = await importing(place, '--usage', 'vpn');
    assert.match(again.output, /0 imported, 3 skipped, 0 failed/);
    assert.match(again.output, /skipped {3}alice\.pem: it is there already, as alice/);

    const { app, call } = await build(t, { config: place.config });
    const shown = (await call('viewer', { url: '/api/client-certs/alice' })).json();
    assert.equal(shown.serial_number, alice['serial_number']);
    assert.equal(shown.common_name, 'alice@example.com');
    assert.equal(shown.organization, 'ACME');
    assert.equal(shown.cert_usage, 'vpn');
    assert.equal(shown.status, 'active');
    assert.equal(shown.has_private_key, true);
    const server = (await call('viewer', { url: '/api/client-certs/bob.example.com' })).json();
    assert.equal(server.certificate_type, 'server');
    assert.deepEqual(server.subject_alt_names, ['dns:bob.example.com']);
    const stored = join(place.config.dataDir, 'certs/client/vpn/alice/cert.key');
    assert.equal((await stat(stored)).mode & 0o777, 0o600);
    assert.equal(await readFile(stored, 'utf8'), await key('alice'));
    assert.equal(
      (await call('anonymous', { url: `/api/ocsp/status/${alice['serial_number']}` })).json().certificate_status,
      'good',
    );
    const renewed = await call('operator', { method: 'POST', url: '/api/client-certs/alice/renew', payload: {} });
    assert.equal(renewed.statusCode, 201, renewed.body);
    const { entries } = await app.auditTrail.query({ operation: 'batch_import' });
    assert.equal(entries.length, 3);
  });

  it('refuses what this CA has not issued, and says why for each file', async (t) => {
    const place = await elsewhere(t);
    const { folder, source, certificate } = place;
    const other = await build(t);
    await other.issue({ identifier: 'mallory' });
    const theirs = (await other.call('viewer', { url: '/api/client-certs/mallory/download/crt' })).body;
    await writeFile(join(folder, 'mallory.pem'), theirs);
    await source.issue({ identifier: 'alice' });
    const mine = await certificate('alice');
    await writeFile(join(folder, 'alice.pem'), mine);
    await writeFile(join(folder, 'copy.pem'), mine);
    await writeFile(join(folder, 'ca.pem'), source.app.authority.pem);
    await writeFile(join(folder, 'cut.pem'), mine.replace(/\n.{10}/, '\n'));
    const sealed = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    await writeFile(join(folder, 'sealed.key'), sealed);
    const { status, output } = await importing(place);
    assert.equal(status, 1);
    for (const line of [
      /failed {4}mallory\.pem: it was not issued by this CA/,
      /imported {2}alice\.pem as alice/,
      /skipped {3}copy\.pem: it was in another file already/,
      /skipped {3}ca\.pem: it is the certificate of a CA/,
      /failed {4}cut\.pem: the certificate in it cannot be read/,
      /failed {4}sealed\.key: the private key is encrypted/,
      /1 imported, 2 skipped, 3 failed/,
    ]) {
      assert.match(output, line);
    }
  });

  it('believes a CRL that lies there', async (t) => {
    const place = await elsewhere(t);
    const { folder, source, certificate } = place;
    for (const identifier of ['alice', 'bob', 'gone']) {
      await source.issue({ identifier });
      if (identifier === 'alice') continue;
      const payload = { reason: 'keyCompromise' };
      await source.call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload });
    }
    await writeFile(join(folder, 'alice.pem'), await certificate('alice'));
    await writeFile(join(folder, 'bob.pem'), await certificate('bob'));
    const crl = (await source.call('anonymous', { url: '/api/crl/download/pem' })).body;
    await writeFile(join(folder, 'crl.pem'), crl);
    const { status, output } = await importing(place);
    assert.equal(status, 0, output);
    assert.match(output, /bob\.pem as bob: without a key, revoked/);
    assert.match(output, /kept {6}crl\.pem: \d+, whose certificate is not here, stays revoked/);
    for (const _start of [1, 2]) {
      const { app, call } = await build(t, { config: place.config });
      const published = readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
      assert.deepEqual(
        Array.from(published.entries, ({ reason }) => reason),
        ['keyCompromise', 'keyCompromise'],
      );
      assert.ok(published.number > 3n, 'numbers go on above those of the CRL that was brought');
      for (const { serial } of published.entries) {
        const said = (await call('anonymous', { url: `/api/ocsp/status/${serial}` })).json();
        assert.equal(said.certificate_status, 'revoked');
      }
      await app.close();
      assert.deepEqual(await complaints(place.config), []);
    }
    const again = await importing(place);
    assert.match(again.output, /0 imported, 2 skipped, 0 failed\.\n$/);
  });

  it('understands the older layout of CertMate', async (t) => {
    const place = await elsewhere(t);
    const { folder, source, certificate, key } = place;
    const older = async (usage: string, identifier: string, cn: string, metadata: object | string) => {
      const issued = await source.issue({ identifier: cn.replace('@', '-'), common_name: cn });
      const directory = join(folder, 'client', usage, identifier);
      await mkdir(directory, { recursive: true });
      const name = cn.replace('@', '-');
      await writeFile(join(directory, `${identifier}.crt`), await certificate(name));
      await writeFile(join(directory, `${identifier}.key`), await key(name));
      const csr = (await source.call('viewer', { url: `/api/client-certs/${name}/download/csr` })).body;
      await writeFile(join(directory, `${identifier}.csr`), csr);
      const said =
        typeof metadata === 'string'
          ? metadata
          : JSON.stringify({
              type: 'client',
              identifier,
              common_name: cn,
              email: cn,
              created_at: '2026-01-02T03:04:05.678901',
              serial_number: issued['serial_number'],
              renewal_enabled: true,
              renewal_threshold_days: 14,
              revoked: false,
              revoked_at: null,
              reason_revoked: null,
              notes: '',
              ...metadata,
            });
      await writeFile(join(directory, 'metadata.json'), said);
      return issued['serial_number'] as string;
    };
    await older('api', 'alice@example.com-11112222', 'alice@example.com', { cert_usage: 'api-mtls', notes: 'hers' });
    const bob = await older('vpn', 'bob@example.com-33334444', 'bob@example.com', {
      revoked: true,
      revoked_at: '2026-02-03T04:05:06',
      reason_revoked: 'key_compromise',
    });
    await older('other', 'carol@example.com-55556666', 'carol@example.com', '{ "revoked": tr');
    await older('other', 'dave@example.com-77778888', 'dave@example.com', { serial_number: '17' });
    const { status, output } = await importing(place);
    assert.equal(status, 1);
    assert.match(output, /alice@example\.com-11112222\.crt as alice-example\.com-11112222: with its key/);
    assert.match(output, /bob@example\.com-33334444\.crt as bob-example\.com-33334444: with its key, revoked/);
    assert.match(output, /carol.*its metadata\.json is damaged, so it cannot be told whether it was revoked/);
    assert.match(output, /dave.*its metadata\.json is that of another certificate/);
    assert.deepEqual(
      (await complaints(place.config)).filter((line) => !line.includes('crl')),
      [],
    );

    const { app, call } = await build(t, { config: place.config });
    const alice = app.store.inventory.get('alice-example.com-11112222');
    assert.equal(alice?.cert_usage, 'api-mtls');
    assert.equal(alice?.created_at, '2026-01-02T03:04:05Z');
    assert.equal(alice?.notes, 'hers');
    assert.deepEqual([alice?.renewal.renewal_enabled, alice?.renewal.renewal_threshold_days], [true, 14]);
    assert.match((await app.store.read('alice-example.com-11112222', 'cert.csr')).toString(), /CERTIFICATE REQUEST/);
    const record = app.store.inventory.bySerial(bob)?.record;
    assert.equal(record?.cert_usage, 'vpn');
    assert.deepEqual(record?.revocation, {
      revoked: true,
      revoked_at: '2026-02-03T04:05:06Z',
      reason_revoked: 'keyCompromise',
      invalidity_date: null,
    });
    const said = (await call('anonymous', { url: `/api/ocsp/status/${bob}` })).json();
    assert.equal(said.certificate_status, 'revoked');
    assert.ok([...app.crl.serials()].includes(bob));
  });

  it('needs a CA, and no server', async (t) => {
    const place = await elsewhere(t);
    await rm(join(place.config.dataDir, 'certs'), { recursive: true });
    const none = await importing(place);
    assert.equal(none.status, 1);
    assert.match(none.output, /there is no CA here yet/);
    const busy = await certmate(place.source.config, 'import-certs', '--from', place.folder);
    assert.match(busy.output, /in use by process/);
    assert.equal((await importing(place, '--usage', '../up')).status, 2);
  });
});
