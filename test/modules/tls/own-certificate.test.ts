// The certificate that the CA signs for the server itself: what it says, and when there is a new one.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Config } from '../../../src/config.js';
import { hostsOf } from '../../../src/modules/tls/hosts.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { complaints } from '../doctor/doctored.js';

const DAY = 86_400;
const SELF = { CERTMATE_TLS: 'self' };

const shown = ({ dataDir }: Config) => new X509Certificate(readFileSync(join(dataDir, 'tls', 'server.crt')));
const serial = (certificate: X509Certificate) => BigInt(`0x${certificate.serialNumber}`).toString();

describe('the server certificate', () => {
  it('is a server’s, of the CA, for 90 days, with a P-256 key', async (t) => {
    const { config, app } = await build(t, { environment: SELF });
    const certificate = shown(config);
    assert.equal(certificate.subject, 'CN=localhost');
    assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(certificate.ca, false);
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
    assert.ok(certificate.verify(new X509Certificate(app.authority.pem).publicKey));
    assert.equal(Math.floor((Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 1000 / DAY), 90);
  });

  it('is nothing that the doctor complains of', async (t) => {
    const { config, app } = await build(t, { environment: SELF });
    await app.close();
    assert.deepEqual(await complaints(config), []);
    chmodSync(join(config.dataDir, 'tls', 'server.key'), 0o644);
    assert.deepEqual(await complaints(config), ['tls/server.key: Others may use it (mode 0644).']);
  });

  it('is renewed with a new key before its last third, and the old serial number stays known', async (t) => {
    const clock = new MovedClock();
    const { app, config } = await build(t, { environment: SELF, clock });
    const first = shown(config);
    clock.advance(59 * DAY);
    await app.tls?.refresh();
    assert.equal(shown(config).fingerprint256, first.fingerprint256);
    clock.advance(1.1 * DAY);
    await app.tls?.refresh();
    const second = shown(config);
    assert.notEqual(second.serialNumber, first.serialNumber);
    assert.ok(!second.publicKey.equals(first.publicKey));
    assert.equal(app.tls?.current.fingerprint, second.fingerprint256);
    for (const certificate of [first, second]) {
      const { certificate_status: status } = (await app.inject(`/api/ocsp/status/${serial(certificate)}`)).json();
      assert.equal(status, 'good');
    }
  });

  it('stays across restarts, as do its serial numbers; a new public host brings a new one', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t, SELF);
    const first = await build(t, { config, clock });
    const before = shown(config);
    await first.app.close();
    const second = await build(t, { config, clock });
    assert.equal(shown(config).fingerprint256, before.fingerprint256);
    await second.app.close();
    const elsewhere = { ...config, publicUrl: 'https://ca.example.com' };
    const third = await build(t, { config: elsewhere, clock });
    assert.match(shown(config).subjectAltName ?? '', /^DNS:ca\.example\.com, DNS:localhost/);
    const { certificate_status: status } = (await third.app.inject(`/api/ocsp/status/${serial(before)}`)).json();
    assert.equal(status, 'good');
  });

  it('is known to OCSP even without the list of its serial numbers; a damaged list stops the start', async (t) => {
    const config = await testConfig(t, SELF);
    await (await build(t, { config })).app.close();
    const list = join(config.dataDir, 'tls', 'issued.json');
    rmSync(list);
    const { app } = await build(t, { config });
    const { certificate_status: status } = (await app.inject(`/api/ocsp/status/${serial(shown(config))}`)).json();
    assert.equal(status, 'good');
    await app.close();
    writeFileSync(list, '[{"serial_number": ');
    await assert.rejects(build(t, { config }), {
      name: 'StartupError',
      message: /^tls\/issued\.json in the data directory is damaged: /,
    });
  });

  it('is made anew where certificate and key do not belong together, as after a crash between the two', async (t) => {
    const config = await testConfig(t, SELF);
    const first = await build(t, { config });
    const before = shown(config);
    await first.app.close();
    const other = await testConfig(t, SELF);
    await (await build(t, { config: other })).app.close();
    const key = join(config.dataDir, 'tls', 'server.key');
    chmodSync(key, 0o600);
    writeFileSync(key, readFileSync(join(other.dataDir, 'tls', 'server.key')));
    await build(t, { config });
    assert.notEqual(shown(config).fingerprint256, before.fingerprint256);
  });

  it('ends with the CA at the latest, and is not made again and again for that', async (t) => {
    const clock = new MovedClock();
    const { app, config } = await build(t, { environment: { ...SELF, CERTMATE_CA_DAYS: '30' }, clock });
    const first = shown(config);
    assert.equal(first.validTo, new X509Certificate(app.authority.pem).validTo);
    clock.advance(29 * DAY);
    await app.tls?.refresh();
    assert.equal(shown(config).fingerprint256, first.fingerprint256);
    assert.match(app.tls?.trouble ?? '', /expires in 2[34] hours/);
    clock.advance(1.1 * DAY);
    assert.equal(app.tls?.trouble, 'the TLS certificate has expired');
  });

  it('bears every name a client may use: of the public URL, of the machine, of the address it listens on', () => {
    const texts = (publicUrl: string, host: string) =>
      hostsOf({ publicUrl, host }).map(({ kind, value }) => `${kind}:${value}`);
    const local = ['dns:localhost', 'ip:127.0.0.1', 'ip:::1'];
    assert.deepEqual(texts('https://localhost:8000', '127.0.0.1'), local);
    assert.deepEqual(texts('https://ca.example.com', '0.0.0.0'), ['dns:ca.example.com', ...local]);
    assert.deepEqual(texts('https://[2001:db8::1]:8443/x', '10.0.0.5'), ['ip:2001:db8::1', ...local, 'ip:10.0.0.5']);
    assert.throws(() => texts('https://ca_1.example.com', '::'), /^StartupError: CERTMATE_PUBLIC_URL names a host/);
  });
});
