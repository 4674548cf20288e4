import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  discard,
  makeDirectory,
  storageError,
  syncDirectory,
  systemCode,
  writeNewFile,
} from '../../src/store/durable.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const failure = (code: string) => Object.assign(new Error(code), { code });

test('a new file has its contents, durably, before it is closed', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  await writeNewFile(join(root, 'a'), 'text', 0o640);
  const names = calls.made.filter(({ name }) => ['writeFile', 'write', 'datasync', 'close'].includes(name));
  assert.deepEqual(
    names.map(({ name }) => name),
    ['writeFile', 'datasync', 'close'],
  );
  assert.equal((await stat(join(root, 'a'))).mode & 0o777, 0o640);
});

test('a new file never takes the place of one that is there', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a'), 'mine');
  await assert.rejects(writeNewFile(join(root, 'a'), 'text', 0o600), { code: 'EEXIST' });
  assert.equal(await readFile(join(root, 'a'), 'utf8'), 'mine');
});

for (const step of ['open', 'writeFile', 'datasync', 'close']) {
  test(`a new file whose ${step} fails is not left behind, nor open`, async (t) => {
    const root = await temporaryDirectory(t);
    const calls = FileCalls.watch(t, root);
    const failing = calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    await assert.rejects(writeNewFile(join(root, 'a'), 'text', 0o600), { code: 'STORAGE_FULL' });
    assert.equal(failing.count, 1);
    assert.deepEqual(await readdir(root), []);
    const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
    if (step !== 'close') assert.equal(count('close'), count('open'));
  });
}

test('small pieces are gathered: a file in a hundred thousand of them takes few calls', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const pieces = Array.from({ length: 100_000 }, (_, i) => Buffer.from(`this is entry ${i};`));
  await writeNewFile(join(root, 'a'), pieces, 0o600);
  const writes = calls.made.filter(({ name }) => name === 'writeFile').length;
  assert.ok(writes > 1 && writes < 10, `${writes} writes`);
  assert.ok((await readFile(join(root, 'a'))).equals(Buffer.concat(pieces)));
});

test('a file of no pieces is empty', async (t) => {
  const root = await temporaryDirectory(t);
  await writeNewFile(join(root, 'a'), [], 0o600);
  assert.equal((await stat(join(root, 'a'))).size, 0);
});

test('a directory is synced for a change that came while an earlier sync of it ran, and once for several such', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const held = calls.hold(({ name, path }) => name === 'sync' && path === root);
  const first = syncDirectory(root);
  await held.reached;
  // These may have come after the running sync looked.
  const [second, third] = [syncDirectory(root), syncDirectory(root)];
  held.release();
  await first;
  await Promise.all([second, third]);
  assert.deepEqual(stepsOf(calls, root), ['sync .', 'sync .']);
  await syncDirectory(root);
  assert.deepEqual(stepsOf(calls, root), ['sync .', 'sync .', 'sync .'], 'a later call syncs again');
});

test('callers who come while a sync runs are told when theirs has ended, not when that one has', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const one = calls.hold(({ name }) => name === 'sync');
  const first = syncDirectory(root);
  await one.reached;
  const ended: string[] = [];
  const second = syncDirectory(root).then(() => ended.push('second'));
  const two = calls.hold(({ name }) => name === 'sync');
  one.release();
  await first;
  await two.reached;
  const late = syncDirectory(root).then(() => ended.push('late'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ended, []);
  two.release();
  await Promise.all([second, late]);
  assert.deepEqual(ended, ['second', 'late']);
  assert.deepEqual(stepsOf(calls, root), ['sync .', 'sync .', 'sync .']);
});

test('a sync that fails is told to its callers, closes what it opened, and keeps nobody else from theirs', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  const held = calls.hold(({ name }) => name === 'sync');
  calls.fail(({ name }) => name === 'sync', 'ENOSPC', { times: 1 });
  const first = syncDirectory(root);
  await held.reached;
  const second = syncDirectory(root);
  held.release();
  await assert.rejects(first, { code: 'STORAGE_FULL' });
  await second;
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.deepEqual([count('sync'), count('open'), count('close')], [1, 2, 2]);
  calls.fail(({ name }) => name === 'sync', 'EIO', { times: 1 });
  await assert.rejects(syncDirectory(root), { code: 'EIO' });
  await syncDirectory(root);
});

test('the sync of one directory is none of another', async (t) => {
  const root = await temporaryDirectory(t);
  await Promise.all(['a', 'b'].map((name) => mkdir(join(root, name))));
  const calls = FileCalls.watch(t, root);
  await Promise.all([syncDirectory(join(root, 'a')), syncDirectory(join(root, 'b'))]);
  assert.deepEqual(stepsOf(calls, root).sort(), ['sync a', 'sync b']);
});

test('a directory is made with those above it, each of them durable', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  await makeDirectory(join(root, 'a', 'b', 'c'));
  assert.deepEqual(stepsOf(calls, root), ['mkdir a', 'mkdir a/b', 'mkdir a/b/c', 'sync a/b', 'sync a', 'sync .']);
  for (const name of ['a', 'a/b', 'a/b/c']) assert.equal((await stat(join(root, name))).mode & 0o777, 0o700);
  const before = calls.made.length;
  await makeDirectory(join(root, 'a', 'b'));
  assert.deepEqual(stepsOf(calls, root, before), [], 'nothing is done to one that is there');
});

test('a directory for which there is no room, or no permission, is refused by what to do about it', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  for (const [system, code] of [
    ['ENOSPC', 'STORAGE_FULL'],
    ['EROFS', 'UNAVAILABLE'],
    ['EIO', 'EIO'],
  ]) {
    calls.fail(({ name }) => name === 'mkdir', system as string, { times: 1 });
    await assert.rejects(makeDirectory(join(root, 'a')), { code: code as string });
  }
  calls.fail(({ name }) => name === 'sync', 'ENOSPC', { times: 1 });
  await assert.rejects(makeDirectory(join(root, 'a')), { code: 'STORAGE_FULL' });
});

test('every spelling of "no room" is STORAGE_FULL, of "not allowed" UNAVAILABLE, and all else stays itself', () => {
  const kept = failure('EIO');
  for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
    const error = failure(code);
    const turned = storageError(error) as Error & { code: string };
    assert.deepEqual([turned.code, turned.cause], ['STORAGE_FULL', error]);
  }
  for (const code of ['EACCES', 'EPERM', 'EROFS']) {
    const error = failure(code);
    const turned = storageError(error) as Error & { code: string };
    assert.deepEqual([turned.code, turned.cause], ['UNAVAILABLE', error]);
  }
  assert.equal(storageError(kept), kept);
  assert.equal(storageError('text'), 'text');
  assert.equal(systemCode(kept), 'EIO');
  assert.equal(systemCode({ code: 'EIO' }), undefined);
  assert.equal(systemCode(Object.assign(new Error(''), { code: 7 })), undefined);
});

test('what is in the way goes; that it cannot, or is not there, hides no other error', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'a'), '');
  await discard(join(root, 'a'));
  await discard(join(root, 'a'));
  assert.deepEqual(await readdir(root), []);
});
