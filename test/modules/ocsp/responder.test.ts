import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { readCertificate } from '../../../src/pki/certificate.js';
import { readOcspResponse } from '../../../src/pki/ocsp-client.js';
import { type Built, build, MovedClock, testConfig } from '../../build.js';
import { run, scratch, without } from '../../pki/programs.js';
import { certId, ocspRequest } from './request.js';

const path = scratch();

const post = (call: Built['call'], payload: Buffer) =>
  call('anonymous', {
    method: 'POST',
    url: '/api/ocsp',
    payload,
    headers: { 'content-type': 'application/ocsp-request' },
  });
const get = (call: Built['call'], payload: Buffer, encode = encodeURIComponent) =>
  call('anonymous', { method: 'GET', url: `/api/ocsp/${encode(payload.toString('base64'))}` });
const revoke = (call: Built['call'], identifier: string, reason = 'keyCompromise') =>
  call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: { reason } });
const ask = (app: FastifyInstance, serial: string, nonce: Buffer | null = null) =>
  ocspRequest([certId(app.authority.certificate, serial)], nonce);

/** What openssl reads in an answer, its signature checked against the CA. */
async function judged(app: FastifyInstance, answer: Buffer): Promise<string> {
  const [response, ca] = [path(`r-${Math.random()}.der`), path(`ca-${Math.random()}.pem`)];
  await Promise.all([writeFile(response, answer), writeFile(ca, app.authority.pem)]);
  const { text } = run('openssl', ['ocsp', '-respin', response, '-CAfile', ca, '-resp_text']);
  assert.match(text, /Response verify OK/, text);
  return text;
}

const MALFORMED = Buffer.from('30030a0101', 'hex');
const UNAUTHORIZED = Buffer.from('30030a0106', 'hex');

