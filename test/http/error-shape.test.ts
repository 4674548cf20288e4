// Whatever goes wrong below /api, /metrics and /openapi.json, at whatever stage: one shape (found by a stranger: HTML for broken
// JSON on an unknown path; a 500 for a batch without a body).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { build } from '../build.js';

const PATHS = [
  '/api',
  '/api/',
  '/api/nothing',
  '/api/nothing?x=1',
  '/api/client-certs',
  '/api/client-certs/batch',
  '/api/client-certs/a/b/c/d',
  '/api/client-certs/%zz',
  '/api/client-certs/csr/inspect',
  '/api/ca/backup',
  '/api/ca/download/der',
  '/api/crl/download/der',
  '/api/auth/login',
  '/api/keys',
  '/api/settings',
  '/metrics',
  '/metrics/nothing',
  '/openapi.json',
  '/openapi.json/nothing',
] as const;
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK'] as const;
const BODIES: [type: string | null, body: string][] = [
  [null, ''],
  [null, '{"half":'],
  ['application/json', ''],
  ['application/json', '{"half":'],
  ['application/json', '{"__proto__": {"a": 1}}'],
  ['application/json; charset=utf-16', '{}'],
  ['application/x-www-form-urlencoded', 'a=%zz&b'],
  ['multipart/form-data; boundary=x', '--x\r\n'],
  ['text/plain', 'x'],
  ['nonsense', 'x'],
  ['text/csv', ''],
];

const ACCEPT = 'text/html,application/xhtml+xml,*/*;q=0.8';

describe('the error shape', () => {
  it('is that of every refusal, whatever method, path, media type and body, for browsers and programs alike', async (t) => {
    const { app, call } = await build(t);
    let refused = 0;
    for (const url of PATHS) {
      for (const method of METHODS) {
        for (const [type, payload] of BODIES) {
          const headers = { accept: ACCEPT, ...(type === null ? {} : { 'content-type': type }) };
          const answer = await call('admin', {
            method: method as 'GET',
            url,
            headers,
            ...(payload === '' ? {} : { payload }),
          });
          const where = `${method} ${url} ${type} ${payload}: ${answer.statusCode}`;
          assert.ok(answer.statusCode < 500, where);
          if (answer.statusCode < 400) continue;
          refused += 1;
          if (method === 'HEAD') continue;
          assert.match(String(answer.headers['content-type']), /^application\/json/, where);
          const { error, message, code, status, ...more } = answer.json();
          assert.equal(status, answer.statusCode, where);
          for (const said of [error, message, code]) assert.ok(typeof said === 'string' && said !== '', where);
          assert.deepEqual(
            Object.keys(more).filter((key) => key !== 'details'),
            [],
            where,
          );
        }
      }
    }
    assert.ok(refused > 1000, String(refused));
    assert.ok(app);
  });

  it('is that of programs that write a path wrong: doubled slashes, capital letters, escapes', async (t) => {
    const { call } = await build(t);
    const headers = { 'content-type': 'application/json' };
    for (const url of [
      '//api/x',
      '//api/client-certs',
      '/API/client-certs',
      '/api%2fclient-certs',
      '/api;x=1/y',
      '/apix',
    ]) {
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
        const answer = await call('admin', { method, url, headers, payload: '{"half":' });
        assert.match(String(answer.headers['content-type']), /^application\/json/, `${method} ${url}`);
        assert.equal(answer.json().code, 'ROUTE_NOT_FOUND', `${method} ${url}: ${answer.body.slice(0, 100)}`);
      }
    }
    const escaped = await call('admin', { method: 'PUT', url: '/%61pi/client-certs', headers, payload: '{' });
    assert.equal(escaped.statusCode, 404, escaped.body);
    assert.match(String(escaped.headers['content-type']), /^application\/json/);
  });

  it('is that of requests that Node itself would answer', async (t) => {
    const { app } = await build(t);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    for (const lines of [
      ['GET /api/x HTTP/1.1'],
      ['GET /api/x HTTP/1.1', 'Host: a', 'Host: b'],
      ['GET /api/x HTTP/1.1', 'Host: a', `X: ${'a'.repeat(20_000)}`],
      ['POST /api/x HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Transfer-Encoding: chunked'],
      ['POST /api/x HTTP/1.1', 'Host: a', 'Content-Length: -1'],
      ['GARBAGE'],
      ['BREW /api/x HTTP/1.1', 'Host: a'],
      ['GET /api/x HTTP/9.9', 'Host: a'],
      ['GET /api/x HTTP/1.1', 'Host: a', 'Expect: nonsense'],
    ]) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`);
      const answer = await text(socket);
      const where = `${lines.join(' | ').slice(0, 100)}: ${answer.slice(0, 200)}`;
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 4\d\d /, where);
      const { error, message, code, status } = JSON.parse(body) as Record<string, unknown>;
      assert.ok(error && message && code, where);
      assert.equal(Number(head.slice(9, 12)), status, where);
    }
  });
});

describe('a body that is missing or of the wrong type', () => {
  it('is named by every route that takes one, with the types that it takes', async (t) => {
    const { app, call } = await build(t);
    const document = app.swagger() as { paths: Record<string, Record<string, { requestBody?: { content: object } }>> };
    let asked = 0;
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { requestBody }] of Object.entries(operations)) {
        if (requestBody === undefined || path === '/api/ocsp') continue;
        asked += 1;
        const url = path.replace(/\{[^}]+\}/g, 'none');
        const request = { method: method.toUpperCase() as 'POST', url };
        const absent = await call('admin', request);
        assert.ok(absent.statusCode < 500, `${method} ${path}`);
        const wrong = await call('admin', { ...request, headers: { 'content-type': 'text/yaml' }, payload: 'x: 1' });
        assert.equal(wrong.statusCode, 415, `${method} ${path}`);
        const types = Object.keys(requestBody.content);
        for (const type of types) assert.ok(wrong.json().message.includes(type), wrong.body);
      }
    }
    assert.ok(asked > 15, String(asked));
  });

  it('is 400 for a batch, and not a 500', async (t) => {
    const { call } = await build(t);
    const answer = await call('operator', { method: 'POST', url: '/api/client-certs/batch' });
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.json().code, 'VALIDATION_FAILED');
    assert.match(answer.json().message, /The body is missing: send it as application\/json or text\/csv/);
    const empty = { 'content-type': 'application/json' };
    const json = await call('operator', { method: 'POST', url: '/api/client-certs/batch', headers: empty });
    assert.equal(json.statusCode, 400);
  });
});
