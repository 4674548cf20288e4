import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeDirectory } from '../../src/store/durable.js';
import { Folder } from '../../src/store/folder.js';
import { FileCalls } from '../file-calls.js';
import { temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

test('a folder gives back what was written, and null for what never was', async (t) => {
  const folder = new Folder(await temporaryDirectory(t)).folder('certs').folder('ca');
  assert.equal(await folder.read('ca.crt'), null);
  assert.deepEqual(await folder.list(), []);
  await folder.write('ca.crt', 'first');
  await folder.write('ca.crt', Buffer.from('second'));
  assert.equal((await folder.read('ca.crt'))?.toString(), 'second');
  assert.deepEqual(await folder.list(), ['ca.crt']);
});

test('a file has its mode from the start, its folders are 0700', async (t) => {
  const root = await temporaryDirectory(t);
  const folder = new Folder(join(root, 'certs', 'ca'));
  await folder.write('ca.key', 'secret');
  await folder.write('ca.crt', 'public', { mode: 0o644 });
  assert.equal(await folder.mode('ca.key'), 0o600);
  assert.equal(await folder.mode('ca.crt'), 0o644);
  assert.equal(await folder.mode('ca.pem'), null);
  for (const path of ['certs', 'certs/ca']) assert.equal((await stat(join(root, path))).mode & 0o777, 0o700);
});

test('writing a file again closes one that was open to others', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  await folder.write('ca.key', 'old');
  await chmod(join(folder.path, 'ca.key'), 0o644);
  await folder.write('ca.key', 'new');
  assert.equal(await folder.mode('ca.key'), 0o600);
});

test('of many creates of one file a single one succeeds and the others name a conflict', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  const results = await Promise.allSettled(Array.from({ length: 8 }, (_, i) => folder.create('ca.key', `key ${i}`)));
  const refused = results.filter((result) => result.status === 'rejected');
  assert.equal(refused.length, 7);
  for (const { reason } of refused) assert.equal(reason.code, 'CONFLICT');
  const kept = results.findIndex(({ status }) => status === 'fulfilled');
  assert.equal((await folder.read('ca.key'))?.toString(), `key ${kept}`);
  assert.deepEqual(await readdir(folder.path), ['ca.key'], 'no unfinished file is left');
});

test('a file in very many pieces is written whole', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  const pieces = Array.from({ length: 100_000 }, (_, i) => Buffer.from(`entry ${i};`));
  await folder.write('ca.crl', pieces);
  assert.ok((await folder.read('ca.crl'))?.equals(Buffer.concat(pieces)));
});

test('what was removed is gone, and removing nothing is no error', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  await folder.write('cert.key', 'secret');
  await folder.remove('cert.key');
  await folder.remove('cert.key');
  assert.equal(await folder.read('cert.key'), null);
});

test('a file left unfinished by a crash is not listed', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  await folder.write('keys.json', '[]');
  await writeFile(join(folder.path, '.unfinished-0123456789ab'), '[');
  assert.deepEqual(await folder.list(), ['keys.json']);
});

test('a name that leads out of the folder is refused', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  for (const name of ['', '.', '..', '../ca.key', 'a/b', 'a\\b', 'a\0b']) {
    await assert.rejects(folder.read(name), TypeError, JSON.stringify(name));
  }
});

test('a failed write leaves the old file and nothing else', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  await folder.write('keys.json', 'old');
  const broken = {
    *[Symbol.iterator]() {
      yield Buffer.from('half');
      throw new Error('no more');
    },
  };
  await assert.rejects(folder.write('keys.json', broken as never), /no more/);
  assert.equal((await folder.read('keys.json'))?.toString(), 'old');
  assert.deepEqual(await readdir(folder.path), ['keys.json']);
});

