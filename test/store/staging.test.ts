import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ArchivedFile } from '../../src/store/archive.js';
import { Staging } from '../../src/store/staging.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const LONG = 300_000;

const file = (path: string, text: string, mode = 0o600): ArchivedFile => ({
  path,
  mode,
  content: [Buffer.from(text)],
});

const names = async (path: string) => (await readdir(path, { recursive: true })).sort();

/** A place for a directory, whose calls are watched; with `inside`, the directory is there and is filled inside. */
async function watched(t: TestContext, inside = false) {
  const root = await temporaryDirectory(t);
  const target = join(root, 'data');
  if (inside) {
    await mkdir(target);
    await writeFile(join(target, '.gitignore'), '*');
  }
  const calls = FileCalls.watch(t, root);
  return { root, target, calls, staging: await Staging.begin(target) };
}

test('everything is durable, with each directory, before it is in its place, and then that is made durable', async (t) => {
  const { root, calls, staging } = await watched(t);
  await staging.write(file('certs/ca/ca.crt', 'c'));
  await staging.write(file('long', 'x'.repeat(LONG)));
  await staging.settle();
  const settled = calls.made.length;
  await staging.commit();
  const steps = stepsOf(calls, root);
  const place = '.restore-*-data';
  for (const step of [
    `datasync ${place}/certs/ca/ca.crt`,
    `datasync ${place}/long`,
    `sync ${place}/certs`,
    `sync ${place}/certs/ca`,
    `sync ${place}`,
  ]) {
    const at = steps.indexOf(step);
    assert.ok(at !== -1 && at < stepsOf(calls, root).length - 2, `${step}: ${steps.join('\\n')}`);
  }
  assert.ok(steps.indexOf(`datasync ${place}/long`) < steps.indexOf(`sync ${place}`));
  assert.deepEqual(stepsOf(calls, root, settled), [`rename ${place} data`, 'sync .']);
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.equal(count('close'), count('open'));
});

test('inside a directory all is moved out, certs last, and made durable', async (t) => {
  const { root, calls, staging, target } = await watched(t, true);
  for (const path of ['certs/a', 'auth/b', 'journal/c']) await staging.write(file(path, 'x'));
  await staging.settle();
  const settled = calls.made.length;
  await staging.commit();
  const steps = stepsOf(calls, root, settled);
  assert.deepEqual(
    steps.filter((step) => step.startsWith('rename')),
    ['auth', 'journal', 'certs'].map((name) => `rename data/.restore-*/${name} data/${name}`),
  );
  assert.deepEqual(steps.slice(3), ['rmdir data/.restore-*', 'sync data', 'sync .']);
  assert.deepEqual((await readdir(target)).sort(), ['.gitignore', 'auth', 'certs', 'journal']);
});

test('a move that fails inside a directory takes back what was moved, and leaves what was there', async (t) => {
  const { calls, staging, target } = await watched(t, true);
  for (const path of ['certs/a', 'auth/b', 'journal/c']) await staging.write(file(path, 'x'));
  await staging.settle();
  calls.fail(({ name, to }) => name === 'rename' && to?.endsWith('data/certs') === true, 'EIO', { times: 1 });
  await assert.rejects(staging.commit(), { code: 'EIO' });
  await staging.abandon(false);
  assert.deepEqual(await names(target), ['.gitignore']);
});

for (const [step, path, text] of [
  ['open', 'short', 'x'],
  ['writeFile', 'short', 'x'],
  ['datasync', 'short', 'x'],
  ['writeFile', 'long', 'x'.repeat(LONG)],
  ['datasync', 'long', 'x'.repeat(LONG)],
  ['mkdir', 'a/b', 'x'],
] as const) {
  test(`a file that finds no room (${step} of ${path}) is told at the latest when all is to be durable`, async (t) => {
    const { root, calls, staging } = await watched(t);
    calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    const all = async () => {
      await staging.write(file(path, text));
      await staging.write(file('another', 'x'));
      await staging.settle();
    };
    await assert.rejects(all(), { code: 'STORAGE_FULL' });
    await assert.rejects(staging.settle(), { code: 'STORAGE_FULL' }).catch(() => assert.equal(step, 'mkdir'));
    await staging.abandon(false);
    assert.deepEqual(await readdir(root), []);
  });
}

