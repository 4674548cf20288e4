// What a browser is told, so that a page of another site can neither use a session nor look into ours.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Built, build } from '../build.js';
import { Browser } from '../modules/dashboard/browser.js';

const HTTPS = { environment: { CERTMATE_PUBLIC_URL: 'https://ca.example.com' } };

async function signedIn(built: Built): Promise<Browser> {
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.admin);
  return browser;
}

describe('pages', () => {
  test('run no script and take no style but ours, and stand in no frame', async (t) => {
    const built = await build(t);
    const browser = await signedIn(built);
    for (const url of [
      '/login',
      '/client-certificates',
      '/client-certificates/new',
      '/ca',
      '/help',
      '/nothing',
      '/password',
    ]) {
      const { headers } = await (url === '/login' ? new Browser(built.app) : browser).open(url);
      const policy = new Map(
        String(headers['content-security-policy'])
          .split(';')
          .map((part) => part.trim().split(/ (.*)/s).slice(0, 2) as [string, string]),
      );
      assert.equal(policy.get('default-src'), "'none'", url);
      assert.equal(policy.get('script-src'), "'self'", url);
      assert.equal(policy.get('style-src'), "'self'", url);
      assert.equal(policy.get('frame-ancestors'), "'none'", url);
      assert.equal(policy.get('base-uri'), "'none'", url);
      assert.equal(policy.get('form-action'), "'self'", url);
      assert.doesNotMatch([...policy.values()].join(' '), /unsafe|\*|https?:/, url);
      assert.equal(headers['x-frame-options'], 'DENY', url);
      assert.equal(headers['x-content-type-options'], 'nosniff', url);
      assert.match(String(headers['referrer-policy']), /^(same-origin|no-referrer)$/, url);
      assert.match(String(headers['cache-control']), /no-store/, url);
      assert.equal(
        headers['strict-transport-security'],
        undefined,
        'nothing is promised for https where there is none',
      );
    }
  });

  test('hold no script, style or event of their own', async (t) => {
    const built = await build(t);
    const browser = await signedIn(built);
    const { identifier } = await built.issue();
    for (const url of [
      '/client-certificates',
      `/client-certificates/${identifier}`,
      '/client-certificates/new',
      '/ca',
    ]) {
      const { body } = await browser.open(url);
      assert.equal(
        /<script(?![^>]* src=)|<style|<[^>]+\s(style|on[a-z]+)=|javascript:/i.exec(body)?.[0],
        undefined,
        url,
      );
    }
  });

  test('under https are for https only, and so are their cookies', async (t) => {
    const built = await build(t, HTTPS);
    const browser = new Browser(built.app);
    const answer = await browser.open('/login');
    assert.match(String(answer.headers['strict-transport-security']), /max-age=\d{7,}/);
    const sent = await browser.send('/login', { token: built.tokens.admin });
    assert.match(
      String(sent.headers['set-cookie']),
      /^__Host-certmate=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/i,
    );
  });

  test('that change something are refused without their CSRF token, also with that of somebody else', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const [browser, other] = [await signedIn(built), await signedIn(built)];
    const actions = ['revoke', 'renew', 'delete', 'unhold'].map((step) => `/client-certificates/${identifier}/${step}`);
    for (const url of [...actions, '/client-certificates', '/logout', '/theme', '/password']) {
      for (const _csrf of ['', 'forged', other.hidden('_csrf')]) {
        const answer = await browser.send(url, { _csrf, reason: 'keyCompromise', common_name: 'eve' });
        assert.equal(answer.statusCode, 403, `${url} with "${_csrf}"`);
      }
    }
    assert.equal(built.app.certificates.get(identifier).status, 'active');
    assert.equal(built.app.certificates.list({}).total, 1);
  });
});

describe('the API', () => {
  test('answers nothing that a browser would run, frame or keep', async (t) => {
    const { call } = await build(t);
    for (const as of ['admin', 'anonymous'] as const) {
      const { headers } = await call(as, { url: '/api/keys' });
      assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
    }
  });

  test('gives its session as a cookie that no script and no other site gets', async (t) => {
    const built = await build(t, HTTPS);
    const actor = { user: 'system', ip_address: null, request_id: null };
    const maker = { name: 'system', role: 'admin' } as const;
    const { password } = await built.app.users.create({ name: 'alice', role: 'viewer' }, maker, actor);
    const payload = { username: 'alice', password };
    const { headers } = await built.app.inject({ method: 'POST', url: '/api/auth/login', payload });
    assert.match(String(headers['set-cookie']), /^__Host-certmate=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Secure$/i);
  });

  test('shares nothing with other origins: no CORS header, no answer to a preflight', async (t) => {
    const built = await build(t);
    const origin = 'https://evil.example';
    for (const url of ['/api/client-certs', '/api/auth/login', '/client-certificates', '/api/crl/download/der', '/']) {
      const plain = await built.call('admin', { url, headers: { origin } });
      const preflight = await built.app.inject({
        method: 'OPTIONS',
        url,
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
      });
      assert.ok(preflight.statusCode >= 400, `${url}: ${preflight.statusCode}`);
      for (const { headers } of [plain, preflight]) {
        assert.deepEqual(
          Object.keys(headers).filter((name) => name.startsWith('access-control-')),
          [],
          url,
        );
      }
    }
  });

  test('takes no body that a form of another site can send', async (t) => {
    const built = await build(t);
    const browser = await signedIn(built);
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
      for (const url of ['/api/auth/login', '/api/keys']) {
        const headers = { cookie, 'content-type': type, 'x-csrf-token': browser.hidden('_csrf') };
        const answer = await built.app.inject({ method: 'POST', url, headers, payload: '{"name":"x","role":"admin"}' });
        assert.equal(answer.statusCode, 415, `${type} to ${url}`);
      }
    }
  });

  test('takes no secret from a URL, where it would be in every log on the way', async (t) => {
    const built = await build(t);
    const { admin } = built.tokens;
    for (const name of ['token', 'access_token', 'api_key', 'apikey', 'key', 'authorization', 'bearer']) {
      const answer = await built.app.inject(`/api/keys?${name}=${encodeURIComponent(admin)}`);
      assert.equal(answer.statusCode, 401, name);
    }
    const asForm = await built.app.inject({
      method: 'GET',
      url: '/api/keys',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `access_token=${admin}`,
    });
    assert.equal(asForm.statusCode, 401);
    const browser = new Browser(built.app);
    await browser.open('/login');
    const login = await browser.send(`/login?token=${admin}`);
    assert.equal(login.statusCode, 401);
    const byQuery = await built.app.inject({ method: 'POST', url: '/api/auth/login?username=alice&password=x' });
    assert.equal(byQuery.statusCode, 400);
  });
});
