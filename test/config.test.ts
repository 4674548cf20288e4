import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { readCommandSettings, readConfig, unknownSettings } from '../src/config.js';
import { StartupError } from '../src/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'certmate-config-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('a variable that is no setting', () => {
  it('is told from those that are, and from what Kubernetes adds', () => {
    const known = {
      CERTMATE_HOST: '::1',
      CERTMATE_API_TOKEN_FILE: '/token',
      CERTMATE_URL: 'http://localhost',
      HOME: '/',
    };
    const linked = { CERTMATE_SERVICE_HOST: '10.0.0.1', CERTMATE_PORT_8000_TCP: 'tcp://10.0.0.1:8000' };
    assert.deepEqual(unknownSettings({ ...known, ...linked }), []);
    assert.deepEqual(unknownSettings({ CERTMATE_DATADIR: '/data' }), ['CERTMATE_DATADIR']);
  });
});

describe('settings', () => {
  it('have the documented defaults', () => {
    assert.deepEqual(readConfig({}), {
      host: '127.0.0.1',
      port: 8000,
      publicUrl: 'http://localhost:8000',
      tls: 'off',
      tlsCert: null,
      tlsKey: null,
      httpPort: null,
      relyingPartyUrl: 'http://localhost:8000',
      dataDir: resolve('data'),
      logDir: resolve('logs'),
      apiToken: null,
      caKeyType: 'rsa-4096',
      caSubject: 'CN=CertMate CA,O=CertMate',
      caDays: 3650,
      caPassphrase: null,
      keyEncryption: null,
      defaultKeyType: 'rsa-2048',
      renewalCron: '0 3 * * *',
      crlHours: 168,
      ocspHours: 24,
      rateLimits: true,
      trustProxy: null,
      relyingParties: null,
      auditMaxMb: 64,
      auditMaxDays: 0,
      logFile: false,
      logMaxMb: 16,
      logFiles: 8,
      logLevel: 'info',
    });
  });

  it('count as not set when empty', () => {
    assert.equal(readConfig({ CERTMATE_PORT: '' }).port, 8000);
  });

  it('are read from the environment', () => {
    const config = readConfig({
      CERTMATE_PORT: '9443',
      CERTMATE_PUBLIC_URL: 'https://ca.example.com/certmate/',
      CERTMATE_TRUST_PROXY: '10.0.0.0/8, ::1',
      CERTMATE_RATE_LIMITS: 'off',
    });
    assert.equal(config.publicUrl, 'https://ca.example.com/certmate');
    assert.deepEqual(config.trustProxy, ['10.0.0.0/8', '::1']);
    assert.equal(config.rateLimits, false);
    assert.equal(readConfig({ CERTMATE_PORT: '9443' }).publicUrl, 'http://localhost:9443');
  });

  it('give https addresses to a server that speaks TLS, and plain ones to relying parties where a port is for them', () => {
    const self = readConfig({ CERTMATE_TLS: 'self' });
    assert.equal(self.publicUrl, 'https://localhost:8000');
    assert.equal(self.relyingPartyUrl, 'https://localhost:8000');
    const both = {
      CERTMATE_TLS: 'self',
      CERTMATE_PUBLIC_URL: 'https://ca.example.com/certmate',
      CERTMATE_HTTP_PORT: '8080',
    };
    assert.equal(readConfig(both).relyingPartyUrl, 'http://ca.example.com:8080');
    assert.equal(readConfig({ ...both, CERTMATE_HTTP_PORT: '80' }).relyingPartyUrl, 'http://ca.example.com');
    const v6 = { CERTMATE_PUBLIC_URL: 'https://[2001:db8::1]:8443', CERTMATE_HTTP_PORT: '8080' };
    assert.equal(readConfig(v6).relyingPartyUrl, 'http://[2001:db8::1]:8080');
    const named = { ...both, CERTMATE_RELYING_PARTY_URL: 'http://pki.example.com/' };
    assert.equal(readConfig(named).relyingPartyUrl, 'http://pki.example.com');
  });

  for (const [environment, message] of [
    [{ CERTMATE_TLS: 'files' }, 'CERTMATE_TLS_CERT must be set for CERTMATE_TLS=files'],
    [{ CERTMATE_TLS: 'files', CERTMATE_TLS_CERT: 'a' }, 'CERTMATE_TLS_KEY must be set for CERTMATE_TLS=files'],
    [{ CERTMATE_TLS_CERT: 'a', CERTMATE_TLS_KEY: 'b' }, 'CERTMATE_TLS_CERT counts with CERTMATE_TLS=files only'],
    [
      { CERTMATE_TLS: 'self', CERTMATE_PUBLIC_URL: 'http://ca.example.com' },
      'CERTMATE_PUBLIC_URL must begin with https: for CERTMATE_TLS=self',
    ],
    [{ CERTMATE_HTTP_PORT: '8000' }, 'CERTMATE_HTTP_PORT must be another one than CERTMATE_PORT'],
  ] as const) {
    it(`stop the start where they contradict one another: ${message}`, () => {
      assert.throws(() => readConfig(environment), { name: 'StartupError', message });
    });
  }

  it('may be secrets in files, whose last line end does not count', () => {
    const token = 'x'.repeat(32);
    assert.equal(readConfig({ CERTMATE_API_TOKEN_FILE: file('token', `${token}\n`) }).apiToken, token);
    assert.equal(readConfig({ CERTMATE_CA_PASSPHRASE_FILE: file('pass', 'with space \n') }).caPassphrase, 'with space');
  });

  for (const [variable, value] of [
    ['CERTMATE_PORT', 'http'],
    ['CERTMATE_PORT', '65536'],
    ['CERTMATE_PORT', '-1'],
    ['CERTMATE_PUBLIC_URL', 'ca.example.com'],
    ['CERTMATE_PUBLIC_URL', 'ftp://ca.example.com'],
    ['CERTMATE_PUBLIC_URL', 'http://ca.example.com/?a=b'],
    ['CERTMATE_TLS', 'on'],
    ['CERTMATE_HTTP_PORT', 'http'],
    ['CERTMATE_RELYING_PARTY_URL', 'pki.example.com'],
    ['CERTMATE_API_TOKEN', 'short'],
    ['CERTMATE_API_TOKEN', 'with a space in it, but long enough'],
    ['CERTMATE_API_TOKEN_FILE', '/nonexistent/token'],
    ['CERTMATE_CA_KEY_TYPE', 'rsa-2048'],
    ['CERTMATE_CA_SUBJECT', 'CertMate'],
    ['CERTMATE_CA_SUBJECT', 'C=Germany'],
    ['CERTMATE_CA_DAYS', '0'],
    ['CERTMATE_CA_PASSPHRASE', 'short'],
    ['CERTMATE_KEY_ENCRYPTION', 'short'],
    ['CERTMATE_KEY_ENCRYPTION_FILE', '/nonexistent/secret'],
    ['CERTMATE_DEFAULT_KEY_TYPE', 'dsa'],
    ['CERTMATE_RENEWAL_CRON', 'daily'],
    ['CERTMATE_CRL_HOURS', '1.5'],
    ['CERTMATE_OCSP_HOURS', '0'],
    ['CERTMATE_RATE_LIMITS', 'maybe'],
    ['CERTMATE_HOST', '[::1]'],
    ['CERTMATE_HOST', 'http://localhost'],
    ['CERTMATE_TRUST_PROXY', '1'],
    ['CERTMATE_RELYING_PARTIES', 'nginx.example.com'],
    ['CERTMATE_RELYING_PARTIES', '10.0.0.0/33'],
    ['CERTMATE_TRUST_PROXY', '10.0.0.0/33'],
    ['CERTMATE_AUDIT_MAX_MB', '0'],
    ['CERTMATE_AUDIT_MAX_DAYS', '-1'],
    ['CERTMATE_LOG_FILE', 'yes'],
    ['CERTMATE_LOG_MAX_MB', '0'],
    ['CERTMATE_LOG_FILES', '1'],
    ['CERTMATE_LOG_LEVEL', 'loud'],
  ] as const) {
    it(`stop the start when ${variable} is ${value}, in one line that names it`, () => {
      assert.throws(
        () => readConfig({ [variable]: value }),
        (error: unknown) => {
          assert.ok(error instanceof StartupError);
          assert.ok(error.message.startsWith(`${variable} `), error.message);
          assert.doesNotMatch(error.message, /\n|undefined/);
          return true;
        },
      );
    });
  }

  it('stop the start when a secret is given twice', () => {
    const path = file('twice', 'x'.repeat(32));
    assert.throws(
      () => readConfig({ CERTMATE_API_TOKEN: 'y'.repeat(32), CERTMATE_API_TOKEN_FILE: path }),
      /CERTMATE_API_TOKEN_FILE and CERTMATE_API_TOKEN are both set/,
    );
  });
});

