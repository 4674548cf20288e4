import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { LightMyRequestResponse } from 'fastify';
import { type Built, build } from '../../build.js';

const URL = '/api/client-certs/batch';

const postJson = ({ call }: Built, payload: object, headers: Record<string, string> = {}) =>
  call('operator', { method: 'POST', url: URL, payload, headers });
const postCsv = ({ call }: Built, payload: string, query = '') =>
  call('operator', { method: 'POST', url: `${URL}${query}`, payload, headers: { 'content-type': 'text/csv' } });
const inventorySize = async ({ call }: Built) => (await call('viewer', { url: '/api/client-certs' })).json().total;

function assertRefused(answer: LightMyRequestResponse, message: RegExp): void {
  assert.equal(answer.statusCode, 400, answer.body);
  assert.equal(answer.json().code, 'VALIDATION_FAILED');
  assert.match(answer.json().message, message);
}

describe('a batch of up to 100 rows', () => {
  test('in JSON is issued while the caller waits, with the defaults for what a row leaves out', async (t) => {
    const built = await build(t);
    const answer = await postJson(built, {
      headers: ['common_name', 'days_valid', 'tags', 'cert_usage', 'renewal_enabled', 'identifier'],
      rows: [
        ['alice@example.com', 30, ['a', 'b'], 'vpn', false, 'alice-1'],
        ['bob@example.com', '60', 'c; d', null, 'TRUE', ''],
        ['carol@example.com'],
      ],
      defaults: { cert_usage: 'email', organization: 'ACME' },
    });
    assert.equal(answer.statusCode, 201, answer.body);
    const { total, successful, failed, errors, certificates } = answer.json();
    assert.deepEqual({ total, successful, failed, errors }, { total: 3, successful: 3, failed: 0, errors: [] });
    assert.deepEqual(
      certificates.map(({ common_name }: { common_name: string }) => common_name),
      ['alice@example.com', 'bob@example.com', 'carol@example.com'],
    );
    assert.equal(certificates[0].identifier, 'alice-1');
    const records = [];
    for (const { identifier, serial_number } of certificates) {
      const record = (await built.call('viewer', { url: `/api/client-certs/${identifier}` })).json();
      assert.equal(record.serial_number, serial_number);
      assert.equal(record.organization, 'ACME');
      const pem = await built.call('viewer', { url: `/api/client-certs/${identifier}/download/crt` });
      assert.equal(BigInt(`0x${new X509Certificate(pem.body).serialNumber}`).toString(), serial_number);
      records.push(record);
    }
    const [alice, bob, carol] = records;
    assert.deepEqual([alice.days_valid, alice.tags, alice.cert_usage], [30, ['a', 'b'], 'vpn']);
    assert.deepEqual([bob.days_valid, bob.tags, bob.cert_usage], [60, ['c', 'd'], 'email']);
    assert.deepEqual([alice.renewal.renewal_enabled, bob.renewal.renewal_enabled], [false, true]);
    assert.deepEqual([carol.days_valid, carol.tags, carol.cert_usage], [365, [], 'email']);
  });

  test('in CSV too, its errors with the numbers that a spreadsheet shows', async (t) => {
    const built = await build(t);
    const answer = await postCsv(
      built,
      '\uFEFFCommon Name,country,days_valid,subject_alt_names\r\n' +
        'alice@example.com,us,10,dns:a.example.com;ip:10.0.0.1\r\n' +
        '\r\n' +
        'bob@example.com,XX,soon,\r\n' +
        '"Dr. Carol, MD",DE,,\r\n' +
        'dave,DE,1,,surplus\r\n' +
        ',DE,,\r\n',
    );
    assert.equal(answer.statusCode, 201, answer.body);
    const { total, successful, failed, errors, certificates } = answer.json();
    assert.deepEqual([total, successful, failed], [5, 2, 3]);
    assert.deepEqual(
      errors.map(({ row }: { row: number }) => row),
      [4, 6, 7],
    );
    assert.match(errors[0].error, /country: .*; days_valid: /);
    assert.match(errors[1].error, /5 cells, but there are 4 columns/);
    assert.match(errors[2].error, /common_name/);
    assert.equal(certificates[1].common_name, 'Dr. Carol, MD');
    const alice = (await built.call('viewer', { url: `/api/client-certs/${certificates[0].identifier}` })).json();
    assert.deepEqual(alice.subject_alt_names.slice(0, 2), ['dns:a.example.com', 'ip:10.0.0.1']);
  });

  test('sent again with the same Idempotency-Key gives the first answer, also after a restart, and issues nothing twice', async (t) => {
    const built = await build(t);
    const key = { 'idempotency-key': 'order-4711' };
    const table = { headers: ['common_name'], rows: [['alice'], ['']] };
    const [first, meanwhile] = await Promise.all([postJson(built, table, key), postJson(built, table, key)]);
    assert.equal(first.statusCode, 201, first.body);
    assert.deepEqual([first.json().successful, first.json().failed], [1, 1]);
    assert.deepEqual(meanwhile.json(), first.json());
    const other = await postJson(built, { ...table, rows: [['bob']] }, key);
    assert.equal(other.statusCode, 409);
    assert.equal((await postJson(built, table, { 'idempotency-key': 'order-4712' })).json().successful, 1);
    const { tokens } = built;
    await built.app.close();
    const again = await build(t, { config: built.config });
    const headers = { ...key, authorization: `Bearer ${tokens.operator}` };
    const replayed = await postJson(again, table, headers);
    assert.equal(replayed.headers['idempotent-replayed'], 'true');
    assert.deepEqual(replayed.json(), first.json());
    assert.equal(await inventorySize(again), 2);
  });

  test('that failed as a whole is not remembered; one that the server stopped in is not begun again', async (t) => {
    const built = await build(t);
    const key = { 'idempotency-key': 'order-1' };
    assertRefused(await postJson(built, { headers: ['nothing'], rows: [['alice']] }, key), /column/);
    assert.equal((await postJson(built, { headers: ['common_name'], rows: [['alice']] }, key)).statusCode, 201);

    const folder = join(built.config.dataDir, 'idempotency');
    for (const name of await readdir(folder)) {
      const entry = JSON.parse(await readFile(join(folder, name), 'utf8'));
      await writeFile(join(folder, name), JSON.stringify({ ...entry, body: null }));
    }
    const { tokens } = built;
    await built.app.close();
    const again = await build(t, { config: built.config });
    const headers = { ...key, authorization: `Bearer ${tokens.operator}` };
    const cut = await postJson(again, { headers: ['common_name'], rows: [['alice']] }, headers);
    assert.equal(cut.statusCode, 409, cut.body);
    assert.match(cut.json().message, /stopped in the middle/);
    assert.equal(await inventorySize(again), 1);
  });

  test('has one audit line at its start and one at its end, and one for each certificate', async (t) => {
    const built = await build(t);
    await postCsv(built, 'common_name\nalice\nbob\n\u0001\n');
    const entries = (await built.call('admin', { url: '/api/audit?limit=50' })).json().entries.reverse();
    const lines = entries.filter(({ operation }: { operation: string }) => /^(create|batch_import)$/.test(operation));
    assert.deepEqual(
      lines.map(({ operation, details }: { operation: string; details: { phase?: string } }) =>
        [operation, details.phase].filter(Boolean).join(' '),
      ),
      ['batch_import start', 'create', 'create', 'batch_import end'],
    );
    const { status, details } = lines.at(-1);
    assert.equal(status, 'success');
    assert.deepEqual(details, { phase: 'end', state: 'completed', total: 3, successful: 2, failed: 1 });
  });
});

