// Each promise of SECURITY.md is held by tests that exist.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from './root.js';

const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');
const [, promised = ''] = /\n## What is promised\n([\s\S]*?)\n## /.exec(text) ?? [];
const promises = promised.split('\n').filter((line) => line.startsWith('- '));

/** The tests that a promise names: files, and titles in quotation marks that belong to the file before them. */
function testsOf(promise: string): { file: string; title: string | null }[] {
  const named: { file: string; title: string | null }[] = [];
  let file = '';
  for (const [, path, title] of promise.matchAll(/`(test\/[^`]+)`|“([^”]+)”/g)) {
    file = path ?? file;
    named.push({ file, title: title ?? null });
  }
  return named;
}

test('SECURITY.md makes promises', () => {
  assert.ok(promises.length > 30, `${promises.length}`);
});

for (const promise of promises) {
  test(`${promise.slice(2, promise.indexOf(': `test/'))}: its tests are there`, () => {
    const named = testsOf(promise);
    assert.ok(named.length > 0, 'it names none');
    for (const { file, title } of named) {
      assert.ok(existsSync(join(root, file)), `there is no ${file}`);
      if (title === null) continue;
      const source = readFileSync(join(root, file), 'utf8');
      const spellings = [`'${title}'`, `'${title.replaceAll("'", "\\'")}'`, `"${title}"`, `\`${title}\``];
      assert.ok(
        spellings.some((spelling) => source.includes(spelling)),
        `${file} has no test “${title}”`,
      );
    }
  });
}
