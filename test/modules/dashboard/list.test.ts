import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { type Built, build, MovedClock } from '../../build.js';
import { life } from '../client-certs/life.js';
import { Browser } from './browser.js';

const LIST = '/client-certificates';
const unescaped = (html: string) => html.replaceAll('&amp;', '&').replaceAll('&#39;', "'").replaceAll('&quot;', '"');
/** The common names of the rows, from top to bottom. */
const names = (html: string) =>
  [...html.matchAll(/<td class="name"><a href="[^"]+">([^<]+)<\/a>/g)].map(([, name]) => name);
const counters = (html: string) =>
  [...html.matchAll(/<span class="dot [^"]*">([^<]+)<\/span><data class="count" value="(\d+)"/g)].map(
    ([, label, count]) => `${label} ${count}`,
  );

async function signedIn({ app, tokens }: Built, role: 'viewer' | 'operator' | 'admin' = 'viewer'): Promise<Browser> {
  const browser = new Browser(app);
  await browser.signIn(tokens[role]);
  return browser;
}

test('an empty list says what to do', async (t) => {
  const built = await build(t);
  const { body } = await (await signedIn(built, 'operator')).open(LIST);
  assert.match(body, /No certificates yet[\s\S]*Issue the first certificate[\s\S]*href="\/client-certificates\/batch"/);
  assert.match(body, /import-certs/);
  assert.doesNotMatch((await (await signedIn(built)).open(LIST)).body, /Issue the first certificate/);
});

test('search, filters, order and page size live in the URL and survive each link of the list', async (t) => {
  const built = await build(t);
  for (let i = 0; i < 30; i++) {
    await built.issue({ common_name: `host-${String(i).padStart(2, '0')}`, cert_usage: 'vpn' });
  }
  await built.issue({ common_name: 'other', cert_usage: 'wifi' });
  const browser = await signedIn(built);
  const url = `${LIST}?search=host&usage=vpn&status=active&sort=common_name&order=asc&limit=25`;
  const first = (await browser.open(url)).body;
  assert.match(first, /value="host"/);
  assert.match(first, /<option selected>vpn<\/option>/);
  assert.match(first, /<option value="active" selected>/);
  assert.match(first, /aria-sort="ascending"><a[^>]*>Name/);
  assert.match(first, /<data value="30">30<\/data> certificates found/);
  assert.deepEqual(
    names(first),
    Array.from({ length: 25 }, (_, i) => `host-${String(i).padStart(2, '0')}`),
  );
  const kept = ['search=host', 'usage=vpn', 'status=active', 'sort=common_name', 'order=asc', 'limit=25'];
  const next = unescaped(/rel="next" href="([^"]+)"/.exec(first)?.[1] ?? '');
  for (const part of kept) assert.ok(next.includes(part), `${part} in ${next}`);
  const second = (await browser.open(next)).body;
  assert.deepEqual(names(second), ['host-25', 'host-26', 'host-27', 'host-28', 'host-29']);
  const previous = unescaped(/rel="prev" href="([^"]+)"/.exec(second)?.[1] ?? '');
  assert.deepEqual(names((await browser.open(previous)).body), names(first));
  const held = unescaped(/href="([^"]+)"[^>]*><span class="dot held"/.exec(first)?.[1] ?? '');
  for (const part of kept.filter((part) => !part.startsWith('status'))) assert.ok(held.includes(part), held);
  assert.match(held, /status=held/);
});

test('a list link that is out of date opens the list from its beginning', async (t) => {
  const built = await build(t);
  await built.issue();
  const browser = await signedIn(built);
  const answer = await browser.open(`${LIST}?usage=api-mtls&cursor=broken&from=50`);
  assert.equal(answer.headers.location, `${LIST}?usage=api-mtls`);
  const odd = `${LIST}?sort=nonsense&limit=7&status=maybe&expires=soon&expires_from=2026-99-99&type=x`;
  assert.equal((await browser.open(odd)).statusCode, 200);
});

