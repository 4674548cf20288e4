import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type NewFile, writeTogether } from '../../src/store/together.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const file = (directory: string, name: string, text: string, given: Partial<NewFile> = {}): NewFile => ({
  directory,
  name,
  batches: [[Buffer.from(text)]],
  mode: 0o600,
  replaces: true,
  ...given,
});

/** The class of open files. */
async function handleClass(path: string) {
  const handle = await open(path, 'w');
  await handle.close();
  return { FileHandle: Object.getPrototypeOf(handle) as { writev: unknown } };
}

test('files written together have their contents, in however many pieces, and their modes', async (t) => {
  const root = await temporaryDirectory(t);
  const [one, two] = [join(root, 'one'), join(root, 'certs', 'two')];
  const pieces = Array.from({ length: 5000 }, (_, i) => Buffer.from(i % 7 === 0 ? '' : `entry ${i};`));
  await writeTogether([
    file(one, 'ca.crl', '', { batches: [pieces, [], pieces], mode: 0o644 }),
    file(two, 'empty', '', { batches: [] }),
    file(one, 'ca.pem', 'text'),
  ]);
  const whole = Buffer.concat([...pieces, ...pieces]);
  assert.ok((await readFile(join(one, 'ca.crl'))).equals(whole));
  assert.equal((await readFile(join(two, 'empty'))).length, 0);
  assert.equal((await readFile(join(one, 'ca.pem'))).toString(), 'text');
  assert.equal((await stat(join(one, 'ca.crl'))).mode & 0o777, 0o644);
  assert.equal((await stat(join(one, 'ca.pem'))).mode & 0o777, 0o600);
  assert.equal((await stat(two)).mode & 0o777, 0o700);
  assert.deepEqual(await readdir(one), ['ca.crl', 'ca.pem']);
});

test('a batch may lie where the one before it lay', async (t) => {
  const root = await temporaryDirectory(t);
  const block = Buffer.alloc(1000);
  const batches = {
    *[Symbol.iterator]() {
      for (let fill = 1; fill < 100; fill += 1) yield [block.fill(fill)];
    },
  };
  await writeTogether([file(root, 'large', '', { batches })]);
  const expected = Buffer.concat(Array.from({ length: 99 }, (_, i) => Buffer.alloc(1000, i + 1)));
  assert.ok((await readFile(join(root, 'large'))).equals(expected));
});

test('no file has its name before the contents of all are written', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'replaced'), 'old');
  const block = Buffer.alloc(1 << 20);
  let early = 0;
  const batches = {
    *[Symbol.iterator]() {
      for (let written = 0; written < 40; written += 1) {
        if (existsSync(join(root, 'short')) || existsSync(join(root, 'large'))) early += 1;
        yield [block];
      }
    },
  };
  await writeTogether([
    file(root, 'short', 'x', { replaces: false }),
    file(root, 'replaced', 'new'),
    file(root, 'large', '', { batches }),
  ]);
  assert.equal(early, 0);
  assert.deepEqual(await readdir(root), ['large', 'replaced', 'short']);
  assert.equal((await readFile(join(root, 'replaced'))).toString(), 'new');
});

test('if one cannot be written, all stays as it was and nothing is left', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'crl.pem'), 'old');
  await writeFile(join(root, 'oldest'), 'kept');
  const batches = {
    *[Symbol.iterator]() {
      yield [Buffer.from('half')];
      throw new Error('no more');
    },
  };
  const files = [file(root, 'crl-1.der', 'new', { replaces: false }), file(root, 'crl.pem', '', { batches })];
  await assert.rejects(writeTogether(files, [join(root, 'oldest')]), /no more/);
  assert.deepEqual(await readdir(root), ['crl.pem', 'oldest']);
  assert.equal((await readFile(join(root, 'crl.pem'))).toString(), 'old');
});

test('of many at once that replace nothing a single one succeeds and the others name a conflict', async (t) => {
  const root = await temporaryDirectory(t);
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => writeTogether([file(root, 'crl-1.der', `CRL ${i}`, { replaces: false })])),
  );
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 7);
  for (const { reason } of refused) assert.equal(reason.code, 'CONFLICT');
  const kept = results.findIndex(({ status }) => status === 'fulfilled');
  assert.equal((await readFile(join(root, 'crl-1.der'))).toString(), `CRL ${kept}`);
  assert.deepEqual(await readdir(root), ['crl-1.der']);
});

test('what is superfluous goes, and need not be there', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'crl-1.der'), 'old');
  await writeTogether([file(root, 'crl-2.der', 'new')], [join(root, 'crl-1.der'), join(root, 'crl-0.der')]);
  assert.deepEqual(await readdir(root), ['crl-2.der']);
});

