// CertMate as an HTTPS server, asked by clients that it does not know: node:https, OpenSSL and curl.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectPlainly } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { freePort } from '../../free-port.js';
import { missing, run } from '../../interop/programs.js';
import { until } from '../../until.js';
import { fetchPlain, fetchSecure, place, type Served, serve, shownBy, TOKEN } from './served.js';

/** One server with a port for relying parties, for all tests of a suite. */
function one(): { get: () => Served; httpPort: () => number } {
  const ended: (() => unknown)[] = [];
  let served: Served | null = null;
  let httpPort = 0;
  before(async () => {
    const t = { after: (work: () => unknown) => void ended.unshift(work) };
    httpPort = await freePort();
    served = await serve(t, await place({ CERTMATE_TLS: 'self', CERTMATE_HTTP_PORT: String(httpPort) }));
  });
  after(async () => {
    for (const work of ended) await work();
  });
  return { get: () => served ?? assert.fail('it did not start'), httpPort: () => httpPort };
}

describe('CERTMATE_TLS=self', () => {
  const there = one();

  it('serves HTTPS to whoever trusts the CA, under every name of the server', async () => {
    const served = there.get();
    assert.match(served.server.output(), new RegExp(`Dashboard +https://localhost:${served.port}/client-certificates`));
    assert.match(served.server.output(), new RegExp(`Server listening at https://127.0.0.1:${served.port}`));
    for (const servername of ['localhost', '']) {
      const { status, body } = await fetchSecure(served, '/health', { servername });
      assert.equal(status, 200);
      assert.equal(JSON.parse(body).checks.tls.ok, true);
    }
    await assert.rejects(fetchSecure(served, '/health', { servername: 'ca.example.com' }), /altnames/);
  });

  it('sets HSTS and secure cookies', async () => {
    const { headers } = await fetchSecure(there.get(), '/login');
    assert.match(headers['strict-transport-security'] ?? '', /max-age=\d{7,}/);
    const cookies = headers['set-cookie'] ?? [];
    assert.ok(cookies.length > 0);
    for (const cookie of cookies) assert.match(cookie, /^__Host-.*; Secure/i);
  });

  it('keeps its key to itself, its certificate out of every list, and a line of the audit trail about it', async () => {
    const served = there.get();
    const tls = join(served.folder, 'data', 'tls');
    assert.deepEqual(readdirSync(tls), ['issued.json', 'server.crt', 'server.key']);
    assert.equal(statSync(join(tls, 'server.key')).mode & 0o777, 0o600);
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { body } = await fetchSecure(served, '/api/client-certs', { headers });
    assert.equal(JSON.parse(body).total, 0);
    const trail = JSON.parse((await fetchSecure(served, '/api/audit?operation=create', { headers })).body);
    assert.match(JSON.stringify(trail), /"tls\/server"/);
  });

  it('has a serial number that OCSP knows', { skip: missing('openssl') }, async () => {
    const { folder, ca } = there.get();
    const certificate = join(folder, 'data', 'tls', 'server.crt');
    const url = `http://127.0.0.1:${there.httpPort()}/api/ocsp`;
    const { output } = await run`openssl ocsp -issuer ${ca} -cert ${certificate} -CAfile ${ca} -url ${url}`;
    assert.match(output, /server\.crt: good/);
  });

  it('is accepted by curl and by openssl s_client', { skip: missing('openssl', 'curl') }, async () => {
    const { port, ca } = there.get();
    const curl = await run`curl -sS --cacert ${ca} https://localhost:${String(port)}/health/ready`;
    assert.equal(curl.status, 0, curl.output);
    assert.match(curl.output, /"ready"/);
    const client =
      await run`openssl s_client -connect 127.0.0.1:${String(port)} -CAfile ${ca} -verify_return_error -verify_hostname localhost -x509_strict`;
    assert.match(client.output, /Verify return code: 0 \(ok\)/);
  });

  it('speaks nothing older than TLS 1.2', { skip: missing('openssl') }, async () => {
    const target = `127.0.0.1:${there.get().port}`;
    const old = await run`openssl s_client -connect ${target} -tls1_1 -cipher DEFAULT@SECLEVEL=0`;
    assert.notEqual(old.status, 0, old.output);
    const enough = await run`openssl s_client -connect ${target} -tls1_2`;
    assert.match(enough.output, /Protocol *: TLSv1\.2/);
  });

  it('closes connections on which something else than TLS comes', async () => {
    const { port, server } = there.get();
    await new Promise<void>((resolve) => {
      const socket = connectPlainly(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'));
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.on('close', () => resolve());
    });
    assert.ok(server.running());
  });
});

describe('the port for relying parties', () => {
  const there = one();

  it('serves CRL, OCSP, CA certificate and health over plain HTTP', async () => {
    for (const path of [
      '/api/crl/download/der',
      '/api/crl/info',
      '/api/ca',
      '/api/ca/download/pem',
      '/api/ocsp/status/1',
      '/health',
      '/health/ready',
    ]) {
      assert.equal((await fetchPlain(there.httpPort(), path)).status, 200, path);
    }
  });

  it('serves nothing else, not even to a token', async () => {
    for (const path of [
      '/',
      '/login',
      '/docs',
      '/openapi.json',
      '/metrics',
      '/api/client-certs',
      '/api/keys',
      '/api/ca/backup',
      '/assets/certmate.css',
      '/api/crl/../client-certs',
      '/api/crl/%2e%2e/client-certs',
      '//api/client-certs',
      '/nowhere',
    ]) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const answer = await fetchPlain(there.httpPort(), path, headers);
      assert.equal(answer.status, 404, path);
      assert.equal(answer.headers['set-cookie'], undefined, path);
      const { code, message } = JSON.parse(answer.body);
      assert.equal(code, 'ROUTE_NOT_FOUND', path);
      assert.match(message, new RegExp(`https://localhost:${there.get().port}$`), path);
    }
    assert.equal((await fetchSecure(there.get(), '/login')).status, 200);
  });

  it('is where certificates send relying parties', async () => {
    const base = `http://localhost:${there.httpPort()}`;
    const { infoAccess } = await shownBy(there.get().port);
    assert.match(infoAccess ?? '', new RegExp(`OCSP - URI:${base}/api/ocsp\n`));
    assert.match(infoAccess ?? '', new RegExp(`CA Issuers - URI:${base}/api/ca/download/der\\b`));
    const facts = JSON.parse((await fetchPlain(there.httpPort(), '/api/ca')).body);
    assert.equal(facts.crl_url, `${base}/api/crl/download/der`);
  });

  it('is closed with the other one', async () => {
    const { server } = there.get();
    assert.equal(await server.stop(), 0, server.output());
  });
});

