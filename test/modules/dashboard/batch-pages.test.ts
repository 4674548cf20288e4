import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from '../../build.js';
import { until } from '../../until.js';
import { Browser } from './browser.js';

const PATH = '/client-certificates/batch';

test('a table is checked, begun and followed in a browser without scripts', async (t) => {
  const { app, tokens, call } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  const form = await browser.open(PATH);
  assert.equal(form.statusCode, 200);
  assert.match((await browser.open('/client-certificates')).body, /href="\/client-certificates\/batch"/);

  await browser.open(PATH);
  const csv = `common_name,country\r\nalice@example.com,DE\r\n<script>,Nowhere\r\n${'bob,US\r\n'.repeat(120)}`;
  const form_id = browser.hidden('form_id');
  const checked = await browser.send(PATH, { form_id, csv, action: 'check' });
  assert.equal(checked.statusCode, 200);
  assert.match(checked.body, /121 rows can be issued, 1 cannot/);
  assert.match(
    checked.body,
    /<td class="wrong">Nowhere<span class="why">must be a two-letter/,
    'beside the cell it is about',
  );
  assert.match(checked.body, /alice@example\.com,DE/, 'what was typed is still there');
  assert.doesNotMatch(checked.body, /<script>,/);
  assert.equal(browser.hidden('form_id'), form_id);
  assert.equal((await call('viewer', { url: '/api/client-certs' })).json().total, 0);

  const start = { form_id, csv, action: 'start' };
  const [begun, again] = await Promise.all([browser.send(PATH, start), browser.send(PATH, start)]);
  assert.equal(begun.statusCode, 303, begun.body);
  const href = String(begun.headers['location']);
  assert.equal(again.headers['location'], href, 'pressing the button twice begins one batch');
  const running = await browser.open(href);
  if (running.body.includes('data-events')) {
    assert.match(running.body, /<noscript><meta http-equiv="refresh" content="\d+"><\/noscript>/);
  }
  let page = running.body;
  await until(
    async () => (page = (await browser.open(href)).body).includes('certificates were issued'),
    () => page,
  );
  assert.match(page, /121 certificates were issued, 1 row failed/);
  assert.doesNotMatch(page, /http-equiv="refresh"/);
  assert.equal((await call('viewer', { url: '/api/client-certs' })).json().total, 121);

  const results = await browser.open(`${href}/results.csv`);
  assert.equal(results.body.split('\r\n').length, 124);
  const zip = await browser.open(`${href}/results.zip`);
  assert.equal(zip.rawPayload.subarray(0, 2).toString(), 'PK');
  const events = await browser.open(`${href}/events`);
  assert.match(events.body, /"texts":\{"state":"Completed"/);
  assert.match((await browser.open(PATH)).body, new RegExp(`href="${href}"`));

  const second = await browser.send(PATH, { ...start, csv: 'common_name\r\ncarol\r\n' });
  assert.notEqual(second.headers['location'], href, 'another table in the same form is another batch');
});

test('a table that cannot be read is shown again with the reason', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(PATH);
  for (const action of ['check', 'start']) {
    const answer = await browser.send(PATH, { csv: 'common_name,passwrod\r\nalice,x\r\n', action });
    assert.equal(answer.statusCode, 400);
    assert.match(answer.body, /There is no field for the column &quot;passwrod&quot;/);
    assert.match(answer.body, /alice,x/);
  }
  assert.equal((await browser.send(PATH, { csv: '', action: 'check' })).statusCode, 400);
});

test('a running batch can be cancelled from its page', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.operator);
  await browser.open(PATH);
  const csv = `common_name\r\n${'bob\r\n'.repeat(3000)}`;
  const href = String((await browser.send(PATH, { csv, action: 'start' })).headers['location']);
  const page = await browser.open(href);
  assert.match(page.body, /action="[^"]+\/cancel"/);
  const answer = await browser.send(`${href}/cancel`);
  assert.equal(answer.headers['location'], href);
  let body = '';
  await until(
    async () => /not reached/.test((body = (await browser.open(href)).body)),
    () => body,
  );
  assert.match(body, /rows were not reached/);
  assert.equal((await browser.send(`${href}/cancel`)).statusCode, 303);
});

test('viewers and other operators see nothing of it', async (t) => {
  const { app, tokens } = await build(t);
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  assert.equal((await browser.open(PATH)).statusCode, 403);
  assert.doesNotMatch((await browser.open('/client-certificates')).body, /client-certificates\/batch/);
});
