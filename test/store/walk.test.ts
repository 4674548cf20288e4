import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { walk } from '../../src/store/walk.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';

async function planted(t: TestContext): Promise<string> {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'b'));
  await writeFile(join(root, 'b/c'), '');
  await writeFile(join(root, 'a'), '');
  return root;
}

async function pathsOf(...args: Parameters<typeof walk>): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of walk(...args)) paths.push(path);
  return paths;
}

for (const [name, path] of [
  ['opendir', 'b'],
  ['stat', 'b/c'],
] as const) {
  test(`what cannot be looked at (${name}) ends the walk, or is told and left out; what has vanished is only left out`, async (t) => {
    const root = await planted(t);
    const calls = FileCalls.watch(t, root);
    const matches = (call: { name: string; path: string }) => call.name === name && call.path === join(root, path);
    const failing = calls.fail(matches, 'EIO');
    await assert.rejects(pathsOf(root), { code: 'EIO' });
    const told: string[] = [];
    const seen = await pathsOf(
      root,
      () => false,
      (where) => told.push(where),
    );
    assert.deepEqual([seen, told], [['a', 'b'], [path]]);
    failing.stop();
    const vanished = calls.fail(matches, 'ENOENT');
    assert.deepEqual(await pathsOf(root), ['a', 'b']);
    assert.equal(vanished.count, 1);
  });
}

test('links are followed, and one that leads back to where it is ends by itself', async (t) => {
  const root = await planted(t);
  await symlink(root, join(root, 'b/up'));
  const paths = await pathsOf(root);
  assert.deepEqual(paths.slice(0, 5), ['a', 'b', 'b/c', 'b/up', 'b/up/a']);
  assert.ok(paths.length < 100, `${paths.length} entries`);
});
