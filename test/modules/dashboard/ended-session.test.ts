import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { build } from '../../build.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';

async function ended(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.admin);
  const end = () => {
    for (const { id } of built.app.auth.list()) built.app.sessions.endOf(id);
  };
  return { ...built, browser, end };
}

describe('a form that is sent after its session has ended (found by a stranger)', () => {
  test('leads to a login that says why, and back to the form with what was typed', async (t) => {
    const { app, browser, end, tokens } = await ended(t);
    await browser.open(`${LIST}/new`);
    end();
    const typed = {
      common_name: 'mia@example.com',
      organization: 'Kept & Sons',
      key_source: 'once',
      cert_usage: 'vpn',
    };
    const refused = await browser.post(LIST, typed);
    assert.equal(refused.statusCode, 303);
    const location = String(refused.headers.location);
    assert.match(location, /^\/login\?next=/);
    assert.match((await browser.open(location)).body, /Your session ended; sign in to continue/);
    const wrong = await browser.send('/login', { token: 'cm_wrong', next: browser.hidden('next') });
    assert.match(wrong.body, /Your session ended; sign in to continue/, 'also after a wrong password');
    const back = await browser.send('/login', { token: tokens.admin, next: browser.hidden('next') });
    const page = await browser.open(String(back.headers.location));
    assert.match(page.body, /formaction="\/client-certificates\/new"/);
    for (const [name, value] of Object.entries(typed)) {
      assert.ok(page.body.includes(`name="${name}" value="${value.replace('&', '&amp;')}"`), name);
    }
    const form = await browser.send(`${LIST}/new`, typed);
    assert.match(form.body, /value="mia@example.com"/);
    assert.match(form.body, /name="key_source" value="once" checked/);
    assert.equal(app.certificates.list({}).total, 0, 'nothing is issued until it is sent again');
    assert.equal((await browser.open('/kept-form')).statusCode, 303, 'shown once');
  });

  test('keeps no password, token or key, and no CSRF token', async (t) => {
    const { browser, end, tokens } = await ended(t);
    await browser.open('/ca');
    for (const [url, fields] of [
      ['/ca/backup', { passphrase: 'correct horse', again: 'correct horse' }],
      ['/password', { current_password: 'old words', new_password: 'new words', repeated_password: 'new words' }],
      [LIST, { common_name: 'x', csr: '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----' }],
    ] as const) {
      end();
      await browser.post(url, fields);
      await browser.open('/login?next=/kept-form');
      await browser.send('/login', { token: tokens.admin, next: '/kept-form' });
      const { body } = await browser.open('/kept-form');
      assert.match(body, /Continue where you left off/);
      assert.doesNotMatch(body, /horse|old words|new words|PRIVATE KEY/);
      assert.equal(body.match(/<form class="form"[\s\S]*?<\/form>/)?.[0].match(/name="_csrf"/g)?.length, 1);
    }
  });

  test('is not kept for a page of another site, nor where it is too large', async (t) => {
    const { app } = await build(t);
    const post = (payload: string, headers: Record<string, string> = {}) =>
      app.inject({
        method: 'POST',
        url: LIST,
        payload,
        headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded', ...headers },
      });
    const kept = ({ headers }: { headers: Record<string, unknown> }) =>
      String(headers['set-cookie']).includes('form-kept');
    assert.equal(kept(await post('common_name=a')), true);
    assert.equal(kept(await post('common_name=a', { origin: 'https://evil.example' })), false);
    assert.equal(kept(await post('common_name=a', { origin: 'null' })), false);
    assert.equal(kept(await post(`notes=${'x'.repeat(200_000)}`)), false);
  });
});
