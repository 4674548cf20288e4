import assert from 'node:assert/strict';
import { chmod, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeDirectory } from '../../src/store/durable.js';
import { Folder } from '../../src/store/folder.js';
import { temporaryDirectory } from './records.js';

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

test('removing is durable and removing nothing is no error', async (t) => {
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