test('a directory below a link to nothing, or below a file, is refused at once (Kewton/CommandMate#1774)', async (t) => {
  const root = await temporaryDirectory(t);
  await symlink(join(root, 'not-mounted'), join(root, 'disk'));
  await writeFile(join(root, 'file'), '');
  await assert.rejects(makeDirectory(join(root, 'disk', 'data', 'certs')), { code: 'EEXIST' });
  await assert.rejects(makeDirectory(join(root, 'disk')), { code: 'EEXIST' });
  await assert.rejects(makeDirectory(join(root, 'file', 'data')), { code: 'ENOTDIR' });
  await assert.rejects(makeDirectory(join(root, 'file')), { code: 'EEXIST' });
  await Promise.all([1, 2, 3].map(() => makeDirectory(join(root, 'a', 'b', 'c'))));
  assert.equal((await stat(join(root, 'a', 'b', 'c'))).mode & 0o777, 0o700);
});

test('a directory in the place of a file is named', async (t) => {
  const root = await temporaryDirectory(t);
  await makeDirectory(join(root, 'ca.key'));
  await assert.rejects(new Folder(root).read('ca.key'), { code: 'EISDIR', message: /ca\.key is a directory$/ });
});

/** A folder whose calls are watched. */
async function watched(t: TestContext) {
  const root = await temporaryDirectory(t);
  return { root, folder: new Folder(root), calls: FileCalls.watch(t, root) };
}

const contentsOf = async (root: string) => (await readdir(root, { recursive: true })).sort();

test('a file takes the place of another once its contents are durable, and then that is made durable', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder.write('keys.json', 'text');
  assert.deepEqual(stepsOf(calls, root), [
    'write .unfinished-*',
    'datasync .unfinished-*',
    'rename .unfinished-* keys.json',
    'sync .',
  ]);
});

test('a file that is created has its name once its contents are durable, and then that is made durable', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder.create('ca.key', 'secret');
  assert.deepEqual(stepsOf(calls, root), [
    'write .unfinished-*',
    'datasync .unfinished-*',
    'link .unfinished-* ca.key',
    'unlink .unfinished-*',
    'sync .',
  ]);
});

test('the first file of a folder makes it, durably', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder.folder('certs').folder('ca').create('ca.key', 'secret');
  assert.deepEqual(stepsOf(calls, root), [
    'mkdir certs',
    'mkdir certs/ca',
    'sync certs',
    'sync .',
    'write certs/ca/.unfinished-*',
    'datasync certs/ca/.unfinished-*',
    'link certs/ca/.unfinished-* certs/ca/ca.key',
    'unlink certs/ca/.unfinished-*',
    'sync certs/ca',
  ]);
});

for (const [step, left] of [
  ['open', ['keys.json']],
  ['writeFile', ['keys.json']],
  ['datasync', ['keys.json']],
  ['rename', ['keys.json']],
] as const) {
  test(`a write whose ${step} finds no room is refused, leaves the old file and nothing else`, async (t) => {
    const { root, folder, calls } = await watched(t);
    await writeFile(join(root, 'keys.json'), 'old');
    calls.fail(({ name, path }) => name === step && path !== root, 'ENOSPC', { times: 1 });
    await assert.rejects(folder.write('keys.json', 'new'), { code: 'STORAGE_FULL' });
    assert.deepEqual(await contentsOf(root), left);
    assert.equal(await readFile(join(root, 'keys.json'), 'utf8'), 'old');
  });
}

test('a write or create whose directory cannot be synced is no success', async (t) => {
  const { root, folder, calls } = await watched(t);
  const failing = calls.fail(({ name, path }) => name === 'sync' && path === root, 'EIO');
  await assert.rejects(folder.write('a', 'new'), { code: 'EIO' });
  await assert.rejects(folder.create('b', 'new'), { code: 'EIO' });
  await assert.rejects(folder.remove('b'), { code: 'EIO' });
  assert.equal(failing.count, 3);
});

test('a create whose link finds no room is refused and leaves nothing', async (t) => {
  const { root, folder, calls } = await watched(t);
  calls.fail(({ name }) => name === 'link', 'EDQUOT', { times: 1 });
  await assert.rejects(folder.create('a', 'new'), { code: 'STORAGE_FULL' });
  assert.deepEqual(await contentsOf(root), []);
});

test('an error that is not the absence of a file is told, never taken for it', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder.write('a', 'text');
  await mkdir(join(root, 'b'));
  for (const [call, attempt] of [
    ['readFile', () => folder.read('a')],
    ['readdir', () => folder.list()],
    ['stat', () => folder.mode('a')],
    ['unlink', () => folder.remove('a')],
    ['rename', () => folder.removeFolder('b')],
    ['readdir', () => folder.clear()],
  ] as const) {
    calls.fail(({ name }) => name === call, 'EACCES', { times: 1 });
    await assert.rejects(attempt(), { code: 'EACCES' }, call);
  }
  assert.deepEqual(await folder.list(), ['a', 'b']);
});

