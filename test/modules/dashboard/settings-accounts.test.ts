import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { build } from '../../build.js';
import { Browser } from './browser.js';

async function administrator(t: TestContext) {
  const built = await build(t);
  const browser = new Browser(built.app);
  await browser.signIn(built.tokens.admin);
  const whoIs = (token: string) =>
    built.app.inject({ url: '/api/client-certs', headers: { authorization: `Bearer ${token}` } });
  return { ...built, browser, whoIs };
}

const secretOn = (body: string) => /id="secret"><code>([^<]+)</.exec(body)?.[1] ?? '';

describe('the page of API keys', () => {
  const PAGE = '/settings/keys';

  test('makes a key whose token is shown once, and lists it with its beginning, role, limits and end', async (t) => {
    const { browser, whoIs, app, call } = await administrator(t);
    await browser.open(PAGE);
    const made = await browser.send(PAGE, {
      name: 'ci',
      role: 'operator',
      lifetime: '30',
      allowed_usages: 'vpn, wifi',
      allowed_identifiers: 'ci-*',
      allowed_cidrs: '127.0.0.0/8 2001:db8::/32',
    });
    assert.equal(made.statusCode, 200, made.body);
    assert.equal(made.headers['cache-control'], 'no-store');
    const token = secretOn(made.body);
    assert.match(token, /^cm_[\w-]{43}$/);
    assert.match(made.body, /data-copies="secret"/);
    assert.equal((await whoIs(token)).statusCode, 200);

    const { body } = await browser.open(PAGE);
    assert.ok(!body.includes(token));
    assert.ok(body.includes(`${token.slice(0, 8)}…`), 'its beginning');
    for (const text of ['usage vpn, wifi', 'identifier ci-*', 'from 127.0.0.0/8, 2001:db8::/32', 'in 29 days']) {
      assert.ok(body.includes(text), text);
    }
    const key = app.auth.list().find(({ name }) => name === 'ci');
    assert.deepEqual(key?.allowed_usages, ['vpn', 'wifi']);
    const { entries } = (await call('admin', { url: '/api/audit?operation=key_create' })).json();
    assert.equal(entries[0].resource_id, key?.id);
    assert.match(entries[0].user, /^admin/);
    assert.ok(!JSON.stringify(entries).includes(token));
  });

  test('gives a key an end on a day, or none', async (t) => {
    const { browser, app } = await administrator(t);
    await browser.open(PAGE);
    await browser.send(PAGE, { name: 'dated', role: 'viewer', lifetime: '30', expires_on: '2099-12-31' });
    await browser.send(PAGE, { name: 'endless', role: 'viewer', lifetime: '' });
    const endOf = (wanted: string) => app.auth.list().find(({ name }) => name === wanted)?.expires_at;
    assert.equal(endOf('dated'), '2099-12-31T23:59:59Z');
    assert.equal(endOf('endless'), null);
  });

  test('says beside each field what is wrong, and keeps what was typed', async (t) => {
    const { browser, app } = await administrator(t);
    const before = app.auth.list().length;
    await browser.open(PAGE);
    for (const [fields, complaint] of [
      [{ name: '-x', role: 'viewer' }, /id="name-problem">Must be 1 to 64 letters/],
      [{ name: 'system', role: 'viewer' }, /id="name-problem">The name system is taken/],
      [{ name: 'a', role: 'root' }, /role="alert">/],
      [{ name: 'a', role: 'viewer', expires_on: '2020-01-01' }, /id="expires_on-problem">Must be in the future\./],
      [{ name: 'a', role: 'viewer', expires_on: 'soon' }, /id="expires_on-problem">Must be an RFC 3339 time/],
      [{ name: 'a', role: 'viewer', allowed_cidrs: '10.0.0.0/99' }, /id="allowed_cidrs-problem">Must be an address/],
      [{ name: 'a', role: 'viewer', allowed_usages: 'VPN!' }, /id="allowed_usages-problem">Must be like api-mtls/],
    ] as const) {
      const answer = await browser.send(PAGE, fields);
      assert.ok([400, 409].includes(answer.statusCode), answer.body);
      assert.match(answer.body, complaint);
      assert.ok(answer.body.includes(`value="${fields.name}"`));
    }
    assert.equal(app.auth.list().length, before);
  });

  test('deletes a key after asking; its token is refused at once', async (t) => {
    const { browser, whoIs, app } = await administrator(t);
    await browser.open(PAGE);
    const token = secretOn((await browser.send(PAGE, { name: 'old', role: 'viewer', lifetime: '' })).body);
    const id = app.auth.list().find(({ name }) => name === 'old')?.id ?? '';
    const asked = await browser.open(`${PAGE}/${id}/delete`);
    assert.match(asked.body, /Delete the API key old\?/);
    assert.equal((await whoIs(token)).statusCode, 200, 'asking does nothing');
    assert.equal((await browser.send(`${PAGE}/${id}/delete`)).headers.location, PAGE);
    assert.match((await browser.open(PAGE)).body, /The API key old is deleted\./);
    assert.equal((await whoIs(token)).statusCode, 401);
    assert.equal((await browser.open(`${PAGE}/${id}/delete`)).statusCode, 404);
  });
});

