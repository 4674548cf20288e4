import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import { readCsv } from '../../../src/modules/batch/csv.js';
import { type Built, build } from '../../build.js';
import { until } from '../../until.js';
import { Browser } from '../dashboard/browser.js';

const URL = '/api/client-certs/batch';
const read = (text: string) => readCsv(Buffer.from(text));
const utf16be = (text: string) => Buffer.from(text, 'utf16le').swap16();
/** The beginning of a workbook and of a file of older Excel. */
const XLSX = Buffer.from('504b030414000600080000002100', 'hex');
const XLS = Buffer.from('d0cf11e0a1b11ae100000000', 'hex');

async function refused(file: Buffer | string, message: RegExp): Promise<void> {
  await assert.rejects(readCsv(Buffer.from(file)), (error: unknown) => {
    assert.ok(error instanceof CertMateError);
    assert.equal(error.code, 'VALIDATION_FAILED');
    assert.match(error.message, message);
    return true;
  });
}

function post({ call }: Built, payload: string | Buffer, type = 'text/csv', query = '') {
  return call('operator', { method: 'POST', url: URL + query, payload, headers: { 'content-type': type } });
}

function multipart(parts: { name: string; text: string | Buffer; file?: string }[]): { body: Buffer; type: string } {
  const pieces = parts.flatMap(({ name, text, file }) => [
    `--edge\r\ncontent-disposition: form-data; name="${name}"${file === undefined ? '' : `; filename="${file}"\r\ncontent-type: text/csv`}\r\n\r\n`,
    text,
    '\r\n',
  ]);
  return {
    body: Buffer.concat([...pieces, '--edge--\r\n'].map((piece) => Buffer.from(piece))),
    type: 'multipart/form-data; boundary=edge',
  };
}

describe('a CSV file as a European Excel writes it (parsecsv/parsecsv-for-php#60, iOfficeAI/OfficeCLI#352)', () => {
  test('may separate columns by semicolons or tabs; its first line decides', async () => {
    for (const delimiter of [';', '\t', '|', ',']) {
      const { headers, rows } = await read(`a${delimiter}b\r\n"x${delimiter}y"${delimiter}z\r\n`);
      assert.deepEqual(headers, ['a', 'b'], JSON.stringify(delimiter));
      assert.deepEqual(rows, [[`x${delimiter}y`, 'z']]);
    }
    const german = await read(
      'common_name;organization;tags\r\nalice;"ACME, Inc.; Berlin";"a;b"\r\nbob;ACME, Inc.;c|d\r\n',
    );
    assert.deepEqual(german.rows, [
      ['alice', 'ACME, Inc.; Berlin', 'a;b'],
      ['bob', 'ACME, Inc.', 'c|d'],
    ]);
    assert.deepEqual((await read('common_name\r\na;b\r\n')).rows, [['a;b']], 'one column has no delimiter');
    assert.deepEqual((await read('"a;b;c",d\r\n1,2\r\n')).headers, ['a;b;c', 'd'], 'what is quoted does not count');
  });

  test('may say sep= in a first line, which is no row', async () => {
    for (const line of ['sep=;', 'SEP=;', '"sep=;"', 'sep=;;;']) {
      const table = await read(`${line}\r\na,x;b\r\n1;2\r\n`);
      assert.deepEqual(table, { headers: ['a,x', 'b'], rows: [['1', '2']] }, line);
    }
    assert.deepEqual((await read('sep=\t\na\tb\n1\t2')).rows, [['1', '2']]);
    assert.deepEqual((await read('\uFEFFsep=;\r\na;b\r\n1;2')).headers, ['a', 'b']);
  });

  test('may be in UTF-8, UTF-16 or Windows-1252', async () => {
    const text = 'common_name;organization\r\nJürgen Łukasz;Česká 🎈\r\n';
    for (const file of [
      Buffer.from(text),
      Buffer.from(`\uFEFF${text}`),
      Buffer.from(`\uFEFF${text}`, 'utf16le'),
      utf16be(`\uFEFF${text}`),
      Buffer.from(text, 'utf16le'),
      utf16be(text),
    ]) {
      const { headers, rows, guessed } = await readCsv(file);
      assert.deepEqual(headers, ['common_name', 'organization']);
      assert.deepEqual(rows, [['Jürgen Łukasz', 'Česká 🎈']]);
      assert.equal(guessed, undefined);
    }
    const western = await readCsv(Buffer.from('common_name\r\nJ\xfcrgen \x80uro \x93x\x94\r\n', 'latin1'));
    assert.deepEqual(western.rows, [['Jürgen €uro “x”']]);
    assert.equal(western.guessed, 'Windows-1252');
  });

  test('may have blank rows above its header, and rows are counted as the spreadsheet shows them', async (t) => {
    const built = await build(t);
    const { headers, above } = await read('\r\n;;\r\na;b\r\n1;2\r\n');
    assert.deepEqual([headers, above], [['a', 'b'], 2]);
    const answer = await post(built, '\r\ncommon_name;days_valid\r\nalice;1\r\nbob;never\r\n');
    assert.equal(answer.statusCode, 201, answer.body);
    assert.deepEqual(
      answer.json().errors.map(({ row }: { row: number }) => row),
      [4],
    );
  });

  test('may end with Ctrl-Z or NULs, and is refused with a NUL inside', async () => {
    for (const end of ['\x1a', '\r\n\x1a', '\x1a\r\n', '\0\0\0', '\r\n\x1a\0\0']) {
      assert.deepEqual((await read(`a,b\r\n1,2${end}`)).rows, [['1', '2']], JSON.stringify(end));
    }
    await refused('a,b\r\n1\0,2\r\n', /NUL/);
  });

  test('is told from a workbook, and from other files, in words', async () => {
    await refused(XLSX, /Excel workbook.*CSV UTF-8/);
    await refused(XLS, /Excel workbook.*CSV UTF-8/);
    await refused('<html><table><tr><td>common_name</td></tr></table>', /HTML/);
    await refused('%PDF-1.7 ...', /PDF/);
    await refused(Buffer.from('1f8b0800', 'hex'), /gzip/);
  });
});