test('a file that is removed is durably gone when that is told; where none was, nothing is synced', async (t) => {
  const { root, folder, calls } = await watched(t);
  await writeFile(join(root, 'cert.key'), 'secret');
  const before = calls.made.length;
  await folder.remove('cert.key');
  assert.deepEqual(stepsOf(calls, root, before), ['unlink cert.key', 'sync .']);
  const after = calls.made.length;
  await folder.remove('cert.key');
  assert.deepEqual(stepsOf(calls, root, after), []);
});

test('a folder that is removed vanishes as a whole, durably, before anything in it goes', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder.folder('old').write('a', 'text');
  const before = calls.made.length;
  await folder.removeFolder('old');
  const steps = stepsOf(calls, root, before);
  assert.deepEqual(steps.slice(0, 2), ['rename old .unfinished-*', 'sync .']);
  assert.ok(steps.includes('rm .unfinished-*'));
  assert.deepEqual(await contentsOf(root), []);
  await folder.removeFolder('old');
});

test('a folder is published whole: its files are durable before it has its name, and then that is', async (t) => {
  const { root, folder, calls } = await watched(t);
  await folder
    .folder('ca')
    .publish({ 'ca.key': { data: 'secret', mode: 0o600 }, 'ca.crt': { data: 'c', mode: 0o644 } });
  assert.deepEqual(stepsOf(calls, root), [
    'mkdir .unfinished-*',
    'sync .',
    'write .unfinished-*/ca.key',
    'datasync .unfinished-*/ca.key',
    'write .unfinished-*/ca.crt',
    'datasync .unfinished-*/ca.crt',
    'sync .unfinished-*',
    'rename .unfinished-* ca',
    'sync .',
  ]);
  assert.equal(await folder.folder('ca').mode('ca.key'), 0o600);
  assert.equal(await folder.folder('ca').mode('ca.crt'), 0o644);
  assert.equal((await stat(join(root, 'ca'))).mode & 0o777, 0o700);
});

test('a folder is not published where something is, but where there is an empty one', async (t) => {
  const { root, folder } = await watched(t);
  await mkdir(join(root, 'empty'));
  await folder.folder('empty').publish({ a: { data: 'x', mode: 0o600 } });
  await assert.rejects(folder.folder('empty').publish({ b: { data: 'y', mode: 0o600 } }), { code: 'CONFLICT' });
  assert.deepEqual(await contentsOf(root), ['empty', 'empty/a']);
});

test('a folder for which there is no room is not published, and nothing is left of it', async (t) => {
  for (const step of ['writeFile', 'datasync', 'rename', 'sync']) {
    const { root, folder, calls } = await watched(t);
    calls.fail(({ name, path }) => name === step && path !== root, 'ENOSPC', { times: 1 });
    const files = { a: { data: 'x', mode: 0o600 }, b: { data: 'y', mode: 0o600 } };
    await assert.rejects(folder.folder('ca').publish(files), { code: 'STORAGE_FULL' }, step);
    assert.deepEqual(await contentsOf(root), [], step);
  }
});

test('clearing removes what is unfinished, files and folders, and nothing else', async (t) => {
  const { root, folder } = await watched(t);
  await folder.write('a', 'text');
  await writeFile(join(root, '.unfinished-0123456789ab'), 'half');
  await mkdir(join(root, '.unfinished-ba9876543210'));
  await writeFile(join(root, '.unfinished-ba9876543210', 'b'), 'half');
  await mkdir(join(root, '.other'));
  await folder.clear();
  assert.deepEqual(await contentsOf(root), ['.other', 'a']);
  await folder.folder('none').clear();
});

test('a list is in the order of the names', async (t) => {
  const { folder } = await watched(t);
  for (const name of ['b', 'c', 'a']) await folder.write(name, '');
  assert.deepEqual(await folder.list(), ['a', 'b', 'c']);
});
