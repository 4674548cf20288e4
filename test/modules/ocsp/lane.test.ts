// OCSP has two ways through the server: past Fastify for usual requests, through it for all others. Nobody may notice.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import { ocspLane } from '../../../src/modules/ocsp/lane.js';
import { OCSP_MAX_REQUEST } from '../../../src/pki/ocsp.js';
import { type Built, build, MovedClock } from '../../build.js';
import { certId, ocspRequest } from './request.js';

interface Said {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** OCSPResponses without a body (RFC 6960 §4.2.1). */
const MALFORMED = '30030a0101';
const TRY_LATER = '30030a0103';

const TYPE = { 'content-type': 'application/ocsp-request' };

/** Over a real socket, where the lane is. */
function overSocket(
  { app }: Built,
  method: string,
  path: string,
  { body, headers = {} }: { body?: Buffer; headers?: Record<string, string> } = {},
): Promise<Said> {
  const { port } = app.server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const call = httpRequest({ port, host: '127.0.0.1', method, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
      );
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** What may differ: when it was, which call it was, the connection. */
const stable = (headers: IncomingHttpHeaders | Record<string, unknown>) => {
  const moving = /^(date|x-request-id|connection|keep-alive|(x-)?ratelimit-.*)$/;
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => !moving.test(name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, String(value)]),
  );
};

async function listening(t: Parameters<typeof build>[0], environment: Record<string, string> = {}) {
  // A clock that stands still: two answers that differ by a second would differ in their headers.
  const clock = new MovedClock();
  const built = await build(t, { clock, environment: { CERTMATE_RATE_LIMITS: 'on', ...environment } });
  await built.app.listen({ host: '127.0.0.1', port: 0 });
  return built;
}

describe('an OCSP request gets the same answer on both ways:', () => {
  test('by POST and GET, whatever it asks and however it is spelled', async (t) => {
    const built = await listening(t);
    const { app, call, issue } = built;
    const { certificate } = app.authority;
    const other = (await build(t)).app.authority.certificate;
    const good = await issue();
    const revoked = await issue();
    await call('admin', { method: 'POST', url: `/api/client-certs/${revoked.identifier}/revoke` });
    const id = (from: Record<string, string>) => certId(certificate, from['serial_number'] ?? '');
    const requests: [string, Buffer, signedOnce: boolean][] = [
      ['good', ocspRequest([id(good)]), true],
      ['revoked', ocspRequest([id(revoked)]), true],
      ['unknown', ocspRequest([certId(certificate, '42')]), false],
      ['several', ocspRequest([id(good), id(revoked)]), false],
      ['nonce', ocspRequest([id(good)], Buffer.alloc(16, 1)), false],
      ['malformed', Buffer.from('30', 'hex'), true],
      ['empty', Buffer.alloc(0), true],
      ['another CA’s', ocspRequest([certId(other, '1')]), true],
    ];
    let byNode = 0;
    app.server.on('request', () => (byNode += 1));
    for (const [name, der, signedOnce] of requests) {
      const base64 = der.toString('base64');
      const paths = ['', base64, encodeURIComponent(base64), `/${base64}`, `${base64}?x=1`, `${base64}%zz`];
      for (const [method, path, extra] of [
        ['POST', '/api/ocsp', { payload: der, headers: TYPE }],
        ...paths.map((path) => ['GET', `/api/ocsp/${path}`, {}] as const),
      ] as const) {
        const through = await app.inject({ method: method as 'GET', url: path, ...extra });
        const past = await overSocket(
          built,
          method,
          path,
          method === 'POST' ? { body: der, headers: { ...TYPE, 'content-length': String(der.length) } } : {},
        );
        const label = `${name} ${method} ${path}`;
        assert.equal(past.status, through.statusCode, label);
        const both = [stable(past.headers), stable(through.headers)] as const;
        if (!signedOnce) for (const headers of both) for (const key of ['etag', 'content-length']) delete headers[key];
        assert.deepEqual(...both, label);
        if (signedOnce) assert.ok(past.body.equals(through.rawPayload), label);
        else assert.ok(Math.abs(past.body.length - through.rawPayload.length) <= 6, label);
      }
    }
    // One way would be the same as itself.
    assert.equal(byNode, 0);
  });

  test('whoever has it already gets 304, whoever asks with HEAD no body', async (t) => {
    const built = await listening(t);
    const serial = (await built.issue())['serial_number'] ?? '';
    const base64 = ocspRequest([certId(built.app.authority.certificate, serial)]).toString('base64');
    const path = `/api/ocsp/${encodeURIComponent(base64)}`;
    const first = await overSocket(built, 'GET', path);
    const again = await overSocket(built, 'GET', path, { headers: { 'if-none-match': String(first.headers.etag) } });
    assert.deepEqual([again.status, again.body.length], [304, 0]);
    const head = await overSocket(built, 'HEAD', path);
    assert.deepEqual(stable(head.headers), stable(first.headers));
    assert.equal(head.body.length, 0);
  });

  test('a POST is answered whatever the caller has: 304 is for GET and HEAD (RFC 9110 §13.1.2)', async (t) => {
    const { app, issue } = await build(t);
    const payload = ocspRequest([certId(app.authority.certificate, (await issue())['serial_number'] ?? '')]);
    const post = (headers: Record<string, string> = {}) =>
      app.inject({ method: 'POST', url: '/api/ocsp', payload, headers: { ...TYPE, ...headers } });
    const { etag } = (await post()).headers;
    const again = await post({ 'if-none-match': String(etag) });
    assert.equal(again.statusCode, 200);
    assert.ok(again.rawPayload.length > 0);
  });

  test('a path asked for again and again tells of each change at once', async (t) => {
    const built = await listening(t);
    const { app, call, issue } = built;
    const { identifier, serial_number = '' } = await issue();
    const der = ocspRequest([certId(app.authority.certificate, serial_number)]);
    const path = `/api/ocsp/${encodeURIComponent(der.toString('base64'))}`;
    const say = async () => {
      const first = await overSocket(built, 'GET', path);
      const again = await overSocket(built, 'GET', path);
      assert.deepEqual(again.body, first.body);
      return first.body.toString('hex');
    };
    // certStatus of RFC 6960 §4.2.1: [0] NULL for good, [1] { revocationTime … } for revoked.
    const isRevoked = (answer: string) => /a1(11|16)180f3230/.test(answer);
    assert.equal(isRevoked(await say()), false);
    for (const [step, revoked] of [
      ['revoke', true],
      ['unhold', false],
      ['revoke', true],
    ] as const) {
      const url = `/api/client-certs/${identifier}/${step}`;
      const payload = step === 'revoke' ? { payload: { reason: 'certificateHold' } } : {};
      const answer = await call('admin', { method: 'POST', url, ...payload });
      assert.equal(answer.statusCode, 200, answer.body);
      assert.equal(isRevoked(await say()), revoked, step);
    }
  });

  test('over TLS too, and what comes after it on the same connection', async (t) => {
    const built = await listening(t, { CERTMATE_TLS: 'self' });
    const { app, issue } = built;
    const { port } = app.server.address() as AddressInfo;
    const der = ocspRequest([certId(app.authority.certificate, (await issue())['serial_number'] ?? '')]);
    const through = await app.inject({ method: 'POST', url: '/api/ocsp', payload: der, headers: TYPE });
    let byNode = 0;
    app.server.on('request', () => (byNode += 1));
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: app.authority.pem });
    t.after(() => socket.destroy());
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    const post = `POST /api/ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\nContent-Length: ${der.length}\r\n\r\n`;
    socket.write(post + der.toString('latin1'), 'latin1');
    while (!heard.endsWith(through.rawPayload.toString('latin1'))) await once(socket, 'data');
    assert.equal(byNode, 0);
    socket.write('GET /health/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await once(socket, 'end');
    assert.deepEqual([heard.match(/HTTP\/1\.1 200 OK/g)?.length, byNode], [2, 1]);
  });

  test('the status as JSON is no OCSP request, though its path begins as one does', async (t) => {
    const built = await listening(t);
    const { status, headers, body } = await overSocket(built, 'GET', '/api/ocsp/status/42');
    assert.equal(status, 200);
    assert.match(String(headers['content-type']), /^application\/json/);
    assert.equal(JSON.parse(body.toString()).certificate_status, 'unknown');
  });

  test('the id of a request is echoed, or made', async (t) => {
    const built = await listening(t);
    const given = await overSocket(built, 'GET', '/api/ocsp/MA', { headers: { 'x-request-id': 'mine-1' } });
    assert.equal(given.headers['x-request-id'], 'mine-1');
    const made = [await overSocket(built, 'GET', '/api/ocsp/MA'), await overSocket(built, 'GET', '/api/ocsp/MA')];
    assert.notEqual(made[0]?.headers['x-request-id'], made[1]?.headers['x-request-id']);
    assert.ok(made[0]?.headers['x-request-id']);
  });
});