test('the counters tell how many there are of each status', async (t) => {
  const built = await build(t);
  const { issue, revoke } = life(built);
  await issue();
  await revoke((await issue()).identifier);
  await revoke((await issue()).identifier, 'certificateHold');
  const { body } = await (await signedIn(built)).open(`${LIST}?status=held`);
  assert.deepEqual(counters(body), ['All 3', 'Active 1', 'Expiring 0', 'Expired 0', 'On hold 1', 'Revoked 1']);
  await issue({ common_name: 'bob', cert_usage: 'vpn' });
  const filtered = (await (await signedIn(built)).open(`${LIST}?usage=vpn&search=bob&status=revoked`)).body;
  assert.deepEqual(
    counters(filtered),
    ['All 1', 'Active 1', 'Expiring 0', 'Expired 0', 'On hold 0', 'Revoked 0'],
    'of what the other filters leave',
  );
});

test('each filter narrows the list, shows as a chip, and is taken off by it', async (t) => {
  const clock = new MovedClock(new Date('2027-01-10T12:00:00Z'));
  const built = await build(t, { clock });
  const { issue, revoke } = life(built);
  await issue({ common_name: 'five', days_valid: 5, organization: 'ACME', tags: ['laptop', 'blue'] });
  await issue({ common_name: 'forty', days_valid: 40, organization: 'ACME & Sons', cert_usage: 'vpn' });
  await issue({ common_name: 'year', days_valid: 365, certificate_type: 'device', tags: ['laptop'] });
  await issue({ common_name: 'gone', days_valid: 1 });
  const bad = await issue({ common_name: 'bad', days_valid: 60 });
  await revoke(bad.identifier);
  clock.advance(2 * 86_400);
  const browser = await signedIn(built);
  for (const [query, expected] of [
    ['expires=7', ['five']],
    ['expires=90', ['bad', 'five', 'forty']],
    ['expires=past', ['gone']],
    ['expires_from=2027-01-15&expires_to=2027-02-19', ['five', 'forty']],
    ['expires_from=2027-02-20', ['bad', 'year']],
    ['tag=laptop', ['five', 'year']],
    ['tag=lap', []],
    ['organization=ACME', ['five']],
    ['organization=ACME+%26+Sons', ['forty']],
    ['type=device', ['year']],
    ['usage=vpn', ['forty']],
    ['status=unrevoked', ['five', 'forty', 'gone', 'year']],
    ['status=unrevoked&expires=90&tag=blue', ['five']],
  ] as const) {
    const { body } = await browser.open(`${LIST}?${query}`);
    assert.deepEqual(names(body).sort(), expected, query);
    const chips = [...body.matchAll(/<a class="chip" href="([^"]+)"/g)].map(([, href]) => unescaped(href ?? ''));
    assert.equal(chips.length, query.split('&').length, query);
    const without = chips.map((href) => new URL(href, 'http://localhost').searchParams.size);
    assert.ok(without.every((size) => size === chips.length - 1));
  }
  const { body } = await browser.open(LIST);
  assert.match(body, /<datalist id="organizations"><option value="ACME"><\/option><option value="ACME &amp; Sons">/);
  assert.match(body, /<datalist id="tags"><option value="laptop"><\/option><option value="blue">/);
  assert.match((await browser.open(`${LIST}?tag=lap`)).body, /Nothing matches[\s\S]*Clear search and filters/);
});

test('the timeline counts what expires in each month, and each bar leads to exactly those', async (t) => {
  const clock = new MovedClock(new Date('2027-11-22T20:00:00Z'));
  const built = await build(t, { clock });
  const { issue, revoke } = life(built);
  for (const days_valid of [1, 8, 9, 40, 365, 800]) await issue({ common_name: `d${days_valid}`, days_valid });
  await revoke((await issue({ common_name: 'bad', days_valid: 9 })).identifier);
  const browser = await signedIn(built);
  const { body } = await browser.open(`${LIST}?search=nothing+like+it`);
  const bars = [...body.matchAll(/<li><a href="([^"]+)".*?<data[^>]*>(.+?)<svg/g)].map(([, href, label]) => ({
    href: unescaped(href ?? ''),
    label: label?.replace(/<[^>]+>/g, ''),
  }));
  assert.equal(bars.length, 13);
  assert.deepEqual(
    bars.map(({ label }) => label).filter((label) => !label?.startsWith('0 ')),
    [
      '2 certificates expire in November 2027',
      '1 certificate expires in December 2027',
      '1 certificate expires in January 2028',
      '1 certificate expires in November 2028',
    ],
  );
  const expected = [['d1', 'd8'], ['d9'], ['d40']];
  for (const [index, wanted] of expected.entries()) {
    assert.deepEqual(names((await browser.open(bars[index]?.href ?? '')).body), wanted, bars[index]?.label);
  }
  assert.match((await browser.open(bars[1]?.href ?? '')).body, /<a href="[^"]+" aria-current="true" title="Dec/);
});

