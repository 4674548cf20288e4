import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ACCESS } from '../../../src/http/access.js';
import { HELD_MINUTES } from '../../../src/http/held-pages.js';
import { build, MovedClock } from '../../build.js';
import { life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const ONCE = { common_name: 'erin', key_type: 'ec-p256', key_source: 'once', cert_usage: 'vpn', new_usage: 'vpn' };
const passwordIn = (body: string) => /id="p12-password" value="([^"]+)"/.exec(body)?.[1] ?? '';

describe('after a form, found by a stranger: Back gave the browser’s error page', () => {
  test('every form of every page answers with a redirect, whatever was sent', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.admin);
    const forms = Object.entries(ACCESS).flatMap(([route, { role }]) => {
      const [method, url = ''] = route.split(' ');
      return method === 'POST' && !url.startsWith('/api/') && role !== 'public' ? [url.replace(':id', identifier)] : [];
    });
    assert.ok(forms.length > 30, String(forms.length));
    for (const url of forms) {
      await browser.open('/help');
      for (const fields of [{}, { _csrf: 'forged' }] as Record<string, string>[]) {
        const answer = await browser.post(url, fields);
        const isFile = 'content-disposition' in answer.headers;
        assert.ok(answer.statusCode === 303 || isFile, `${url} answered ${answer.statusCode}`);
      }
    }
  });

  test('a form with errors comes back at an address of its own, with its status and with what was typed', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    await browser.open(`${LIST}/new`);
    const answer = await browser.post(LIST, { common_name: 'mia', email: 'not an address', key_source: 'keep' });
    assert.equal(answer.statusCode, 303);
    const location = String(answer.headers.location);
    for (const again of [await browser.open(location), await browser.open(location)]) {
      assert.equal(again.statusCode, 400);
      assert.match(again.body, /value="mia"/);
      assert.match(again.body, /id="email-problem"/);
    }
    const corrected = await browser.post(LIST, { common_name: 'mia', key_source: 'keep', key_type: 'ec-p256' });
    assert.match(String(corrected.headers.location), /\/issued$/);
  });

  test('a key that is stored nowhere is shown again by reload, with the same P12 password and files', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    await browser.open(`${LIST}/new`);
    const answer = await browser.post(LIST, ONCE);
    assert.equal(answer.statusCode, 303);
    const location = String(answer.headers.location);
    assert.match(location, /^\/shown\/[\w-]{22}$/);
    const [first, second] = [await browser.open(location), await browser.open(location)];
    assert.match(first.body, /-----BEGIN PRIVATE KEY-----/);
    assert.notEqual(passwordIn(first.body), '');
    assert.equal(passwordIn(second.body), passwordIn(first.body));
    const files = (body: string) => body.match(/href="data:[^"]+"/g);
    assert.deepEqual(files(second.body), files(first.body));
    assert.equal(first.headers['cache-control'], 'no-store');
  });

  test('a form with a key that is sent twice shows one key and one password', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    await browser.open(`${LIST}/new`);
    const fields = { ...ONCE, form_id: browser.hidden('form_id') };
    const shown = [await browser.send(LIST, fields), await browser.send(LIST, fields)].map(({ body }) => body);
    assert.equal(built.app.certificates.list({}).total, 1);
    assert.equal(passwordIn(shown[1] ?? ''), passwordIn(shown[0] ?? ''));

    const { identifier, serial_number } = await life(built).issue({ store_key: false });
    await browser.open(`${LIST}/${identifier}/renew`);
    const renewals = [];
    for (let n = 0; n < 2; n += 1) {
      renewals.push((await browser.send(`${LIST}/${identifier}/renew`, { key: 'new', serial_number })).body);
    }
    const keys = renewals.map((body) => /-----BEGIN PRIVATE KEY-----[^<]+/.exec(body)?.[0]);
    assert.ok(keys[0] !== undefined && keys[0] === keys[1], 'the second answer is the one that the browser shows');
    assert.equal(built.app.certificates.get(identifier).history.length, 1);
  });

  test('what is shown once is gone after minutes and for every other session, and the page says why', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const [browser, other] = [new Browser(built.app), new Browser(built.app)];
    await browser.signIn(built.tokens.admin);
    await other.signIn(built.tokens.admin);
    await browser.open('/settings/keys');
    const answer = await browser.post('/settings/keys', { name: 'ci', role: 'viewer', lifetime: '90' });
    const location = String(answer.headers.location);
    assert.match((await browser.open(location)).body, /cm_\w+/);
    const stranger = await other.open(location);
    assert.equal(stranger.statusCode, 404);
    assert.match(stranger.body, /only in the session that sent the form/);
    assert.doesNotMatch(stranger.body, /cm_\w+/);
    assert.equal((await new Browser(built.app).open(location)).headers.location?.split('?')[0], '/login');
    clock.advance(HELD_MINUTES * 60);
    const late = await browser.open(location);
    assert.equal(late.statusCode, 404);
    assert.match(late.body, /10 minutes/);
  });

  test('the P12 password of a page stays the same while it is reloaded, and is another one for another session', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const [browser, other] = [new Browser(built.app), new Browser(built.app)];
    await browser.signIn(built.tokens.operator);
    await other.signIn(built.tokens.operator);
    const passwordOn = async (who: Browser, page: string) =>
      /name="password" value="([^"]+)"/.exec((await who.open(`${LIST}/${identifier}${page}`)).body)?.[1];
    for (const page of ['', '/issued']) {
      const first = await passwordOn(browser, page);
      assert.match(String(first), /^[A-Za-z0-9]{5}(-[A-Za-z0-9]{5}){3}$/);
      assert.equal(await passwordOn(browser, page), first);
      assert.notEqual(await passwordOn(other, page), first);
    }
  });
});