describe('settings of the command', () => {
  it('name a server and a token, or none', () => {
    const none = { url: null, token: null, colour: true };
    assert.deepEqual(readCommandSettings({}), none);
    assert.deepEqual(readCommandSettings({ CERTMATE_URL: '', CERTMATE_TOKEN: '' }), none);
    const url = 'https://ca.example.com';
    assert.equal(readCommandSettings({ CERTMATE_URL: `${url}/` }).url, url);
    assert.equal(readCommandSettings({ CERTMATE_TOKEN: 'cm_a' }).token, 'cm_a');
    assert.equal(readCommandSettings({ CERTMATE_TOKEN_FILE: file('cm', 'cm_b\n') }).token, 'cm_b');
  });

  it('say no to colours with NO_COLOR, and where the terminal knows none', () => {
    assert.equal(readCommandSettings({ NO_COLOR: '1' }).colour, false);
    assert.equal(readCommandSettings({ TERM: 'dumb' }).colour, false);
  });

  it('are refused by name', () => {
    assert.throws(
      () => readCommandSettings({ CERTMATE_URL: 'ca.example.com' }),
      /^StartupError: CERTMATE_URL must be an http/,
    );
    const both = { CERTMATE_TOKEN: 'a', CERTMATE_TOKEN_FILE: 'b' };
    assert.throws(() => readCommandSettings(both), /CERTMATE_TOKEN_FILE and CERTMATE_TOKEN are both set/);
  });
});