test('what is found is exported as CSV, whole, in the order of the list', async (t) => {
  const built = await build(t);
  for (let i = 0; i < 60; i += 1) await built.issue({ common_name: `host-${i}`, cert_usage: 'vpn' });
  await built.issue({ common_name: 'other', tags: ['a', 'b'] });
  const browser = await signedIn(built);
  const page = (await browser.open(`${LIST}?usage=vpn&sort=common_name&order=desc&limit=25`)).body;
  const href = unescaped(/<a class="button" href="([^"]+)" data-region="export"/.exec(page)?.[1] ?? '');
  const answer = await browser.open(href);
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.headers['content-type'], 'text/csv; charset=utf-8');
  assert.match(
    String(answer.headers['content-disposition']),
    /^attachment; filename="certificates-\d{4}-\d\d-\d\d\.csv"$/,
  );
  const rows = parse(answer.body, { columns: true, bom: true, record_delimiter: '\r\n' }) as Record<string, string>[];
  assert.deepEqual(
    rows.map((row) => row['common_name']),
    Array.from({ length: 60 }, (_, i) => `host-${i}`)
      .sort()
      .reverse(),
  );
  const all = parse((await browser.open(`${LIST}/export.csv`)).body, { columns: true, bom: true }) as typeof rows;
  assert.equal(all.length, 61);
  assert.equal(all[0]?.['tags'], 'a; b');
  assert.match(all[0]?.['serial_number'] ?? '', /^\d{20,}$/);
  assert.equal((await built.app.inject({ url: `${LIST}/export.csv` })).statusCode, 303, 'not without signing in');
});

test('a cell that a spreadsheet would run as a formula is text in the CSV', async (t) => {
  const built = await build(t);
  for (const common_name of ['=cmd|calc', '+1', '-1', '@SUM(1)', 'a "quoted", name'])
    await built.issue({ common_name });
  const browser = await signedIn(built);
  const { body } = await browser.open(`${LIST}/export.csv?sort=common_name&order=asc`);
  const rows = parse(body, { columns: true, bom: true }) as Record<string, string>[];
  assert.deepEqual(
    rows.map((row) => row['common_name']).sort(),
    ["'+1", "'-1", "'=cmd|calc", "'@SUM(1)", 'a "quoted", name'].sort(),
  );
});

test('every way back leads to the list as it was last seen (fabriziosalmi/certmate#561)', async (t) => {
  const built = await build(t);
  const { identifier } = await built.issue();
  const browser = await signedIn(built, 'admin');
  const view = `${LIST}?search=alice&status=active&sort=expires_at&order=asc`;
  const back = new RegExp(`href="${view.replaceAll('&', '&amp;').replace('?', '\\?')}"`);
  await browser.open(view);
  for (const page of [`${LIST}/${identifier}`, `${LIST}/new`, `${LIST}/batch`]) {
    assert.match((await browser.open(page)).body, back, page);
  }
  await browser.open(LIST);
  assert.doesNotMatch((await browser.open(`${LIST}/${identifier}`)).body, back);
});

test('a view that was planted in the cookie is no way to another place', async (t) => {
  const built = await build(t);
  const { identifier } = await built.issue();
  const browser = await signedIn(built);
  for (const planted of ['"><script>', 'a=b\\', '/../help', 'x'.repeat(3001)]) {
    browser.cookies.set('view', encodeURIComponent(planted));
    const { body } = await browser.open(`${LIST}/${identifier}`);
    assert.match(body, /class="crumb" href="\/client-certificates"/, planted.slice(0, 20));
  }
});
