import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutTrailingSlash } from '../../src/http/trailing-slash.js';
import { build } from '../build.js';

describe('a slash at the end of a path', () => {
  it('changes nothing of what a route does, with whatever method and query', async (t) => {
    const { call } = await build(t);
    const made = await call('operator', {
      method: 'POST',
      url: '/api/client-certs/',
      payload: { common_name: 'alice', identifier: 'alice' },
    });
    assert.equal(made.statusCode, 201, made.body);
    const listed = await call('viewer', { url: '/api/client-certs/?limit=1' });
    assert.equal(listed.json().certificates[0].identifier, 'alice');
    for (const url of [
      '/api/client-certs/alice/',
      '/api/client-certs/stats/',
      '/health/',
      '/login/',
      '/openapi.json/',
    ]) {
      assert.equal((await call('viewer', { url })).statusCode, 200, url);
    }
    assert.equal((await call('viewer', { method: 'PUT', url: '/api/client-certs/' })).statusCode, 405);
    assert.equal((await call('anonymous', { url: '/api/client-certs/' })).statusCode, 401);
    assert.equal((await call('viewer', { url: '/api/nothing/' })).statusCode, 404);
  });

  it('lets OCSP clients post whose base URL ends in one', async (t) => {
    const { call } = await build(t);
    const answer = await call('anonymous', {
      method: 'POST',
      url: '/api/ocsp/',
      headers: { 'content-type': 'application/ocsp-request' },
      payload: Buffer.from([0x30, 0x00]),
    });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'application/ocsp-response');
  });

  it('is kept where it belongs to base64 or to relative links, and only one is taken away', () => {
    for (const url of ['/', '/?a=/', '/docs/', '/docs/static/', '/api/ocsp/MFEw/', '/api/ocsp//MFEw/', '/health?x=/']) {
      assert.equal(withoutTrailingSlash(url), url);
    }
    assert.equal(withoutTrailingSlash('/api/client-certs//'), '/api/client-certs/');
    assert.equal(withoutTrailingSlash('/api/client-certs/?search=a/'), '/api/client-certs?search=a/');
  });
});