test('a body longer than a request may be is for Fastify: it is neither looked at nor counted', () => {
  const seen: string[] = [];
  const answer = { text: 'answer', cache: null, etag: '' };
  const note = (what: string) => seen.push(what);
  const lane = ocspLane({
    ocsp: {
      respondToText: ({ length }) => (note(`${length} octets`), answer),
      respondToPath: (path) => (note(path), answer),
    },
    clock: new MovedClock(),
    admit: (address) => (note(address), 'ratelimit: 1\r\n'),
    maySign: () => true,
  });
  const asked = { method: 'POST', path: '/api/ocsp', contentType: 'application/ocsp-request' } as const;
  assert.equal(lane(asked, 'x'.repeat(OCSP_MAX_REQUEST + 1), '192.0.2.1'), null);
  assert.deepEqual(seen, []);
  assert.ok(lane(asked, 'x'.repeat(OCSP_MAX_REQUEST), '192.0.2.1'));
  assert.deepEqual(seen, ['192.0.2.1', `${OCSP_MAX_REQUEST} octets`]);
});

test('the description of the API tells how to ask', async (t) => {
  const { app } = await build(t);
  const { post } = (await app.inject('/openapi.json')).json().paths['/api/ocsp'];
  const binary = { schema: { type: 'string', format: 'binary' } };
  assert.deepEqual(post.requestBody.content, { 'application/ocsp-request': binary });
  assert.deepEqual(post.responses['200'].content, { 'application/ocsp-response': binary });
});

