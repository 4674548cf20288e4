import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { lockDirectory, lockLogs } from '../../src/store/lock.js';
import { FileCalls } from '../file-calls.js';
import { until } from '../until.js';
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

test('a lock is touched every five seconds, until it is released', async (t) => {
  const path = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, path);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const lock = await lockDirectory(path);
  const touched = () => calls.made.filter(({ name, path: at }) => name === 'write' && at === join(path, 'lock')).length;
  const before = await readFile(join(path, 'lock'), 'utf8');
  t.mock.timers.tick(4_999);
  assert.equal(touched(), 0);
  const held = calls.hold(({ name }) => name === 'write');
  t.mock.timers.tick(1);
  await held.reached;
  held.release();
  await until(() => touched() === 1, 'the lock to be touched');
  await lock.release();
  t.mock.timers.tick(60_000);
  assert.equal(touched(), 1);
  assert.equal(JSON.parse(before).pid, process.pid);
});

test('a lock that has come to another is not taken away by who had it', async (t) => {
  const path = await temporaryDirectory(t);
  const lock = await lockDirectory(path);
  await rename(join(path, 'lock'), join(path, 'mine'));
  await writeFile(join(path, 'lock'), 'theirs');
  await lock.release();
  assert.equal(await readFile(join(path, 'lock'), 'utf8'), 'theirs');
});

test('what a killed process has prepared is removed, what a running one prepares stays', async (t) => {
  const path = await temporaryDirectory(t);
  const first = await lockDirectory(path);
  const owner = JSON.parse(await readFile(join(path, 'lock'), 'utf8'));
  await first.release();
  if (owner.started === '') return t.skip('this system does not tell when a process started');
  const [dead, alive, other] = ['000000000000', '111111111111', '222222222222'].map((id) => `.lock-${id}`);
  await writeFile(join(path, dead as string), JSON.stringify({ ...owner, started: '1' }));
  await writeFile(join(path, alive as string), JSON.stringify(owner));
  await writeFile(join(path, other as string), JSON.stringify({ ...owner, world: 'elsewhere' }));
  const lock = await lockDirectory(path);
  assert.deepEqual((await readdir(path)).sort(), [alive, other, 'lock']);
  await lock.release();
});

test('a process that was killed while it took over a dead lock does not stand in the way', async (t) => {
  const path = await temporaryDirectory(t);
  const first = await lockDirectory(path);
  const owner = JSON.parse(await readFile(join(path, 'lock'), 'utf8'));
  await first.release();
  if (owner.started === '') return t.skip('this system does not tell when a process started');
  const dead = JSON.stringify({ ...owner, started: '1' });
  await writeFile(join(path, 'lock'), dead);
  const claim = `.lock-after-${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`;
  await writeFile(join(path, claim), JSON.stringify({ ...owner, started: '2' }));
  const lock = await lockDirectory(path);
  assert.deepEqual(await readdir(path), ['lock']);
  await assert.rejects(lockDirectory(path), { name: 'StartupError' });
  await lock.release();
});

test('a lock that cannot be placed is told, and what was prepared is gone', async (t) => {
  const path = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, path);
  calls.fail(({ name }) => name === 'link', 'EIO', { times: 1 });
  await assert.rejects(lockDirectory(path), { code: 'EIO' });
  assert.deepEqual(await readdir(path), []);
  calls.fail(({ name, path: at }) => name === 'open' && at.includes('.lock-'), 'ENOSPC', { times: 1 });
  await assert.rejects(lockDirectory(path), { name: 'StartupError', message: /cannot be written to \(ENOSPC\)/ });
  assert.deepEqual(await readdir(path), []);
});
