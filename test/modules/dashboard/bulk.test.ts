import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { BulkPlans } from '../../../src/modules/dashboard/bulk-plan.js';
import type { Role } from '../../../src/types.js';
import { type Built, build } from '../../build.js';
import { life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const VIEW = 'usage=vpn&sort=common_name&order=asc';

async function signedIn({ app, tokens }: Built, role: Role): Promise<Browser> {
  const browser = new Browser(app);
  await browser.signIn(tokens[role]);
  return browser;
}

/** Issues as many VPN certificates, and one for something else. @returns the identifiers of the former */
async function issued(built: Built, count: number, body: object = {}): Promise<string[]> {
  const identifiers = [];
  for (let i = 0; i < count; i += 1) {
    identifiers.push((await built.issue({ common_name: `host-${i}`, cert_usage: 'vpn', ...body })).identifier);
  }
  await built.issue({ common_name: 'other' });
  return identifiers;
}

const statuses = ({ app }: Built, identifiers: readonly string[]) =>
  identifiers.map((identifier) => app.certificates.get(identifier).status);

test('what is ticked is revoked after a page that asks for a reason and the number, and told line by line', async (t) => {
  const built = await build(t);
  const [a = '', b = '', c = ''] = await issued(built, 3);
  await life(built).revoke(c);
  const browser = await signedIn(built, 'admin');
  await browser.open(`${LIST}?${VIEW}`);
  const asked = await browser.send(`${LIST}/bulk/revoke`, { view: browser.hidden('view'), id: [a, b, c] });
  assert.equal(asked.statusCode, 303);
  const href = String(asked.headers.location);
  const question = (await browser.open(href)).body;
  assert.match(question, /<h1>Revoke 2 certificates\?<\/h1>/);
  assert.match(question, /1 of those selected cannot be revoked/);
  assert.match(question, /This certificate was revoked at/);
  assert.match(question, /This cannot be undone/);
  assert.deepEqual(statuses(built, [a, b]), ['active', 'active'], 'asking revokes nothing');

  const plan = browser.hidden('plan');
  for (const [fields, problem] of [
    [{ reason: 'superseded', count: '3' }, /Type 2 to confirm/],
    [{ reason: '', count: '2' }, /Choose a reason/],
    [{}, /Type 2 to confirm/],
  ] as const) {
    const refused = await browser.send(`${LIST}/bulk/revoke`, { plan, ...fields });
    assert.equal(refused.statusCode, 400);
    assert.match(refused.body, problem);
  }
  assert.deepEqual(statuses(built, [a, b]), ['active', 'active'], 'nothing was confirmed yet');

  const sent = { plan, reason: 'superseded', count: '2' };
  const answers = await Promise.all([
    browser.send(`${LIST}/bulk/revoke`, sent),
    browser.send(`${LIST}/bulk/revoke`, sent),
  ]);
  for (const answer of answers) assert.deepEqual([answer.statusCode, answer.headers.location], [303, href]);
  assert.deepEqual(statuses(built, [a, b, c]), ['revoked', 'revoked', 'revoked']);
  const result = (await browser.open(href)).body;
  assert.match(result, /2 certificates were revoked, 1 was not\./);
  assert.match(result, new RegExp(`href="${LIST}\\?${VIEW.replaceAll('&', '&amp;')}"[^>]*>Back to the list`));
  assert.equal([...result.matchAll(/class="badge (?:good|warn)">(yes|no)</g)].length, 3);
  const lines = parse((await browser.open(`${href}/results.csv`)).body, { columns: true, bom: true }) as {
    identifier: string;
    result: string;
  }[];
  assert.deepEqual(
    lines.map(({ identifier, result }) => [identifier, result]),
    [
      [a, 'done'],
      [b, 'done'],
      [c, 'not done'],
    ],
  );
});

test('everything that matches means the certificates that the question named, not those that match later', async (t) => {
  const built = await build(t);
  const identifiers = await issued(built, 30);
  const browser = await signedIn(built, 'admin');
  const page = (await browser.open(`${LIST}?${VIEW}&limit=25`)).body;
  assert.match(page, /all <data value="30">30<\/data> that match/);
  const asked = await browser.send(`${LIST}/bulk/revoke`, { view: browser.hidden('view'), every: 'yes' });
  await browser.open(String(asked.headers.location));
  const { identifier: late } = await built.issue({ common_name: 'late', cert_usage: 'vpn' });
  const sent = { plan: browser.hidden('plan'), reason: 'cessationOfOperation', count: '30' };
  await browser.send(`${LIST}/bulk/revoke`, sent);
  assert.deepEqual([...new Set(statuses(built, identifiers))], ['revoked']);
  assert.deepEqual(statuses(built, [late]), ['active']);
  assert.equal(built.app.certificates.list({ status: 'active' }).total, 2, 'what does not match stays');
});

test('tags are added and removed, and the list comes back as it was, with a note that shows once', async (t) => {
  const built = await build(t);
  const [a = '', b = ''] = await issued(built, 2, { tags: ['old', 'kept'] });
  const browser = await signedIn(built, 'operator');
  await browser.open(`${LIST}?${VIEW}`);
  const asked = await browser.send(`${LIST}/bulk/tag`, { view: browser.hidden('view'), id: [a, b] });
  await browser.open(String(asked.headers.location));
  const plan = browser.hidden('plan');
  const empty = await browser.send(`${LIST}/bulk/tag`, { plan, tags: ' , ', remove_tags: '' });
  assert.equal(empty.statusCode, 400);
  assert.match(empty.body, /Enter a tag to add/);
  const answer = await browser.send(`${LIST}/bulk/tag`, { plan, tags: 'new, blue', remove_tags: 'old' });
  assert.equal(answer.headers.location, `${LIST}?${VIEW}`);
  for (const identifier of [a, b]) {
    assert.deepEqual(built.app.certificates.get(identifier).tags, ['kept', 'new', 'blue']);
  }
  assert.match((await browser.open(`${LIST}?${VIEW}`)).body, /role="status">[\s\S]*2 certificates were tagged\./);
  assert.doesNotMatch((await browser.open(`${LIST}?${VIEW}`)).body, /were tagged/);
});

test('renewing many tells which cannot be renewed without their holders', async (t) => {
  const built = await build(t);
  const [a = '', b = ''] = await issued(built, 2);
  const { identifier: away } = await built.issue({ common_name: 'away', store_key: false });
  const browser = await signedIn(built, 'operator');
  await browser.open(LIST);
  const asked = await browser.send(`${LIST}/bulk/renew`, { view: '', id: [a, b, away] });
  const href = String(asked.headers.location);
  assert.match((await browser.open(href)).body, /Renew 2 certificates[\s\S]*1 of those selected cannot be renewed/);
  const sent = { plan: browser.hidden('plan'), revoke_previous: 'on' };
  const twice = [browser.send(`${LIST}/bulk/renew`, sent), browser.send(`${LIST}/bulk/renew`, sent)];
  for (const answer of await Promise.all(twice)) assert.equal(answer.headers.location, href);
  assert.match((await browser.open(href)).body, /2 certificates were renewed, 1 was not\./);
  for (const identifier of [a, b]) {
    const { history } = built.app.certificates.get(identifier);
    assert.equal(history.length, 1, 'pressing the button twice renews once');
    assert.equal(history[0]?.reason_revoked, 'superseded');
  }
  assert.equal(built.app.certificates.get(away).history.length, 0);
});

test('a viewer exports what is ticked, or everything that matches, and is refused the rest', async (t) => {
  const built = await build(t);
  const [a = '', , c = ''] = await issued(built, 4);
  const browser = await signedIn(built, 'viewer');
  const page = (await browser.open(`${LIST}?${VIEW}`)).body;
  assert.match(page, /formaction="\/client-certificates\/bulk\/export"/);
  assert.doesNotMatch(page, /bulk\/(?:tag|renew|revoke)/);
  const exported = async (fields: Record<string, string | string[]>) => {
    await browser.open(`${LIST}?${VIEW}`);
    const { body } = await browser.send(`${LIST}/bulk/export`, { view: browser.hidden('view'), ...fields });
    const rows = parse(body, { columns: true, bom: true }) as { identifier: string; common_name: string }[];
    return rows.map(({ common_name }) => common_name);
  };
  assert.deepEqual(await exported({ id: [c, a, 'no-such'] }), ['host-2', 'host-0']);
  assert.deepEqual(await exported({ every: 'yes' }), ['host-0', 'host-1', 'host-2', 'host-3']);
  for (const step of ['tag', 'renew', 'revoke']) {
    await browser.open(LIST);
    assert.equal((await browser.send(`${LIST}/bulk/${step}`, { view: '', id: a })).statusCode, 403, step);
  }
  const operator = await signedIn(built, 'operator');
  assert.doesNotMatch((await operator.open(LIST)).body, /bulk\/revoke/);
  assert.equal((await operator.send(`${LIST}/bulk/revoke`, { view: '', id: a })).statusCode, 403);
});

test('choosing nothing, too much, or what another visitor chose leads back with the reason', async (t) => {
  const built = await build(t);
  const [a = ''] = await issued(built, 1);
  const browser = await signedIn(built, 'admin');
  await browser.open(LIST);
  for (const step of ['tag', 'renew', 'revoke', 'export']) {
    const answer = await browser.send(`${LIST}/bulk/${step}`, { view: VIEW });
    assert.equal(answer.headers.location, `${LIST}?${VIEW}`, step);
    assert.match((await browser.open(`${LIST}?${VIEW}`)).body, /class="notice bad toast"><p>Nothing is selected/, step);
  }
  const many = Array.from({ length: 1001 }, (_, i) => `x${i}`);
  await browser.send(`${LIST}/bulk/renew`, { view: '', id: many });
  assert.match((await browser.open(LIST)).body, /1001 certificates are chosen; at most 1000/);

  const asked = await browser.send(`${LIST}/bulk/revoke`, { view: '', id: a });
  const other = await signedIn(built, 'operator');
  assert.equal((await other.open(String(asked.headers.location))).statusCode, 404);
  assert.match((await other.open(`${LIST}/bulk/unknown`)).body, /Choose the certificates in the list again/);
});

test('a plan is carried out once, however often and however fast its button is pressed; one that failed can be tried again', async () => {
  const plans = new BulkPlans();
  const foreseen = { total: 1, successful: 1, failed: 0, results: [] };
  const plan = plans.add({ step: 'revoke', owner: 'a', view: '', foreseen });
  let done = 0;
  const work = async () => {
    done += 1;
    await new Promise((resolve) => setImmediate(resolve));
    return foreseen;
  };
  await assert.rejects(
    plans.carryOut(plan, () => Promise.reject(new Error('the disk is full'))),
    /disk is full/,
  );
  assert.equal(plan.result, null);
  await Promise.all([plans.carryOut(plan, work), plans.carryOut(plan, work)]);
  await plans.carryOut(plan, work);
  assert.equal(done, 1);
  assert.equal(plans.find(plan.id, 'a'), plan);
  assert.throws(() => plans.find(plan.id, 'b'), { code: 'NOT_FOUND' });
  for (let i = 0; i < 40; i += 1) plans.add({ step: 'tag', owner: 'a', view: '', foreseen });
  assert.throws(() => plans.find(plan.id, 'a'), { code: 'NOT_FOUND' }, 'the oldest gives way');
});
