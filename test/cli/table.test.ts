import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Column, tabbedLine, tableLines, widthOf } from '../../src/cli/table.js';

interface Row {
  name: string;
  note: string;
}
const COLUMNS: Column<Row>[] = [
  { title: 'NAME', text: ({ name }) => name, least: 4 },
  { title: 'NOTE', text: ({ note }) => note, least: 4 },
];
const table = (width: number, ...rows: Row[]) => tableLines(COLUMNS, rows, width);

describe('a table', () => {
  it('lines its columns up, and leaves out those that are empty', () => {
    assert.deepEqual(table(80, { name: 'a', note: 'first' }, { name: 'bcdefg', note: '' }), [
      'NAME    NOTE',
      'a       first',
      'bcdefg',
    ]);
    assert.deepEqual(table(80, { name: 'a', note: '' }), ['NAME', 'a']);
  });

  it('cuts the last columns first, down to their least width', () => {
    const row = { name: 'abcdefgh', note: 'ijklmnop' };
    assert.deepEqual(table(16, row), ['NAME      NOTE', 'abcdefgh  ijklm…']);
    assert.deepEqual(table(12, row), ['NAME    NOTE', 'abcde…  ijk…']);
    assert.deepEqual(table(3, row), ['NAME  NOTE', 'abc…  ijk…']);
  });

  it('counts what a terminal counts', () => {
    assert.deepEqual([widthOf('abc'), widthOf('山田'), widthOf('é'), widthOf('e\u0301')], [3, 4, 1, 1]);
    for (const line of table(14, { name: '山田太郎', note: '山田太郎' })) assert.ok(widthOf(line) <= 14, line);
  });

  it('shows nothing that a terminal or a reader of lines would obey', () => {
    const row = { name: 'a\u001b[2Jb', note: 'c\td\n\u202ee' };
    for (const line of [...table(80, row), tabbedLine(COLUMNS, row)]) assert.doesNotMatch(line, /[^\P{Cc}\t]|\u202e/u);
    assert.equal(tabbedLine(COLUMNS, row).split('\t').length, 2);
  });
});
