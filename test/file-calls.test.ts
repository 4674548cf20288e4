import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { FileCalls } from './file-calls.js';

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'certmate-calls-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('calls of all three kinds are seen in their order, under the name that a file has by then', async (t) => {
  const path = await directory(t);
  const calls = FileCalls.watch(t, path);
  const handle = await open(join(path, 'a'), 'wx');
  await handle.write('text');
  await rename(join(path, 'a'), join(path, 'b'));
  await handle.datasync();
  await handle.close();
  mkdirSync(join(path, 'c'));
  writeFileSync(join(path, 'c', 'd'), 'more');
  assert.equal(readFileSync(join(path, 'b'), 'utf8'), 'text');
  const seen = calls.made.map(({ name, path: at }) => `${name} ${at.slice(path.length)}`);
  assert.deepEqual(
    seen.filter((call) => !call.startsWith('readFile')),
    ['open /a', 'write /a', 'rename /a', 'datasync /b', 'close /b', 'mkdir /c', 'writeFile /c/d'],
  );
});

test('a call that is made to fail does nothing; others and later ones work', async (t) => {
  const path = await directory(t);
  const calls = FileCalls.watch(t, path);
  const failing = calls.fail(({ name }) => name === 'write', 'ENOSPC', { times: 1, after: 1 });
  const handle = await open(join(path, 'a'), 'wx');
  await handle.write('one ');
  await assert.rejects(handle.write('two '), { code: 'ENOSPC' });
  await handle.write('three');
  await handle.close();
  assert.equal(failing.count, 1);
  assert.equal(await readFile(join(path, 'a'), 'utf8'), 'one three');
});

test('a call that is held is made when it is released', async (t) => {
  const path = await directory(t);
  writeFileSync(join(path, 'a'), 'old');
  const calls = FileCalls.watch(t, path);
  const held = calls.hold(({ name }) => name === 'rename');
  const renaming = rename(join(path, 'a'), join(path, 'b'));
  assert.equal((await held.reached).to, join(path, 'b'));
  assert.equal(await readFile(join(path, 'a'), 'utf8'), 'old');
  held.release();
  await renaming;
  assert.equal(await readFile(join(path, 'b'), 'utf8'), 'old');
});