describe('a batch is refused as a whole', () => {
  test('where a column is no field of a request, and the answer names it', async (t) => {
    const built = await build(t);
    assertRefused(await postCsv(built, 'common_name,passwrod,colour\nalice,x,y\n'), /"passwrod"/);
    const answer = await postJson(built, { headers: ['common_name', 'passwrod', 'colour'], rows: [['a', 'b', 'c']] });
    assert.deepEqual(
      answer.json().details.map(({ path }: { path: string }) => path),
      ['headers.1', 'headers.2'],
    );
    assertRefused(await postCsv(built, 'common_name;passwrod\nalice;x\n'), /"passwrod"/);
    assertRefused(await postJson(built, { headers: ['__proto__'], rows: [['a']] }), /__proto__/);
    assertRefused(await postJson(built, { headers: ['common_name'], rows: [['a']], defaults: { nope: 1 } }), /nope/);
    assert.equal(await inventorySize(built), 0);
  });

  test('where a column is there twice, has no name, or none says whom it is for', async (t) => {
    const built = await build(t);
    assertRefused(await postCsv(built, 'common_name,email,common_name\na,b,c\n'), /twice/);
    assertRefused(await postCsv(built, 'common_name,,email\na,b,c\n'), /Column 2 has no name/);
    assertRefused(await postCsv(built, 'email\nx@example.com\n'), /common_name/);
    assert.equal((await postCsv(built, 'common_name,,\nalice,,\n')).statusCode, 201);
  });

  test('where it has no row, or too many', async (t) => {
    const built = await build(t);
    assertRefused(await postCsv(built, ''), /no header/);
    assertRefused(await postCsv(built, 'common_name\n\n'), /no row/);
    assertRefused(await postJson(built, { headers: ['common_name'], rows: [] }), /no row/);
    const rows = Array.from({ length: 30_001 }, () => ['x']);
    assertRefused(await postJson(built, { headers: ['common_name'], rows }), /30001 rows/);
  });

  test('where the body is no table, or too large', async (t) => {
    const built = await build(t);
    assertRefused(await postJson(built, { headers: 'common_name', rows: [] }), /headers/);
    assertRefused(await postJson(built, { headers: ['common_name'], rows: [['a']], colour: 1 }), /Unknown field/);
    const large = await postCsv(built, `common_name,notes\nalice,${'x'.repeat(16 * 1024 * 1024)}\n`);
    assert.equal(large.statusCode, 413);
    const media = await built.call('operator', {
      method: 'POST',
      url: URL,
      payload: '<a/>',
      headers: { 'content-type': 'application/xml' },
    });
    assert.equal(media.statusCode, 415);
  });
});

