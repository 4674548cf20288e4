import assert from 'node:assert/strict';
import { test } from 'node:test';
import { basePathOf, withoutBase } from '../../src/http/base-path.js';
import { build, testConfig } from '../build.js';

test('the base is the path of the public URL, whether or not that ends in a slash', async (t) => {
  for (const [url, base] of [
    ['https://ca.example.com', ''],
    ['https://ca.example.com/', ''],
    ['https://ca.example.com/certmate', '/certmate'],
    ['https://ca.example.com/certmate/', '/certmate'],
    ['https://ca.example.com/pki/certmate//', '/pki/certmate'],
  ] as const) {
    const { publicUrl } = await testConfig(t, { CERTMATE_PUBLIC_URL: url });
    assert.equal(basePathOf(publicUrl), base, url);
  }
  for (const url of ['https://ca.example.com/a;b', 'https://ca.example.com/a b', 'https://ca.example.com/a//b']) {
    await assert.rejects(testConfig(t, { CERTMATE_PUBLIC_URL: url }), /CERTMATE_PUBLIC_URL/, url);
  }
});

test('a base that a proxy passes on is taken off, and nothing else is', () => {
  for (const [url, expected] of [
    ['/certmate', '/'],
    ['/certmate/', '/'],
    ['/certmate?x=1', '/?x=1'],
    ['/certmate/ca?x=/certmate/', '/ca?x=/certmate/'],
    ['/certmates/ca', '/certmates/ca'],
    ['/ca', '/ca'],
    ['/', '/'],
  ] as const) {
    assert.equal(withoutBase(url, '/certmate'), expected);
  }
  assert.equal(withoutBase('/ca', ''), '/ca');
  assert.equal(withoutBase('/api/client-certs', '/api'), '/api/client-certs', 'a base of the name of one of our paths');
});

test('redirects, links, cookies and the description of the API have the base in front', async (t) => {
  const { app, tokens } = await build(t, { environment: { CERTMATE_PUBLIC_URL: 'https://ca.example.com/certmate/' } });
  const ask = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { accept: 'text/html', ...headers } });
  for (const prefix of ['', '/certmate']) {
    assert.equal((await ask(`${prefix}/`)).headers.location, '/certmate/client-certificates');
    const login = await ask(`${prefix}/login`);
    assert.equal(login.statusCode, 200);
    assert.match(login.body, /href="\/certmate\/assets\/certmate.css"/);
    assert.match(login.body, /<form class="form" method="post" action="\/certmate\/login">/);
    assert.doesNotMatch(login.body, /(href|src|action)="\/(?!certmate\/)/);
    assert.match(
      String(login.headers['set-cookie']),
      /^__Secure-certmate-form=[^;]+; Path=\/certmate; HttpOnly; SameSite=Strict; Secure$/i,
    );
  }
  const token = await app.inject({
    method: 'POST',
    url: '/api/client-certs/batch',
    headers: { authorization: `Bearer ${tokens.operator}`, prefer: 'respond-async' },
    payload: { headers: ['common_name'], rows: [['alice']] },
  });
  assert.match(String(token.headers.location), /^\/certmate\/api\/client-certs\/batch\//);
  const { servers, components } = (await ask('/openapi.json')).json();
  assert.deepEqual(servers, [{ url: '/certmate' }]);
  assert.equal(components.securitySchemes.session.name, '__Secure-certmate');
  const docs = await ask('/docs');
  const html = docs.statusCode === 200 ? docs.body : (await ask('/docs/')).body;
  assert.doesNotMatch(html, /(href|src)="\/(?!certmate\/)/);
});