describe('past Fastify the same rules hold:', () => {
  test('both ways count into one allowance, and the refusal is tryLater in OCSP', async (t) => {
    const built = await listening(t);
    built.app.rateLimits.ocsp_der = 4;
    const remaining = [];
    for (const injected of [false, true, false, true]) {
      const { headers } = injected
        ? await built.app.inject({ method: 'GET', url: '/api/ocsp/MA' })
        : await overSocket(built, 'GET', '/api/ocsp/MA');
      remaining.push(headers['ratelimit-remaining']);
    }
    assert.deepEqual(remaining, ['3', '2', '1', '0']);
    const refused = await overSocket(built, 'GET', '/api/ocsp/MA');
    assert.deepEqual([refused.status, refused.headers['content-type']], [200, 'application/ocsp-response']);
    assert.equal(refused.body.toString('hex'), TRY_LATER);
  });

  test('the ceiling of an address does not count it: a server is one address for all its clients', async (t) => {
    const built = await listening(t);
    built.app.rateLimits.ceiling = 2;
    const statuses = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await overSocket(built, 'GET', '/api/ocsp/MA')).body.toString('hex'));
    assert.deepEqual(statuses, [MALFORMED, MALFORMED, MALFORMED, MALFORMED]);
    assert.equal((await overSocket(built, 'GET', '/api/ca')).status, 200);
  });

  test('answers that have to be signed have an allowance of their own, which both ways share', async (t) => {
    const built = await listening(t);
    const serial = (await built.issue())['serial_number'] ?? '';
    const id = certId(built.app.authority.certificate, serial);
    built.app.rateLimits.ocsp_signed = 2;
    const ask = async (body: Buffer, injected = false) => {
      const options = { method: 'POST', url: '/api/ocsp', payload: body, headers: TYPE } as const;
      if (injected) return (await built.app.inject(options)).rawPayload.toString('hex');
      const { status, body: answer } = await overSocket(built, 'POST', '/api/ocsp', { body, headers: TYPE });
      assert.equal(status, 200);
      return answer.toString('hex');
    };
    const plain = ocspRequest([id]);
    const nonce = (n: number) => ocspRequest([id], Buffer.alloc(16, n));
    const successful = /^3082.{4}0a0100/;
    assert.match(await ask(plain), successful, 'the first question is signed for');
    assert.match(await ask(nonce(1), true), successful);
    for (const injected of [false, true]) {
      assert.equal(await ask(nonce(2), injected), TRY_LATER);
      assert.equal(await ask(ocspRequest([certId(built.app.authority.certificate, '42')]), injected), TRY_LATER);
      assert.match(await ask(plain, injected), successful, 'what is signed already is answered');
    }
  });

  test('behind a trusted proxy the address in the header counts, otherwise it does not', async (t) => {
    const ask = async (built: Built, address: string) =>
      (await overSocket(built, 'GET', '/api/ocsp/MA', { headers: { 'x-forwarded-for': address } })).body.toString(
        'hex',
      );
    const behind = await listening(t, { CERTMATE_TRUST_PROXY: '127.0.0.1' });
    behind.app.rateLimits.ocsp_der = 1;
    assert.deepEqual([await ask(behind, '192.0.2.1'), await ask(behind, '192.0.2.2')], [MALFORMED, MALFORMED]);
    assert.equal(await ask(behind, '192.0.2.1'), TRY_LATER);
    const direct = await listening(t);
    direct.app.rateLimits.ocsp_der = 1;
    assert.deepEqual([await ask(direct, '192.0.2.1'), await ask(direct, '192.0.2.2')], [MALFORMED, TRY_LATER]);
  });

  test('a body of more than 64 KiB, or of another type, is refused', async (t) => {
    const built = await listening(t);
    const large = await overSocket(built, 'POST', '/api/ocsp', { body: Buffer.alloc(65_537), headers: TYPE });
    assert.equal(large.status, 413);
    const other = { body: Buffer.from('x'), headers: { 'content-type': 'text/plain' } };
    assert.equal((await overSocket(built, 'POST', '/api/ocsp', other)).status, 415);
  });

  test('where a signature fails, the answer is internalError, and the log says why', async (t) => {
    const built = await listening(t);
    const serial = (await built.issue())['serial_number'] ?? '';
    const { signer } = built.app.ocsp.delegate;
    signer.sign = () => Promise.reject(new Error('out of order'));
    const said: unknown[] = [];
    t.mock.method(built.app.log, 'error', (details: { err: Error }, message: string) =>
      said.push(`${message}: ${details.err.message}`),
    );
    const body = ocspRequest([certId(built.app.authority.certificate, serial)]);
    const { status, body: answer } = await overSocket(built, 'POST', '/api/ocsp', { body, headers: TYPE });
    assert.equal(status, 200);
    assert.equal(answer.toString('hex'), '30030a0102');
    assert.deepEqual(said, ['an OCSP request could not be answered: out of order']);
  });
});