describe('the page of users', () => {
  const PAGE = '/settings/users';

  /** Makes a user by the form; gives back id and password. */
  async function make(
    browser: Browser,
    app: Awaited<ReturnType<typeof administrator>>['app'],
    name: string,
    role: string,
  ) {
    await browser.open(PAGE);
    const made = await browser.send(PAGE, { name, role });
    assert.equal(made.statusCode, 200, made.body);
    return { id: app.users.list().find((user) => user.name === name)?.id ?? '', password: secretOn(made.body) };
  }

  test('makes a user with a password that is shown once and opens the door', async (t) => {
    const { browser, app } = await administrator(t);
    const { id, password } = await make(browser, app, 'alice@example.com', 'operator');
    assert.ok(password.length >= 12);
    assert.ok(await app.users.verify('alice@example.com', password));
    const list = (await browser.open(PAGE)).body;
    assert.ok(!list.includes(password));
    assert.match(list, new RegExp(`href="${PAGE}/${id}">alice@example.com<`));
    assert.match(list, /To change password/);
    const taken = await browser.send(PAGE, { name: 'Alice@example.com', role: 'viewer' });
    assert.equal(taken.statusCode, 409);
    assert.match(taken.body, /id="name-problem">The name Alice@example.com is taken/);
    const wrong = await browser.send(PAGE, { name: 'a b', role: 'viewer' });
    assert.match(wrong.body, /id="name-problem">Must be 1 to 64 letters/);
  });

  test('changes role, password and state of a user, and ends sessions', async (t) => {
    const { browser, app } = await administrator(t);
    const { id, password } = await make(browser, app, 'bob', 'viewer');
    const page = `${PAGE}/${id}`;
    const act = async (path: string, fields: Record<string, string> = {}) => {
      await browser.open(page);
      const answer = await browser.send(`${page}/${path}`, fields);
      return answer.statusCode === 303 ? (await browser.open(page)).body : answer.body;
    };
    assert.match(await act('role', { role: 'operator' }), /bob has the role Operator now/);
    assert.equal(app.users.get(id).role, 'operator');
    assert.match(await act('role', { role: 'root' }), /role="alert"><p>Choose one of the roles\./);
    const next = secretOn(await act('password'));
    assert.ok(next !== '' && next !== password);
    assert.equal(await app.users.verify('bob', password), null);
    assert.ok(await app.users.verify('bob', next));
    assert.match(await act('sessions'), /Nobody was signed in\./);
    assert.match(await act('disabled', { disabled: 'yes' }), /bob cannot sign in any more\./);
    assert.equal(await app.users.verify('bob', next), null);
    assert.match(await act('disabled', { disabled: 'no' }), /bob can sign in again\./);
    await browser.open(`${page}/delete`);
    assert.equal((await browser.send(`${page}/delete`)).headers.location, PAGE);
    assert.match((await browser.open(PAGE)).body, /The user bob is deleted\./);
    assert.equal((await browser.open(page)).statusCode, 404);
  });

  test('keeps the last administrator among them, and says so in the server’s words', async (t) => {
    const { browser, app } = await administrator(t);
    const { id } = await make(browser, app, 'root@example.com', 'admin');
    for (const [path, fields] of [
      ['role', { role: 'viewer' }],
      ['disabled', { disabled: 'yes' }],
      ['delete', {}],
    ] as const) {
      await browser.open(`${PAGE}/${id}`);
      const answer = await browser.send(`${PAGE}/${id}/${path}`, fields);
      assert.equal(answer.statusCode, 409, path);
      assert.match(
        answer.body,
        /role="alert"><p>This is the last user who is an administrator\. Make another one first\./,
      );
    }
    assert.equal(app.users.get(id).role, 'admin');
  });
});
