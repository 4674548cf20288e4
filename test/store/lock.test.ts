import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDirectory, lockLogs } from '../../src/store/lock.js';
import { temporaryDirectory } from './records.js';

/** Another process that holds the lock on a directory. */
async function holder(t: TestContext, path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [new URL('./lock-holder.js', import.meta.url).pathname, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

test('a directory is locked by one process at a time, and the next is told which', async (t) => {
  const path = join(await temporaryDirectory(t), 'data');
  const child = await holder(t, path);
  await assert.rejects(lockDirectory(path), {
    name: 'StartupError',
    message: new RegExp(`is in use by process ${child.pid};`),
  });
  assert.deepEqual(await readdir(path), ['lock']);
  assert.equal((await stat(join(path, 'lock'))).mode & 0o777, 0o600);
});

test('a log directory is locked likewise, by its own name, unless it is the data directory', async (t) => {
  const path = join(await temporaryDirectory(t), 'logs');
  const child = await holder(t, path);
  await assert.rejects(lockLogs(path, '/elsewhere'), {
    name: 'StartupError',
    message: `the log directory ${path} is in use by process ${child.pid}; stop that one first, or set CERTMATE_LOG_DIR`,
  });
  await (await lockLogs(path, `${path}/`)).release();
});

test('a directory that cannot be written to is named in one line, with its setting', async (t) => {
  const path = join(await temporaryDirectory(t), 'data');
  await writeFile(path, 'a file');
  await assert.rejects(lockDirectory(path), {
    name: 'StartupError',
    message: `the data directory ${path} cannot be written to (EEXIST); mend that, or set CERTMATE_DATA_DIR`,
  });
  await assert.rejects(lockLogs(join(path, 'logs'), '/elsewhere'), {
    name: 'StartupError',
    message: /^the log directory .* cannot be written to \(ENOTDIR\); mend that, or set CERTMATE_LOG_DIR$/,
  });
});

test('a released directory can be locked again', async (t) => {
  const path = await temporaryDirectory(t);
  const first = await lockDirectory(path);
  await assert.rejects(lockDirectory(path), { name: 'StartupError' });
  await first.release();
  const second = await lockDirectory(path);
  await second.release();
  assert.deepEqual(await readdir(path), []);
});

test('the lock of a process that was killed does not stand in the way', async (t) => {
  const path = await temporaryDirectory(t);
  const child = await holder(t, path);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const lock = await lockDirectory(path);
  assert.equal(JSON.parse(await readFile(join(path, 'lock'), 'utf8')).pid, process.pid);
  await lock.release();
});

test('a lock whose process id now belongs to somebody else does not stand in the way', async (t) => {
  const path = await temporaryDirectory(t);
  const first = await lockDirectory(path);
  const owner = JSON.parse(await readFile(join(path, 'lock'), 'utf8'));
  await first.release();
  if (owner.started === '') return t.skip('this system does not tell when a process started');
  await writeFile(join(path, 'lock'), JSON.stringify({ ...owner, started: '1' }));
  await (await lockDirectory(path)).release();
});

test('a lock from another machine or container counts while it is being touched', async (t) => {
  const path = await temporaryDirectory(t);
  const lock = join(path, 'lock');
  await writeFile(lock, JSON.stringify({ pid: 4711, started: '1', world: 'elsewhere' }));
  const touch = setInterval(() => void utimes(lock, new Date(), new Date()), 300);
  await assert.rejects(lockDirectory(path), /in use by process 4711/).finally(() => clearInterval(touch));
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock, longAgo, longAgo);
  await (await lockDirectory(path)).release();
});

test('of many processes that find a dead lock one gets it', async (t) => {
  const path = await temporaryDirectory(t);
  const child = await holder(t, path);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => lockDirectory(path)));
  const locks = results.filter((result) => result.status === 'fulfilled');
  assert.equal(locks.length, 1);
  await locks[0]?.value.release();
  assert.deepEqual(await readdir(path), []);
});
