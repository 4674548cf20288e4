import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type Built, build } from '../../build.js';
import { Browser } from './browser.js';

/** A signed-in administrator. */
async function administrator(t: TestContext, options: Parameters<typeof build>[1] = {}) {
  const built = await build(t, options);
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.admin);
  return { ...built, browser };
}

/** Sends a form of a page, and opens the page that follows. */
async function save(browser: Browser, page: string, fields: Record<string, string>, to = page): Promise<string> {
  await browser.open(page);
  const answer = await browser.send(to, fields);
  assert.equal(answer.statusCode, 303, answer.body);
  const { body, statusCode } = await browser.open(String(answer.headers.location));
  assert.equal(statusCode, 200);
  return body;
}

const PAGES = [
  '/settings',
  '/settings/users',
  '/settings/keys',
  '/settings/rate-limits',
  '/settings/renewal',
  '/settings/profiles',
  '/settings/profiles/vpn',
  '/settings/profiles/vpn/edit',
  '/settings/new-profile',
  '/settings/appearance',
];

const settingsOf = async ({ call }: Built) => (await call('admin', { url: '/api/settings' })).json();

describe('the pages of settings', () => {
  test('open for administrators only: others get a page that says which role it takes', async (t) => {
    const { app, tokens, browser } = await administrator(t);
    for (const url of PAGES) {
      const { statusCode, body, headers } = await browser.open(url);
      assert.equal(statusCode, 200, url);
      assert.doesNotMatch(body, /undefined|\[object|NaN/, url);
      assert.doesNotMatch(body, /<style|\sstyle=|\son\w+="|<script(?![^>]*\ssrc=")/, url);
      assert.match(String(headers['content-security-policy']), /default-src 'none'/);
    }
    for (const role of ['viewer', 'operator'] as const) {
      const other = new Browser(app);
      await other.signIn(tokens[role]);
      for (const url of PAGES) {
        const { statusCode, body } = await other.open(url);
        assert.equal(statusCode, 403, `${role}: ${url}`);
        assert.match(body, /<h1>Not allowed<\/h1>/);
        assert.match(body, /needs the role admin/);
      }
      assert.ok(!(await other.open('/help')).body.includes('href="/settings"'), 'nor does the navigation offer them');
      assert.equal((await other.send('/settings/appearance', { instance_name: 'Mine' })).statusCode, 403);
    }
    assert.equal(app.settings.current.appearance.instance_name, 'CertMate');
  });

  test('take no form without the token of its page', async (t) => {
    const { app, browser } = await administrator(t);
    for (const url of ['/settings/rate-limits', '/settings/keys', '/settings/users', '/settings/new-profile']) {
      const { statusCode } = await browser.send(url, { _csrf: 'wrong', name: 'eve', role: 'admin', create: '1' });
      assert.equal(statusCode, 403, url);
    }
    assert.deepEqual(app.users.list(), []);
    assert.equal(app.rateLimits.create, 30);
  });
});