describe('a usage that nothing has yet', () => {
  test('is asked about before anything is issued, with the usage that is likely meant', async (t) => {
    const built = await build(t);
    await built.issue({ cert_usage: 'vpn' });
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    await browser.open(`${LIST}/new`);
    const fields = { common_name: 'mia', key_source: 'keep', key_type: 'ec-p256', cert_usage: 'vpnn' };
    const asked = await browser.send(LIST, fields);
    assert.match(asked.body, /Did you mean “vpn”\?/);
    assert.match(asked.body, /name="use_usage" value="vpn"/);
    assert.match(asked.body, /name="new_usage" value="vpnn"/);
    assert.match(asked.body, /value="mia"/, 'what was typed is kept');
    assert.equal(built.app.certificates.list({}).total, 1);

    const meant = await browser.post(LIST, { ...fields, use_usage: 'vpn' });
    assert.match(String(meant.headers.location), /\/issued$/);
    const wanted = await browser.post(LIST, { ...fields, common_name: 'leo', new_usage: 'vpnn' });
    assert.match(String(wanted.headers.location), /\/issued$/);
    const usages = built.app.certificates.list({}).certificates.map(({ cert_usage }) => cert_usage);
    assert.deepEqual(usages.sort(), ['vpn', 'vpn', 'vpnn']);
    const again = await browser.post(LIST, { ...fields, common_name: 'ida' });
    assert.match(String(again.headers.location), /\/issued$/, 'by now it is known');
  });

  test('is asked about as it will be stored', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    await browser.open(`${LIST}/new`);
    const fields = { common_name: 'mia', key_source: 'keep', key_type: 'ec-p256', cert_usage: 'Guest Wi-Fi' };
    assert.match((await browser.send(LIST, fields)).body, /name="new_usage" value="guest-wi-fi"/);
    const known = await browser.post(LIST, { ...fields, cert_usage: 'API mTLS' });
    assert.match(String(known.headers.location), /\/issued$/);
    assert.equal(built.app.certificates.list({}).certificates[0]?.cert_usage, 'api-mtls');
  });
});

test('a certificate that nothing can renew in time is issued with a word about it', async (t) => {
  const built = await build(t, { environment: { CERTMATE_RENEWAL_CRON: '0 3 * * *' } });
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.operator);
  await browser.open(`${LIST}/new`);
  const lifetime = { lifetime: '8', lifetime_unit: 'hours' };
  const { body } = await browser.send(LIST, { ...ONCE, ...lifetime });
  assert.match(body, /BEGIN PRIVATE KEY/);
  assert.match(body, /cannot be renewed automatically/);
});
