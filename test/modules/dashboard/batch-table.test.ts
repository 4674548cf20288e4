import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkedTable } from '../../../src/modules/dashboard/batch-table.js';

const rows = (count: number) => Array.from({ length: count }, (_, i) => [`name-${i}`, 'DE']);

test('a small table is shown as a whole, blank rows left out and counted', () => {
  const table = { headers: ['Common Name', 'country'], rows: [['a', 'DE'], null, ['b', 'XX', 'surplus']] };
  const details = [
    { path: 'country', message: 'is no country' },
    { path: 'email', message: 'is missing' },
  ];
  const { rows, more, onlyProblems } = checkedTable(table, [{ row: 4, error: 'both', details }]);
  assert.deepEqual([more, onlyProblems], [0, false]);
  assert.deepEqual(rows, [
    {
      row: 2,
      cells: [
        { text: 'a', problem: '' },
        { text: 'DE', problem: '' },
      ],
      problem: '',
      ok: true,
    },
    {
      row: 4,
      cells: [
        { text: 'b', problem: '' },
        { text: 'XX', problem: 'is no country' },
      ],
      problem: 'email: is missing',
      ok: false,
    },
  ]);
});

test('of a large table the first hundred rows with problems are shown, and the others counted', () => {
  const problems = Array.from({ length: 130 }, (_, i) => ({ row: 2 + i * 3, error: 'country: is no country' }));
  const {
    rows: shown,
    more,
    onlyProblems,
  } = checkedTable({ headers: ['common_name', 'country'], rows: rows(400) }, problems);
  assert.deepEqual([shown.length, more, onlyProblems], [100, 30, true]);
  assert.ok(shown.every(({ cells }) => cells[1]?.problem === 'is no country'));
  const fine = checkedTable({ headers: ['common_name', 'country'], rows: rows(400) }, []);
  assert.deepEqual([fine.rows.length, fine.more, fine.onlyProblems], [100, 300, false]);
});

test('a complaint about no column is told for the row; a very long cell is cut', () => {
  const { rows: shown } = checkedTable({ headers: ['csr'], rows: [['x'.repeat(5000)]] }, [
    { row: 2, error: 'The signature of the request does not hold.' },
  ]);
  assert.equal(shown[0]?.problem, 'The signature of the request does not hold.');
  assert.ok((shown[0]?.cells[0]?.text.length ?? 0) < 100);
});
