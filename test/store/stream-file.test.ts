import assert from 'node:assert/strict';
import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { readStream, writeStream } from '../../src/store/stream-file.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

async function* pieces(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

test('a streamed file has its name once its contents are durable, and then that is made durable', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  await writeStream(join(root, 'backup'), pieces('one ', 'two'), 0o600);
  assert.deepEqual(stepsOf(calls, root), [
    'write .unfinished-*',
    'write .unfinished-*',
    'datasync .unfinished-*',
    'link .unfinished-* backup',
    'unlink .unfinished-*',
    'sync .',
  ]);
  assert.equal(await readFile(join(root, 'backup'), 'utf8'), 'one two');
  assert.equal((await stat(join(root, 'backup'))).mode & 0o777, 0o600);
  assert.deepEqual(await readdir(root), ['backup']);
});

test('a streamed file takes the place of no other', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'backup'), 'mine');
  await assert.rejects(writeStream(join(root, 'backup'), pieces('new'), 0o600), {
    code: 'CONFLICT',
    message: 'There is already a file backup; it was left as it is.',
  });
  assert.equal(await readFile(join(root, 'backup'), 'utf8'), 'mine');
  assert.deepEqual(await readdir(root), ['backup']);
});

test('a source that fails, and a disk that is full, leave nothing and no open file', async (t) => {
  const root = await temporaryDirectory(t);
  const failing = async function* () {
    yield Buffer.from('half');
    throw new Error('no more');
  };
  const calls = FileCalls.watch(t, root);
  await assert.rejects(writeStream(join(root, 'backup'), failing(), 0o600), /^Error: no more$/);
  for (const step of ['writeFile', 'datasync', 'link']) {
    calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    await assert.rejects(writeStream(join(root, 'backup'), pieces('new'), 0o600), { code: 'STORAGE_FULL' }, step);
  }
  assert.deepEqual(await readdir(root), []);
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.deepEqual([count('open'), count('close')], [4, 4]);
});

test('a file is read as long as it was when this began, however it grows or shrinks', async (t) => {
  const root = await temporaryDirectory(t);
  const path = join(root, 'log');
  const long = 'x'.repeat(600_000);
  await writeFile(path, long);
  const growing = readStream(path);
  let read = ((await growing.next()).value as Buffer).toString();
  await appendFile(path, 'later');
  for await (const piece of growing) read += piece.toString();
  assert.equal(read, long);
  const shrinking = readStream(path);
  const first = (await shrinking.next()).value as Buffer;
  await truncate(path, first.length);
  assert.equal((await shrinking.next()).done, true);
  await assert.rejects(buffer(readStream(join(root, 'none'))), { code: 'ENOENT' });
});

test('a file that is read in part only is closed', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'log'), 'x'.repeat(600_000));
  const calls = FileCalls.watch(t, root);
  for await (const _piece of readStream(join(root, 'log'))) break;
  assert.notEqual(
    calls.indexOf(({ name }) => name === 'close'),
    -1,
  );
});