test('a file for which there is no room is refused as STORAGE_FULL, and nothing is left', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no limit on the size of files');
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'ca'));
  const script = `
    const { writeTogether } = await import(${JSON.stringify(new URL('../../src/store/together.js', import.meta.url))});
    const common = { mode: 0o600, replaces: true };
    const files = [
      { ...common, directory: process.argv[1], name: 'short', batches: [[Buffer.alloc(10)]] },
      { ...common, directory: process.argv[1] + '/ca', name: 'large', batches: [[Buffer.alloc(50_000), Buffer.alloc(1_000_000)]] },
    ];
    await writeTogether(files).then(() => console.log('done'), ({ code }) => console.log(code));`;
  const limited = 'ulimit -f 64 && exec "$0" --input-type=module -e "$1" "$2"';
  const { stdout, stderr } = spawnSync('sh', ['-c', limited, process.execPath, script, root], { encoding: 'utf8' });
  assert.equal(stdout.trim(), 'STORAGE_FULL', stderr);
  assert.deepEqual(await readdir(root, { recursive: true }), ['ca']);
});

test('the contents of all are durable before any has its name, the names before what is superfluous goes is told', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'oldest'), 'old');
  const calls = FileCalls.watch(t, root);
  await writeTogether(
    [file(root, 'crl-2.der', 'a', { replaces: false }), file(join(root, 'ca'), 'crl.pem', 'b')],
    [join(root, 'oldest')],
  );
  const steps = stepsOf(calls, root);
  const places = (...wanted: string[]) => wanted.map((step) => steps.indexOf(step));
  const [contents, names, ends] = [
    places('datasync .unfinished-*', 'datasync ca/.unfinished-*'),
    places('link .unfinished-* crl-2.der', 'rename ca/.unfinished-* ca/crl.pem'),
    [steps.lastIndexOf('sync .'), ...places('sync ca', 'unlink .unfinished-*', 'unlink oldest')],
  ];
  assert.ok(![...contents, ...names, ...ends].includes(-1), steps.join());
  assert.ok(Math.max(...contents) < Math.min(...names), steps.join());
  assert.ok(Math.max(...names) < Math.min(...ends), steps.join());
  for (const name of ['write .unfinished-*', 'write ca/.unfinished-*']) {
    assert.ok(steps.indexOf(name) < steps.indexOf(name.replace('write', 'datasync')), steps.join());
  }
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.equal(count('close'), count('open'));
  assert.deepEqual((await readdir(root, { recursive: true })).sort(), ['ca', 'ca/crl.pem', 'crl-2.der']);
});

test('a directory that cannot be synced makes it no success', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name, path }) => name === 'sync' && path === root, 'EIO', { times: 1 });
  await assert.rejects(writeTogether([file(root, 'crl.pem', 'a')]), { code: 'EIO' });
});

for (const step of ['open', 'writev', 'datasync', 'rename', 'link']) {
  test(`files of which one finds no room at its ${step} are refused as STORAGE_FULL once nothing is under way any more`, async (t) => {
    const root = await temporaryDirectory(t);
    await writeFile(join(root, 'crl.pem'), 'old');
    const calls = FileCalls.watch(t, root);
    const failing = calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    const files = [file(root, 'crl-1.der', 'new', { replaces: false }), file(root, 'crl.pem', 'new')];
    await assert.rejects(writeTogether(files), { code: 'STORAGE_FULL' });
    assert.equal(failing.count, 1);
    const names = await readdir(root);
    assert.deepEqual(
      names.filter((name) => name.startsWith('.')),
      [],
    );
    const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
    assert.equal(count('close'), count('open'), 'no file is left open');
    if (['open', 'writev', 'datasync'].includes(step)) {
      assert.deepEqual(names, ['crl.pem']);
      assert.equal(await readFile(join(root, 'crl.pem'), 'utf8'), 'old');
    }
  });
}

test('what is taken of a batch in part is followed by the rest, whole pieces and parts of pieces', async (t) => {
  const root = await temporaryDirectory(t);
  const pieces = ['abc', '', 'defg', 'h', 'ijklm'].map((text) => Buffer.from(text));
  const calls = FileCalls.watch(t, root);
  const { FileHandle } = await handleClass(join(root, 'any'));
  // A fake: a disk that takes five octets at a time.
  const writev = FileHandle.writev;
  FileHandle.writev = async function (this: { write(bytes: Buffer): Promise<unknown> }, given: Buffer[]) {
    const taken = Buffer.concat(given).subarray(0, 5);
    await this.write(taken);
    return { bytesWritten: taken.length, buffers: given };
  };
  t.after(() => {
    FileHandle.writev = writev;
  });
  await writeTogether([file(root, 'large', '', { batches: [pieces, pieces] })]);
  assert.equal(await readFile(join(root, 'large'), 'utf8'), 'abcdefghijklm'.repeat(2));
  assert.ok(calls.made.filter(({ name }) => name === 'write').length >= 6);
});