test('a directory that cannot be synced is no settled one, nor one whose place cannot be', async (t) => {
  const { calls, staging } = await watched(t);
  await staging.write(file('certs/a', 'x'));
  calls.fail(({ name, path }) => name === 'sync' && path.endsWith('certs'), 'EIO', { times: 1 });
  await assert.rejects(staging.settle(), { code: 'EIO' });
  await staging.settle();
  calls.fail(({ name }) => name === 'sync', 'EIO', { times: 1 });
  await assert.rejects(staging.commit(), { code: 'EIO' });
});

test('settling waits for every file that is being written', async (t) => {
  const { calls, staging } = await watched(t);
  const held = calls.hold(({ name, path }) => name === 'datasync' && path.endsWith('slow'));
  await staging.write(file('slow', 'x'));
  for (let n = 0; n < 40; n += 1) await staging.write(file(`f${n}`, 'x'));
  await held.reached;
  let settled = false;
  const settling = staging.settle().then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(settled, false);
  held.release();
  await settling;
});

test('what is abandoned is gone, before and after it was in its place, with the directory above that was made for it', async (t) => {
  for (const committed of [false, true]) {
    const root = await temporaryDirectory(t);
    const staging = await Staging.begin(join(root, 'made', 'data'));
    await staging.write(file('certs/a', 'x'));
    await staging.settle();
    if (committed) await staging.commit();
    await staging.abandon(committed);
    assert.deepEqual(await readdir(root), [], `${committed}`);
  }
  const { staging, target } = await watched(t, true);
  await staging.write(file('certs/a', 'x'));
  await staging.settle();
  await staging.commit();
  await staging.abandon(true);
  assert.deepEqual(await names(target), ['.gitignore']);
});

test('a directory above that holds something else stays', async (t) => {
  const root = await temporaryDirectory(t);
  const staging = await Staging.begin(join(root, 'made', 'data'));
  await writeFile(join(root, 'made', 'mine'), '');
  await staging.abandon(false);
  assert.deepEqual(await names(root), ['made', 'made/mine']);
});

test('where nothing may be made beside an empty directory it is filled inside', async (t) => {
  const root = await temporaryDirectory(t);
  const target = join(root, 'data');
  await mkdir(target);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name, path }) => name === 'mkdir' && path.startsWith(join(root, '.restore-')), 'EROFS', { times: 1 });
  const staging = await Staging.begin(target);
  assert.ok(staging.path.startsWith(target));
  await staging.write(file('certs/a', 'x'));
  await staging.settle();
  await staging.commit();
  assert.equal(await readFile(join(target, 'certs/a'), 'utf8'), 'x');
  calls.fail(({ name, path }) => name === 'mkdir' && path.startsWith(join(root, '.restore-')), 'ENOSPC', { times: 1 });
  await mkdir(join(root, 'other'));
  await assert.rejects(Staging.begin(join(root, 'other')), { code: 'STORAGE_FULL' });
});

test('a directory that is not there, and beside which nothing may be made, is refused', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name, path }) => name === 'mkdir' && path.startsWith(join(root, '.restore-')), 'EACCES', { times: 1 });
  await assert.rejects(Staging.begin(join(root, 'data')), { code: 'UNAVAILABLE' });
});

test('a file of exactly the size that is held in memory, and one of an octet more, are written whole', async (t) => {
  const { staging, target } = await watched(t);
  const sizes = { exact: 1 << 18, more: (1 << 18) + 1 };
  for (const [name, size] of Object.entries(sizes)) {
    const half = Math.floor(size / 2);
    await staging.write({
      path: name,
      mode: 0o600,
      content: [Buffer.alloc(half, 'a'), Buffer.alloc(size - half, 'b')],
    });
  }
  await staging.settle();
  await staging.commit();
  for (const [name, size] of Object.entries(sizes)) {
    const text = await readFile(join(target, name), 'latin1');
    assert.deepEqual([text.length, text[0], text.at(-1)], [size, 'a', 'b'], name);
  }
});