describe('a row is refused', () => {
  test('if its identifier is taken, here or earlier in the batch, before anything is issued', async (t) => {
    const built = await build(t);
    await built.issue({ identifier: 'taken' });
    const csv = 'common_name,identifier\na,taken\nb,mine\nc,mine\nd,other\n';
    const judged = (await postCsv(built, csv, '?dry_run=true')).json();
    assert.deepEqual(
      judged.errors.map(({ row }: { row: number }) => row),
      [2, 4],
    );
    assert.match(judged.errors[1].error, /row 3 has the same/);
    assert.deepEqual((await postCsv(built, csv)).json().errors, judged.errors);
  });

  test('if its key would be lost', async (t) => {
    const built = await build(t);
    const answer = await postCsv(built, 'common_name,store_key\nalice,no\nbob,yes\n');
    assert.deepEqual([answer.json().successful, answer.json().errors[0].row], [1, 2]);
    assert.match(answer.json().errors[0].error, /store_key/);
  });
});

describe('a dry run', () => {
  test('tells every row’s errors and issues nothing, however many rows there are', async (t) => {
    const built = await build(t);
    const rows = Array.from({ length: 250 }, (_, index) => [`user${index}`, index % 50 === 0 ? 0 : 10]);
    const answer = await postJson(built, { headers: ['common_name', 'days_valid'], rows, dry_run: true });
    assert.equal(answer.statusCode, 200, answer.body);
    const { total, successful, failed, errors, certificates, dry_run } = answer.json();
    assert.deepEqual(
      { total, successful, failed, certificates, dry_run },
      { total: 250, successful: 245, failed: 5, certificates: [], dry_run: true },
    );
    assert.deepEqual(
      errors.map(({ row }: { row: number }) => row),
      [2, 52, 102, 152, 202],
    );
    assert.equal(await inventorySize(built), 0);
  });

  test('says how long RSA keys will take', async (t) => {
    const built = await build(t);
    const rows = Array.from({ length: 1000 }, (_, index) => [`user${index}`]);
    const judge = async (key_type: string) =>
      (await postJson(built, { headers: ['common_name'], rows, defaults: { key_type }, dry_run: true })).json();
    const rsa = await judge('rsa-4096');
    assert.ok(rsa.eta_seconds > 300, `${rsa.eta_seconds} s`);
    assert.match(rsa.note, /1000 RSA-4096 keys takes about \d+ minutes/);
    const ec = await judge('ec-p256');
    assert.ok(ec.eta_seconds < 30);
    assert.equal(ec.note, null);
  });
});

test('who may do what: operators begin batches; viewers and strangers do not', async (t) => {
  const { call } = await build(t);
  const post = { method: 'POST' as const, url: URL, payload: { headers: ['common_name'], rows: [['a']] } };
  assert.equal((await call('anonymous', post)).statusCode, 401);
  assert.equal((await call('viewer', post)).statusCode, 403);
  assert.equal((await call('operator', post)).statusCode, 201);
  const job = `${URL}/${'0'.repeat(32)}`;
  for (const url of [job, `${job}/events`, `${job}/results.csv`, `${job}/results.zip`]) {
    assert.equal((await call('anonymous', { url })).statusCode, 401, url);
    assert.equal((await call('viewer', { url })).statusCode, 403, url);
    assert.equal((await call('operator', { url })).statusCode, 404, url);
  }
  assert.equal((await call('viewer', { method: 'DELETE', url: job })).statusCode, 403);
});

test('batches are limited to ten a minute', async (t) => {
  const { call } = await build(t, { environment: { CERTMATE_RATE_LIMITS: 'on' } });
  const post = () =>
    call('operator', { method: 'POST', url: URL, payload: { headers: ['common_name'], rows: [['a']], dry_run: true } });
  const statuses = [];
  for (let n = 0; n < 11; n += 1) statuses.push((await post()).statusCode);
  assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 429]);
});

test('the description of the API has every media type', async (t) => {
  const { app } = await build(t);
  const { paths } = (await app.inject('/openapi.json')).json();
  const { content } = paths['/api/client-certs/batch'].post.requestBody;
  const csv = ['text/csv', 'application/csv', 'application/vnd.ms-excel', 'text/tab-separated-values'];
  assert.deepEqual(Object.keys(content), ['application/json', ...csv, 'multipart/form-data']);
  assert.deepEqual(content['application/json'].schema, { $ref: '#/components/schemas/BatchRequestInput' });
  assert.equal(content['text/csv'].schema.type, 'string');
});