describe('the page of rate limits', () => {
  const PAGE = '/settings/rate-limits';
  const numbers = { default: '100', create: '30', renew: '30', batch: '10', ocsp: '200', crl: '60', login: '5' };

  test('changes what differs from the defaults, says what that was, and lets the rest follow them', async (t) => {
    const built = await administrator(t);
    const body = await save(built.browser, PAGE, { ...numbers, ceiling: '600', create: '60', login: '' });
    assert.match(body, /Saved\. Issuing: 30 → 60\. In force from the next request on\./);
    assert.match(body, /name="create"[^>]* value="60"/);
    const { rate_limits, sources } = await settingsOf(built);
    assert.deepEqual([rate_limits.create, rate_limits.login], [60, 5]);
    assert.deepEqual([sources.rate_limits.create, sources.rate_limits.login], ['settings', 'default']);
    assert.doesNotMatch((await built.browser.open(PAGE)).body, /Saved\./, 'it is said once');

    assert.match(await save(built.browser, PAGE, { action: 'reset' }), /Issuing: 60 → 30/);
    assert.equal((await settingsOf(built)).sources.rate_limits.create, 'default');
    assert.match(await save(built.browser, PAGE, { ...numbers, ceiling: '600' }), /Nothing to save/);
  });

  test('says beside a field what is wrong with it, keeps what was typed, and changes nothing', async (t) => {
    const built = await administrator(t);
    await built.browser.open(PAGE);
    for (const wrong of ['0', 'many', '1000001', '-5', '1.5']) {
      const answer = await built.browser.send(PAGE, { ...numbers, ceiling: '600', create: '77', batch: wrong });
      assert.equal(answer.statusCode, 400);
      assert.match(answer.body, /id="batch-problem">Enter a whole number from 1 to 1,000,000\.</);
      assert.match(answer.body, new RegExp(`name="batch"[^>]* aria-invalid="true"[^>]* value="${wrong}"`));
      assert.match(answer.body, /name="create"[^>]* value="77"/);
    }
    assert.equal((await settingsOf(built)).rate_limits.create, 30);
  });

  test('tells where limits are switched off altogether', async (t) => {
    const off = await administrator(t);
    assert.match((await off.browser.open(PAGE)).body, /Limits are switched off/);
    const on = await administrator(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
    assert.doesNotMatch((await on.browser.open(PAGE)).body, /Limits are switched off/);
  });
});

describe('the page of the renewal', () => {
  const PAGE = '/settings/renewal';

  test('moves the schedule, suspends it, and names a schedule that is none', async (t) => {
    const { browser, app } = await administrator(t);
    assert.match((await browser.open(PAGE)).body, /Next sweep/);
    const moved = await save(browser, PAGE, { enabled: 'on', cron: '30 5 * * *' });
    assert.match(moved, /Schedule: 0 3 \* \* \* → 30 5 \* \* \*/);
    assert.equal(app.scheduler.nextRun('renewal')?.getHours(), 5);
    const wrong = await browser.send(PAGE, { enabled: 'on', cron: 'daily' });
    assert.equal(wrong.statusCode, 400);
    assert.match(wrong.body, /id="cron-problem">Must be a cron expression/);
    assert.match(await save(browser, PAGE, { cron: '30 5 * * *' }), /Nothing is renewed by schedule/);
    assert.equal(app.scheduler.nextRun('renewal'), null);
  });

  test('renews what is due at the press of a button, and tells the result', async (t) => {
    const { browser, issue } = await administrator(t);
    await issue({ hours_valid: 1 });
    const body = await save(browser, PAGE, {}, `${PAGE}/run`);
    assert.match(body, /The sweep is done: \d+ renewed, 0 left to their holders, 0 failed\./);
    assert.match(body, /<td>hand<\/td>/);
  });
});

describe('the page of the appearance', () => {
  test('gives the installation a name and a colour, on every page', async (t) => {
    const { browser, app } = await administrator(t);
    const body = await save(browser, '/settings/appearance', { instance_name: 'ACME <CA>', accent: 'teal' });
    assert.match(body, /Name of this installation: CertMate → ACME &lt;CA&gt;; Colour: Blue → Teal/);
    const stranger = new Browser(app);
    const login = (await stranger.open('/login')).body;
    assert.match(login, /<title>[^<]+ · ACME &lt;CA&gt;<\/title>/);
    assert.match(login, /<html[^>]* data-accent="teal"/);
    const wrong = await browser.send('/settings/appearance', { instance_name: 'x'.repeat(41), accent: 'teal' });
    assert.match(wrong.body, /id="instance_name-problem">Must have at most 40 characters\./);
  });
});

describe('the pages of profiles', () => {
  test('show built-in ones and own ones as a table of rules', async (t) => {
    const { browser, call } = await administrator(t);
    const rules = { lifetime: { max_days: 90 }, subject: { fixed: { organization: 'ACME' } }, description: '<b>' };
    await call('admin', { method: 'PUT', url: '/api/profiles/staff', payload: rules });
    const list = (await browser.open('/settings/profiles')).body;
    for (const name of ['default', 'vpn', 'staff']) assert.match(list, new RegExp(`href="/settings/profiles/${name}"`));
    assert.match(list, /at most 90 days/);
    assert.doesNotMatch(list, /<b>\s*<\/span>/);
    const page = (await browser.open('/settings/profiles/staff')).body;
    assert.match(page, /organization is always ACME/);
    assert.match(page, /\/settings\/profiles\/staff\/delete/);
    assert.doesNotMatch((await browser.open('/settings/profiles/vpn')).body, /\/delete"/, 'a built-in one stays');
    assert.equal((await browser.open('/settings/profiles/none')).statusCode, 404);
  });

  test('take a new one with the server’s own complaints until it is right, then it is in effect', async (t) => {
    const { browser, issue } = await administrator(t);
    const NEW = '/settings/new-profile';
    await browser.open(NEW);
    const send = (name: string, rules: string) => browser.send(NEW, { name, rules });
    for (const [name, rules, complaint] of [
      ['staff', '{"lifetime": {', /This is not JSON: it ends too early\./],
      ['staff', '{\n "lifetime": x\n}', /This is not JSON: look at line 2, column 14\./],
      ['staff', '{"lifetime": {"max_days": 0}}', /<code>lifetime\.max_days<\/code>: /],
      ['staff', '{"colour": 1}', /<code>colour<\/code>: There is no such rule\./],
      ['staff', '[]', /Nothing was saved/],
      ['Staff!', '{}', /id="name-problem">Must be 1 to 32 of a-z/],
    ] as const) {
      const answer = await send(name, rules);
      assert.equal(answer.statusCode, 400, rules);
      assert.match(answer.body, complaint);
      assert.ok(answer.body.includes(rules.replaceAll('"', '&quot;')), 'what was typed is still there');
    }
    const body = await save(browser, NEW, { name: 'staff', rules: '{"lifetime": {"max_days": 7}}' });
    assert.match(body, /The profile staff is made, and in effect for new certificates\./);
    assert.equal((await issue({ cert_usage: 'staff' }))['days_valid'], 7);
    await browser.open(NEW);
    const again = await send('staff', '{}');
    assert.equal(again.statusCode, 409);
    assert.match(again.body, /There is a profile staff of your own: edit that one\./);
  });

  test('edit an own one, put one over a built-in one, and delete it again', async (t) => {
    const { browser, app } = await administrator(t);
    const VPN = '/settings/profiles/vpn';
    const shown = (await browser.open(`${VPN}/edit`)).body;
    const rules =
      /<textarea[^>]*>\n([^<]*)</.exec(shown)?.[1]?.replaceAll('&quot;', '"').replaceAll('&#39;', "'") ?? '';
    const own = JSON.stringify({ ...JSON.parse(rules), lifetime: { max_days: 5 } });
    assert.match(await save(browser, `${VPN}/edit`, { rules: own }), /at most 5 days/);
    assert.equal(app.profiles.get('vpn').origin, 'own');
    assert.match((await browser.open(`${VPN}/delete`)).body, /Delete the profile vpn\?/);
    assert.match(await save(browser, `${VPN}/delete`, {}), /The profile vpn of your own is deleted\./);
    assert.equal(app.profiles.get('vpn').origin, 'built-in');
    assert.equal((await browser.open(`${VPN}/delete`)).statusCode, 303);
  });

  test('say what is issued where nothing is said', async (t) => {
    const { browser, issue } = await administrator(t);
    const fields = { default_days: '30', default_key_type: 'ec-p384' };
    const body = await save(browser, '/settings/profiles', fields, '/settings/issuance');
    assert.match(body, /Saved\. Lifetime: 365 → 30; Key: EC P-256 → EC P-384\. For new certificates\./);
    assert.equal((await issue({ key_type: undefined }))['days_valid'], 30);
    const wrong = await browser.send('/settings/issuance', { ...fields, default_days: '4000' });
    assert.match(wrong.body, /id="default_days-problem">Enter a whole number from 1 to 3,650\./);
  });
});
