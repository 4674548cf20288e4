import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { ZipFile } from 'yazl';
import { filesAt } from '../../src/store/found-files.js';
import { isZip, ZipError, zipFiles } from '../../src/store/zip-reading.js';
import { temporaryDirectory } from './records.js';

const LONG = 'a line that is said again and again\n'.repeat(30_000);

/** Begins each entry of the directory. */
const ENTRY = Buffer.from([0x50, 0x4b, 1, 2]);

const PLAIN = { forceZip64Format: false, comment: '' };

async function written(
  path: string,
  fill: (zip: ZipFile) => void,
  end: Parameters<ZipFile['end']>[0] = PLAIN,
): Promise<void> {
  const zip = new ZipFile();
  fill(zip);
  zip.end(end);
  writeFileSync(path, await buffer(zip.outputStream));
}

async function read(path: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const { name, bytes } of await zipFiles(path)) contents[name] = (await buffer(bytes())).toString();
  return contents;
}

test('files that are stored, deflated or streamed are read, in an archive with a comment as well', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  const fill = (zip: ZipFile) => {
    zip.addBuffer(Buffer.from('plain'), 'plain.txt', { compress: false });
    zip.addBuffer(Buffer.from(LONG), 'folder/größe.txt');
    zip.addReadStream(Readable.from([Buffer.from('streamed '), Buffer.from('in pieces')]), 'streamed.txt');
    zip.addBuffer(Buffer.alloc(0), 'empty.txt');
    zip.addEmptyDirectory('nothing');
  };
  await written(path, fill, { ...PLAIN, comment: 'a comment behind the end record' });
  assert.deepEqual(await read(path), {
    'plain.txt': 'plain',
    'folder/größe.txt': LONG,
    'streamed.txt': 'streamed in pieces',
    'empty.txt': '',
  });
});

test('ZIP64 archives are read, too', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  const fill = (zip: ZipFile) => {
    zip.addBuffer(Buffer.from(LONG), 'a.txt', { forceZip64Format: true });
    zip.addReadStream(Readable.from([Buffer.from('b')]), 'b.txt', { forceZip64Format: true });
  };
  await written(path, fill, { ...PLAIN, forceZip64Format: true });
  assert.deepEqual(await read(path), { 'a.txt': LONG, 'b.txt': 'b' });
});

test('one that is cut short or damaged is refused, never read as less', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  await written(path, (zip) => {
    zip.addBuffer(Buffer.from(LONG), 'a.txt');
    zip.addBuffer(Buffer.from('b'), 'b.txt');
  });
  const whole = readFileSync(path);
  for (const length of [4, 30, whole.length - 22, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    await assert.rejects(read(path), ZipError, `${length} bytes`);
  }
  for (const at of [60, whole.length - 8]) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0xff;
    writeFileSync(path, changed);
    await read(path).then(
      (contents) => assert.notDeepEqual(contents, { 'a.txt': LONG, 'b.txt': 'b' }, `byte ${at}`),
      (error) => assert.ok(error instanceof ZipError, `byte ${at}: ${error}`),
    );
  }
});

test('a file whose content or length is not what the directory says is refused', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  await written(path, (zip) => zip.addBuffer(Buffer.from('content'), 'a.txt', { compress: false }));
  const whole = readFileSync(path);
  const entry = whole.indexOf(ENTRY);
  for (const at of [whole.indexOf('content'), entry + 16, entry + 24]) {
    const changed = Buffer.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(path, changed);
    await assert.rejects(read(path), { message: 'a.txt in the archive is damaged' }, `byte ${at}`);
  }
});

test('a comment on a file of an archive is passed over', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  await written(path, (zip) => {
    zip.addBuffer(Buffer.from('first'), 'a.txt', { compress: false });
    zip.addBuffer(Buffer.from('second'), 'b.txt', { compress: false });
  });
  const whole = readFileSync(path);
  const comment = Buffer.from('a comment on a.txt');
  const [first, second] = [whole.indexOf(ENTRY), whole.lastIndexOf(ENTRY)];
  const commented = Buffer.concat([whole.subarray(0, second), comment, whole.subarray(second)]);
  commented.writeUInt16LE(comment.length, first + 32);
  commented.writeUInt32LE(whole.readUInt32LE(whole.length - 10) + comment.length, commented.length - 10);
  writeFileSync(path, commented);
  assert.deepEqual(await read(path), { 'a.txt': 'first', 'b.txt': 'second' });
});

test('a directory of an archive that names another place, or is longer than any of ours, is refused', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  await written(path, (zip) => {
    zip.addBuffer(Buffer.from('first'), 'a.txt', { compress: false });
    zip.addBuffer(Buffer.from('second'), 'b.txt', { compress: false });
  });
  const whole = readFileSync(path);
  const entry = whole.lastIndexOf(ENTRY);
  const moved = Buffer.from(whole);
  moved.writeUInt32LE(moved.readUInt32LE(entry + 42) + 1, entry + 42);
  writeFileSync(path, moved);
  await assert.rejects(read(path), { name: 'Error', message: 'b.txt is not where the archive says' });
  const long = Buffer.from(whole);
  long.writeUInt32LE((64 << 20) + 1, whole.length - 10);
  writeFileSync(path, long);
  await assert.rejects(read(path), { message: 'the directory of the archive is damaged' });
});

test('a path stands for the files of a directory, of an archive, or for itself', async (t) => {
  const directory = await temporaryDirectory(t);
  const plain = join(directory, 'a.txt');
  const archive = join(directory, 'b.zip');
  writeFileSync(plain, 'a');
  await written(archive, (zip) => zip.addBuffer(Buffer.from('c'), 'c.txt'));
  assert.deepEqual([await isZip(plain), await isZip(archive)], [false, true]);
  const names = async (path: string) => (await filesAt(path))?.map(({ name }) => name).sort();
  assert.deepEqual(await names(directory), ['a.txt', 'b.zip']);
  assert.deepEqual(await names(plain), ['a.txt']);
  assert.deepEqual(await names(archive), ['c.txt']);
  assert.equal(await filesAt(join(directory, 'nowhere')), null);
});

test('a ZIP64 archive whose end is not where its locator says is refused', async (t) => {
  const path = join(await temporaryDirectory(t), 'a.zip');
  await written(path, (zip) => zip.addBuffer(Buffer.from('a'), 'a.txt'), { ...PLAIN, forceZip64Format: true });
  const changed = readFileSync(path);
  const end = changed.indexOf(Buffer.from([0x50, 0x4b, 6, 6]));
  changed[end + 3] = 7;
  writeFileSync(path, changed);
  await assert.rejects(read(path), { message: 'the directory of the archive is damaged' });
});