describe('OCSP over HTTP', { skip: without('openssl') }, () => {
  it('says good, then revoked the moment the revoke call has answered, through the cache too (ultimate-ca-manager)', async (t) => {
    const { app, issue, call } = await build(t);
    const { identifier, serial_number } = await issue();
    const request = ask(app, serial_number as string);
    for (const answer of [await post(call, request), await get(call, request), await post(call, request)]) {
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['content-type'], 'application/ocsp-response');
      assert.match(await judged(app, answer.rawPayload), /Cert Status: good/);
    }
    await revoke(call, identifier);
    for (const answer of [await post(call, request), await get(call, request)]) {
      const text = await judged(app, answer.rawPayload);
      assert.match(text, /Cert Status: revoked/);
      assert.match(text, /keyCompromise/);
    }
  });

  it('still says revoked after a restart', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const { identifier, serial_number } = await first.issue();
    await revoke(first.call, identifier);
    await first.app.close();
    const second = await build(t, { config });
    const answer = await post(second.call, ask(second.app, serial_number as string));
    assert.match(await judged(second.app, answer.rawPayload), /Cert Status: revoked/);
  });

  it('says unknown for a serial never issued (openbao)', async (t) => {
    const { app, call } = await build(t);
    assert.match(
      await judged(app, (await post(call, ask(app, '12345678901234567890'))).rawPayload),
      /Cert Status: unknown/,
    );
  });

  it('answers each CertID asked for, hash algorithms echoed (ultimate-ca-manager#143)', async (t) => {
    const { app, issue, call } = await build(t);
    const a = await issue();
    const b = await issue();
    await revoke(call, b.identifier);
    const { certificate } = app.authority;
    const ids = (['sha1', 'sha256', 'sha384', 'sha512'] as const).flatMap((hash) => [
      certId(certificate, a['serial_number'] as string, hash),
      certId(certificate, b['serial_number'] as string, hash),
    ]);
    const { rawPayload } = await post(call, ocspRequest(ids));
    for (const id of ids) assert.ok(rawPayload.includes(id), 'the CertID is echoed as it came');
    const text = await judged(app, rawPayload);
    assert.equal(text.match(/Cert Status: good/g)?.length, 4);
    assert.equal(text.match(/Cert Status: revoked/g)?.length, 4);
    for (const name of ['sha1', 'sha256', 'sha384', 'sha512']) {
      assert.equal(text.match(new RegExp(`Hash Algorithm: ${name}$`, 'gm'))?.length, 2);
    }
  });

  it('echoes a nonce of 1 to 128 octets and caches none of it; refuses others', async (t) => {
    const { app, issue, call } = await build(t);
    const { serial_number } = await issue();
    for (const length of [1, 32, 33, 128]) {
      const nonce = Buffer.alloc(length, 0xa5);
      const answer = await post(call, ask(app, serial_number as string, nonce));
      assert.ok(answer.rawPayload.includes(nonce));
      await judged(app, answer.rawPayload);
      for (const name of ['cache-control', 'etag', 'expires', 'last-modified'])
        assert.equal(answer.headers[name], undefined);
    }
    for (const length of [0, 129]) {
      const answer = await post(call, ask(app, serial_number as string, Buffer.alloc(length, 1)));
      assert.deepEqual(answer.rawPayload, MALFORMED);
    }
  });

  it('gives unsigned errors with HTTP 200 and nothing to cache', async (t) => {
    const { app, call } = await build(t);
    const other = await build(t);
    const cases: [Buffer, Buffer][] = [
      [Buffer.from('garbage'), MALFORMED],
      [Buffer.alloc(0), MALFORMED],
      [Buffer.concat([ask(app, '1'), Buffer.from([0])]), MALFORMED],
      [ask(other.app, '1'), UNAUTHORIZED],
    ];
    for (const [request, expected] of cases) {
      const answer = await post(call, request);
      assert.equal(answer.statusCode, 200);
      assert.equal(answer.headers['content-type'], 'application/ocsp-response');
      assert.deepEqual(answer.rawPayload, expected);
      assert.equal(answer.headers['cache-control'], undefined);
    }
  });

  it('takes the base64 of a GET in every spelling that clients use (cfssl)', async (t) => {
    const { app, issue, call } = await build(t);
    // Enough certificates that "+" and "/" both come up.
    for (let round = 0; round < 30; round += 1) {
      const { serial_number } = await issue();
      const request = ask(app, serial_number as string);
      const text = request.toString('base64');
      const spellings = [
        text,
        `/${text}`,
        encodeURIComponent(text),
        encodeURIComponent(text).replaceAll('%2B', '%2b').replaceAll('%2F', '%2f'),
        text.replace(/=+$/, ''),
        text.replaceAll('=', '%3D'),
      ];
      const { rawPayload: expected } = await post(call, request);
      for (const spelling of spellings) {
        const answer = await call('anonymous', { method: 'GET', url: `/api/ocsp/${spelling}` });
        assert.deepEqual(answer.rawPayload, expected, spelling);
      }
    }
  });

  it('answers malformedRequest to a GET that holds no request', async (t) => {
    const { call } = await build(t);
    for (const url of [
      '/api/ocsp',
      '/api/ocsp/',
      '/api/ocsp/%20',
      '/api/ocsp/M*',
      '/api/ocsp/%zz',
      '/api/ocsp/MEk=A',
    ]) {
      const answer = await call('anonymous', { method: 'GET', url });
      assert.equal(answer.statusCode, 200, url);
      assert.deepEqual(answer.rawPayload, MALFORMED, url);
    }
  });

  it('sends the headers of RFC 5019 and 304 to those who have the answer', async (t) => {
    const clock = new MovedClock(new Date('2026-03-04T05:06:07.800Z'));
    const { app, config, issue, call } = await build(t, { clock });
    const { serial_number } = await issue();
    const request = ask(app, serial_number as string);
    const answer = await get(call, request);
    const { headers } = answer;
    assert.equal(headers['last-modified'], 'Wed, 04 Mar 2026 05:05:07 GMT', 'thisUpdate');
    const end = new Date(Date.parse('2026-03-04T05:06:07Z') + config.ocspHours * 3600_000);
    assert.equal(headers['expires'], end.toUTCString());
    assert.match(String(headers['cache-control']), /^max-age=\d+, public, no-transform, must-revalidate$/);
    const maxAge = Number(/max-age=(\d+)/.exec(String(headers['cache-control']))?.[1]);
    assert.ok(clock.now().getTime() + maxAge * 1000 < Date.parse(String(headers['expires'])));
    assert.equal(Number(headers['content-length']), answer.rawPayload.length);
    assert.match(String(headers['etag']), /^"[^"]+"$/);
    clock.advance(10);
    const url = `/api/ocsp/${encodeURIComponent(request.toString('base64'))}`;
    const again = async (condition: Record<string, string>) =>
      (await call('anonymous', { method: 'GET', url, headers: condition })).statusCode;
    assert.equal(await again({ 'if-none-match': String(headers['etag']) }), 304);
    assert.equal(await again({ 'if-modified-since': String(headers['last-modified']) }), 304);
    assert.equal(
      await again({ 'if-modified-since': 'Wed, 04 Mar 2026 05:06:07 GMT' }),
      200,
      'it may be another answer',
    );
  });

  it('does not say 304 after a revocation in the second in which the answer was signed', async (t) => {
    const clock = new MovedClock(new Date('2026-03-04T05:06:07.800Z'));
    const { app, issue, call } = await build(t, { clock });
    const { serial_number, identifier } = await issue();
    const request = ask(app, serial_number as string);
    const url = `/api/ocsp/${encodeURIComponent(request.toString('base64'))}`;
    const first = await call('anonymous', { method: 'GET', url });
    await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: {} });
    for (const condition of [
      { 'if-modified-since': String(first.headers['last-modified']) },
      { 'if-none-match': String(first.headers['etag']) },
    ]) {
      const { statusCode, headers } = await call('anonymous', { method: 'GET', url, headers: condition });
      assert.equal(headers['last-modified'], first.headers['last-modified']);
      assert.equal(statusCode, 200);
    }
  });

  it('refuses other media types and bodies over 64 KiB in the one error shape', async (t) => {
    const { call } = await build(t);
    const other = await call('anonymous', {
      method: 'POST',
      url: '/api/ocsp',
      payload: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    assert.equal(other.statusCode, 415);
    assert.equal(other.json().code, 'UNSUPPORTED_MEDIA_TYPE');
    const large = await post(call, Buffer.alloc(65_537));
    assert.equal(large.statusCode, 413);
    assert.equal(large.json().code, 'PAYLOAD_TOO_LARGE');
  });

  for (const hours of [6, 24, 168]) {
    it(`signs with a delegate of the CA that rotates, with a new key, before an answer of ${hours} hours outlives it`, async (t) => {
      const clock = new MovedClock();
      const { app, config, issue, call } = await build(t, {
        clock,
        environment: { CERTMATE_OCSP_HOURS: String(hours) },
      });
      assert.equal(config.ocspHours, hours);
      const { serial_number } = await issue({ days_valid: 300 });
      const first = app.ocsp.delegate;
      const delegate = readCertificate(first.certificate);
      assert.ok(new X509Certificate(first.certificate).verify(app.authority.signer.publicKey));
      assert.deepEqual(delegate.extendedKeyUsage, ['OCSPSigning']);
      assert.deepEqual(
        new Set(delegate.extensions.map(({ oid }) => oid)),
        new Set(['2.5.29.14', '2.5.29.15', '2.5.29.19', '2.5.29.35', '2.5.29.37', '1.3.6.1.5.5.7.48.1.5']),
      );
      const delegates = new Map([[first.serial, first]]);
      for (let step = 0; step < 80; step += 1) {
        const { rawPayload } = await post(call, ask(app, serial_number as string));
        const { responder, nextUpdate } = readOcspResponse(rawPayload);
        const signer = readCertificate(responder ?? assert.fail());
        assert.ok(nextUpdate !== null && nextUpdate <= signer.notAfter, 'no answer outlives its signer');
        assert.ok(nextUpdate > clock.now());
        clock.advance((hours / 4) * 3600);
        await app.ocsp.rotateIfDue();
        delegates.set(app.ocsp.delegate.serial, app.ocsp.delegate);
      }
      assert.ok(delegates.size >= 4, `${delegates.size} delegates`);
      assert.equal(new Set([...delegates.values()].map(({ keyHash }) => keyHash.toString('hex'))).size, delegates.size);
      for (const serial of delegates.keys())
        assert.equal(readOcspResponse((await post(call, ask(app, serial))).rawPayload).status, 'good');
    });
  }

  it('refreshes an answer past half its life, whatever the setting', async (t) => {
    for (const hours of [1, 24, 720]) {
      const clock = new MovedClock(new Date('2026-03-04T05:06:07Z'));
      const { app, issue, call } = await build(t, { clock, environment: { CERTMATE_OCSP_HOURS: String(hours) } });
      const { serial_number } = await issue();
      const request = ask(app, serial_number as string);
      const first = await post(call, request);
      clock.advance(hours * 1800 - 1);
      assert.deepEqual((await post(call, request)).rawPayload, first.rawPayload);
      clock.advance(1);
      assert.notDeepEqual((await post(call, request)).rawPayload, first.rawPayload);
    }
  });
});