describe('CERTMATE_TLS=files', () => {
  /** A self-signed pair in two files. */
  async function makePair(folder: string, name: string, days = 10) {
    const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
    const subject = `/CN=${name}`;
    const made =
      await run`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj ${subject} -days ${String(days)} -addext subjectAltName=DNS:localhost -keyout ${key} -out ${cert}`;
    assert.equal(made.status, 0, made.output);
    return { cert: readFileSync(cert), key: readFileSync(key) };
  }

  it('shows the pair, and a new one without a restart: soon after the files change, at once on SIGHUP', {
    skip: missing('openssl'),
  }, async (t) => {
    const there = await place({ CERTMATE_TLS: 'files' });
    const { folder, port, env } = there;
    const [first, second, third] = [
      await makePair(folder, 'one'),
      await makePair(folder, 'two'),
      await makePair(folder, 'three'),
    ];
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    const put = (pair: { cert: Buffer; key: Buffer }) => {
      writeFileSync(cert, pair.cert);
      writeFileSync(key, pair.key, { mode: 0o600 });
    };
    put(first);
    Object.assign(env, { CERTMATE_TLS_CERT: cert, CERTMATE_TLS_KEY: key });
    const { server } = await serve(t, there);
    const shown = async (subject: string) => (await shownBy(port)).subject === `CN=${subject}`;
    assert.ok(await shown('one'));

    put(second);
    const profiles = join(folder, 'data', 'profiles');
    mkdirSync(profiles);
    writeFileSync(join(profiles, 'lab.json'), '{"description": "The laboratory."}');
    server.signal('SIGHUP');
    await until(() => shown('two'), server.output, 60);
    const lab = () => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      return fetchSecure({ port, ca: join(folder, 'two.crt') }, '/api/profiles/lab', { headers });
    };
    await until(async () => (await lab()).status === 200, server.output, 60);
    // One that is damaged changes nothing.
    writeFileSync(join(profiles, 'lab.json'), '{');
    server.signal('SIGHUP');
    await until(async () => server.output().includes('the profiles stay as they were'), server.output, 60);
    assert.equal((await lab()).status, 200);

    put(third);
    await until(() => shown('three'), server.output, 60);

    // A key that does not belong to it: the old pair stays, and health says so until that is mended.
    put({ cert: first.cert, key: second.key });
    server.signal('SIGHUP');
    const served = { port, ca: join(folder, 'three.crt') };
    const health = async () => JSON.parse((await fetchSecure(served, '/health')).body);
    await until(async () => (await health()).status === 'degraded', server.output, 60);
    const { detail } = (await health()).checks.tls;
    assert.match(detail, /the old one stays: CERTMATE_TLS_KEY: this is not the key of the certificate/);
    assert.doesNotMatch(detail, /\/tmp|tls\.key/);
    assert.match(server.output(), /the old TLS certificate stays: CERTMATE_TLS_KEY/);
    assert.ok(await shown('three'));
    put(third);
    server.signal('SIGHUP');
    await until(async () => (await health()).status === 'healthy', server.output, 60);
    assert.equal(await server.stop(), 0, server.output());
  });

  it('does not start with a pair that cannot serve, and says why in one line', {
    skip: missing('openssl'),
  }, async (t) => {
    const there = await place({ CERTMATE_TLS: 'files' });
    const { folder, env } = there;
    await makePair(folder, 'good');
    await makePair(folder, 'other');
    writeFileSync(join(folder, 'text'), 'no PEM at all');
    const sealed = join(folder, 'sealed.key');
    const goodKey = join(folder, 'good.key');
    await run`openssl pkey -in ${goodKey} -aes256 -passout pass:secret -out ${sealed}`;
    for (const [cert, key, line] of [
      [
        'good.crt',
        'other.key',
        /^certmate: CERTMATE_TLS_KEY: this is not the key of the certificate in CERTMATE_TLS_CERT$/m,
      ],
      ['nothing', 'good.key', /^certmate: CERTMATE_TLS_CERT: there is no such file$/m],
      ['text', 'good.key', /^certmate: CERTMATE_TLS_CERT: this is not a certificate in PEM$/m],
      ['good.crt', 'text', /^certmate: CERTMATE_TLS_KEY: this is not a PEM private key, or it is damaged$/m],
      [
        'good.crt',
        'sealed.key',
        /^certmate: CERTMATE_TLS_KEY: the private key is encrypted and no passphrase was given$/m,
      ],
    ] as const) {
      const settings = { CERTMATE_TLS_CERT: join(folder, cert), CERTMATE_TLS_KEY: join(folder, key) };
      await assert.rejects(serve(t, { ...there, env: { ...env, ...settings } }), (error: Error) => {
        assert.match(error.message, line);
        return true;
      });
    }
  });
});