describe('a batch', () => {
  test('matches headers without case, blanks, hyphens and underscores', async (t) => {
    const built = await build(t);
    const text =
      'Common Name;E-Mail;Organizational Unit;ORGANISATION;Days-Valid;Tags;Renewal Enabled;\r\n' +
      'alice;alice@example.com;IT;"ACME, Inc.";30;"a;b";FALSCH;\r\nbob;bob@example.com;;;;c|d;WAHR;\r\n';
    const answer = await post(built, text);
    assert.equal(answer.statusCode, 201, answer.body);
    assert.deepEqual(answer.json().errors, []);
    const [alice, bob] = answer
      .json()
      .certificates.map(({ identifier }: { identifier: string }) => built.app.certificates.get(identifier));
    assert.deepEqual(
      [alice.email, alice.organizational_unit, alice.organization, alice.days_valid, alice.tags],
      ['alice@example.com', 'IT', 'ACME, Inc.', 30, ['a', 'b']],
    );
    assert.deepEqual([bob.tags, bob.renewal.renewal_enabled], [['c', 'd'], true]);
    assert.equal(alice.renewal.renewal_enabled, false);
    const twice = await post(built, 'email;E-Mail;cn\r\n');
    assert.equal(twice.statusCode, 400);
    assert.match(JSON.stringify(twice.json().details), /\\"email\\" is there twice/);
  });

  test('is taken as text/csv, application/csv, application/vnd.ms-excel and multipart/form-data', async (t) => {
    const built = await build(t);
    const csv = 'common_name;days_valid\r\nalice;1\r\n';
    for (const type of ['text/csv; charset=utf-8', 'application/csv', 'application/vnd.ms-excel']) {
      const answer = await post(built, csv, type);
      assert.equal(answer.statusCode, 201, `${type}: ${answer.body}`);
    }
    const file = { name: 'upload', text: csv, file: 'Übersicht.csv' };
    const sent = multipart([file]);
    assert.equal((await post(built, sent.body, sent.type)).statusCode, 201);
    const tried = multipart([file, { name: 'dry_run', text: 'true' }]);
    assert.equal((await post(built, tried.body, tried.type)).json().dry_run, true);
    assert.equal(built.app.certificates.list({}).total, 4);
    for (const [parts, message] of [
      [[{ name: 'dry_run', text: 'true' }], /no file/],
      [[file, file], /one file/],
      [[file, { name: 'surprise', text: 'x' }], /surprise/],
      [[{ ...file, text: XLSX }], /Excel workbook/],
    ] as const) {
      const { body, type } = multipart([...parts]);
      const answer = await post(built, body, type);
      assert.equal(answer.statusCode, 400, answer.body);
      assert.match(JSON.stringify(answer.json()), message);
    }
    const broken = await post(built, 'nothing of the kind', 'multipart/form-data; boundary=edge');
    assert.equal(broken.statusCode, 400, broken.body);
    for (const type of [
      'application/vnd.ms-excel',
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    ]) {
      assert.match((await post(built, XLSX, type)).json().message, /Excel workbook/);
    }
    const { paths } = (await built.call('anonymous', { url: '/openapi.json' })).json();
    const { content } = paths[URL].post.requestBody;
    for (const type of ['application/json', 'text/csv', 'application/csv', 'multipart/form-data']) {
      assert.ok(type in content, type);
    }
    assert.match((await post(built, 'x', 'text/plain')).json().message, /text\/csv.*multipart\/form-data/);
  });

  test('says in a dry run that a file was read as Windows-1252', async (t) => {
    const built = await build(t);
    const file = Buffer.from('common_name\r\nJ\xfcrgen\r\n', 'latin1');
    const answer = await post(built, file, 'text/csv', '?dry_run=true');
    assert.match(answer.json().note, /Windows-1252.*check its names/);
  });

  test('gives its refused rows back as a table, which can be mended and sent again', async (t) => {
    const built = await build(t);
    const text =
      'Common Name;E-Mail;Days Valid;Tags\r\nalice;alice@example.com;1;x\r\n=bob;nowhere;1;"a;b"\r\nc;;never;\r\n';
    const { headers, json } = await built.call('operator', {
      method: 'POST',
      url: URL,
      payload: text,
      headers: { 'content-type': 'text/csv', prefer: 'respond-async' },
    });
    const job = String(headers.location);
    assert.equal(json().failed, 2);
    const failed = async () => (await built.call('operator', { url: `${job}/results.csv?only=failed` })).body;
    const state = async () => (await built.call('operator', { url: job })).json().state;
    await until(async () => (await state()) === 'completed', 'the end of the batch');
    const table = await failed();
    assert.match(table, /^\uFEFFcommon_name,email,days_valid,tags,error\r\n'=bob,nowhere,1,a;b,/);
    assert.match(table, /\r\nc,,never,,"?days_valid/);
    assert.doesNotMatch(table, /\r\nalice/);
    const mended = table.replace('nowhere', 'bob@example.com').replace('never', '2');
    const again = await post(built, mended);
    assert.equal(again.statusCode, 201, again.body);
    assert.deepEqual(again.json().errors, []);
    assert.deepEqual(
      again.json().certificates.map(({ common_name }: { common_name: string }) => common_name),
      ['=bob', 'c'],
    );
  });

  test('offers its refused rows on the page, before anything is issued and after the batch', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.operator);
    const page = '/client-certificates/batch';
    await browser.open(page);
    const csv = 'Common Name\tDays Valid\r\nalice\t1\r\nbob\tnever\r\n';
    const checked = await browser.send(page, { csv, action: 'check', form_id: 'one' });
    assert.match(checked.body, /1 row can be issued, 1 cannot/);
    assert.match(checked.body, /<td class="wrong">never<span class="why">/, 'beside the cell that it is about');
    const refusedRows = await browser.post(page, { csv, action: 'refused', form_id: 'one' });
    assert.match(
      String(refusedRows.headers['content-disposition']),
      /attachment; filename="certmate-batch-refused.csv"/,
    );
    assert.match(refusedRows.body, /^\uFEFFcommon_name,days_valid,error\r\nbob,never,/);
    const started = await browser.post(page, { csv, action: 'start', form_id: 'one' });
    const job = String(started.headers.location);
    assert.match((await browser.open(`${job}/failed.csv`)).body, /bob,never,/);
    const workbook = await browser.send(page, { csv: XLSX.toString('latin1'), action: 'check' });
    assert.match(workbook.body, /Excel workbook/);
  });
});
