import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import { readCsv } from '../../../src/modules/batch/csv.js';

const read = (text: string) => readCsv(Buffer.from(text));

async function refused(file: Buffer | string, message: RegExp): Promise<void> {
  await assert.rejects(readCsv(Buffer.from(file)), (error: unknown) => {
    assert.ok(error instanceof CertMateError);
    assert.equal(error.code, 'VALIDATION_FAILED');
    assert.match(error.message, message);
    return true;
  });
}

describe('a CSV file', () => {
  test('may quote cells that hold commas, quotes and line breaks (CertMate split on every comma)', async () => {
    const { headers, rows } = await read('a,b,c\r\n"ACME, Inc.","say ""hi""","two\r\nlines"\r\nx,,z\r\n');
    assert.deepEqual(headers, ['a', 'b', 'c']);
    assert.deepEqual(rows, [
      ['ACME, Inc.', 'say "hi"', 'two\r\nlines'],
      ['x', '', 'z'],
    ]);
  });

  for (const [name, end] of [
    ['CRLF', '\r\n'],
    ['LF', '\n'],
    ['CR', '\r'],
  ] as const) {
    test(`may end its lines with ${name}, the last one too or not`, async () => {
      for (const last of ['', end]) assert.deepEqual((await read(`a,b${end}1,2${last}`)).rows, [['1', '2']]);
    });
  }

  test('may mix line ends, as files that were edited on several systems do', async () => {
    assert.deepEqual((await read('a\r\n1\n2\r\n3')).rows, [['1'], ['2'], ['3']]);
  });

  test('may begin with a byte order mark', async () => {
    assert.deepEqual((await read('\uFEFFcommon_name\nä')).headers, ['common_name']);
    assert.deepEqual((await read('\uFEFF"common_name"\nä')).headers, ['common_name']);
  });

  test('keeps the numbers of rows below a blank one', async () => {
    assert.deepEqual((await read('a,b\n\n1,2\n,\n3,4\n')).rows, [null, ['1', '2'], null, ['3', '4']]);
  });

  test('is read the same wherever its pieces are cut', async () => {
    const row = '"ä, ""x""","two\r\nlines"\r\n';
    const { rows } = await read(`a,b\r\n${row.repeat(20_000)}`);
    assert.equal(rows.length, 20_000);
    for (const cells of rows) assert.deepEqual(cells, ['ä, "x"', 'two\r\nlines']);
  });

  test('may be empty', async () => {
    assert.deepEqual(await read(''), { headers: null, rows: [] });
  });

  test('is refused with the row where a quote is wrong', async () => {
    await refused('a,b\n1,2\n"3,4\n', /^Row 3 .*not closed/);
    await refused('a,b\n1,2\n5,6\n"3"x,4\n', /^Row 4 .*must be doubled/);
    await refused('a,b\n3"4,1\n', /^Row 2 .*must be quoted/);
  });

  test('is refused in an encoding that is neither Unicode nor Windows-1252, which would spoil names', async () => {
    await refused(Buffer.from('a\nM\x81ller', 'latin1'), /UTF-8/);
    await refused(Buffer.from('\xef\xbb\xbfa\nM\xfcller', 'latin1'), /UTF-8/);
    await refused(Buffer.from('\uFEFFa\n\uD800', 'utf16le'), /UTF-16/);
  });

  test('is refused beyond 30 000 rows', async () => {
    assert.equal((await read(`a\n${'x\n'.repeat(30_000)}`)).rows.length, 30_000);
    await refused(`a\n${'x\n'.repeat(30_001)}`, /more than 30000 rows/);
    await refused(`a\n${'\n'.repeat(100_000)}`, /blank rows/);
  });
});