describe('OCSP as JSON', () => {
  it('is not for caches, and neither are the facts of the CRL: a revocation may come any moment', async (t) => {
    const { call } = await build(t);
    for (const url of ['/api/ocsp/status/1', '/api/crl/info'])
      assert.equal((await call('anonymous', { url })).headers['cache-control'], 'no-store', url);
  });

  it('says from when until when it holds, as the DER does, also where the CA ends before', async (t) => {
    const clock = new MovedClock(new Date('2026-03-04T05:06:07.800Z'));
    const { call } = await build(t, { clock, environment: { CERTMATE_OCSP_HOURS: '30', CERTMATE_CA_DAYS: '2' } });
    const times = async () => {
      const { this_update, next_update } = (await call('anonymous', { url: '/api/ocsp/status/42' })).json();
      return [this_update, next_update];
    };
    assert.deepEqual(await times(), ['2026-03-04T05:05:07Z', '2026-03-05T11:06:07Z']);
    clock.advance(24 * 3600);
    assert.deepEqual(await times(), ['2026-03-05T05:05:07Z', '2026-03-06T05:06:07Z']);
  });

  it('gives the reason `unspecified` to a revocation whose reason no record tells', async (t) => {
    const { app, issue, call } = await build(t);
    const { identifier, serial_number } = await issue();
    const revocation = {
      revoked: true,
      revoked_at: '2026-11-21T19:00:00Z',
      reason_revoked: null,
      invalidity_date: null,
    };
    await app.store.update(identifier, (record) => ({ ...record, revocation }));
    const told = (await call('anonymous', { url: `/api/ocsp/status/${serial_number}` })).json();
    assert.deepEqual([told.certificate_status, told.revocation_reason], ['revoked', 'unspecified']);
  });

  it('tells the status of a serial in decimal and in hex as openssl prints it', async (t) => {
    const { issue, call } = await build(t);
    const { identifier, serial_number } = await issue();
    const hex = BigInt(serial_number as string).toString(16);
    const status = async (serial: string) =>
      (await call('anonymous', { method: 'GET', url: `/api/ocsp/status/${serial}` })).json();
    const good = await status(serial_number as string);
    assert.deepEqual(
      [
        good.response_status,
        good.certificate_status,
        good.certificate_serial,
        good.responder_name,
        good.revocation_time,
      ],
      ['successful', 'good', serial_number, 'CertMate OCSP Responder', null],
    );
    const { revocation } = (await revoke(call, identifier)).json();
    for (const text of [
      serial_number as string,
      `0x${hex}`,
      hex.toUpperCase(),
      (hex.length % 2 ? `0${hex}` : hex).replace(/..(?=.)/g, '$&:'),
    ]) {
      const revoked = await status(text);
      assert.equal(revoked.certificate_status, 'revoked', text);
      assert.equal(revoked.revocation_time, revocation.revoked_at);
      assert.equal(revoked.revocation_reason, 'keyCompromise');
    }
    assert.equal((await status('42')).certificate_status, 'unknown');
    assert.equal((await call('anonymous', { method: 'GET', url: '/api/ocsp/status/xyz' })).statusCode, 400);
  });
});

it('reads a GET in which a proxy has made one slash of each two (letsencrypt/boulder#2728)', async (t) => {
  const { app, call } = await build(t);
  let tried = 0;
  while (tried < 40) {
    const serial = String(BigInt(`0x7f${randomBytes(15).toString('hex')}`));
    const request = ask(app, serial);
    const text = request.toString('base64');
    if (!text.includes('//')) continue;
    tried += 1;
    app.ocsp.vouchFor(serial);
    const { rawPayload: expected } = await post(call, request);
    for (const path of [text, text.replace(/\/+/g, '/'), text.replace(/\/+/g, '/').replace(/=+$/, '')]) {
      const answer = await call('anonymous', { method: 'GET', url: `/api/ocsp/${path}` });
      assert.deepEqual(answer.rawPayload, expected, `${text} as ${path}`);
    }
  }
});
