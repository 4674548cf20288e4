import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { StartupError } from '../../src/errors.js';
import { type ArchivedFile, ArchiveError, readArchive, writeArchive } from '../../src/store/archive.js';
import { Staging } from '../../src/store/staging.js';
import { temporaryDirectory } from './records.js';

const file = (path: string, content: Buffer[] | string, mode = 0o600): ArchivedFile => ({
  path,
  mode,
  content: typeof content === 'string' ? [Buffer.from(content)] : content,
});

async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

async function archived(...files: ArchivedFile[]): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of writeArchive(each(files))) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function read(bytes: Buffer, size = 7): Promise<[string, number, string][]> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
    bytes.subarray(n * size, (n + 1) * size),
  );
  const files: [string, number, string][] = [];
  for await (const { path, mode, content } of readArchive(each(pieces))) {
    const parts: Buffer[] = [];
    for await (const part of content) parts.push(part);
    files.push([path, mode, Buffer.concat(parts).toString()]);
  }
  return files;
}

describe('an archive', () => {
  it('gives back its files in order, whatever the pieces it comes in', async () => {
    const long = Buffer.alloc(3_000_000, 'x');
    const bytes = await archived(
      file('a', ''),
      file('b/c', [Buffer.from('one '), Buffer.from('two')], 0o644),
      file('long', [long]),
    );
    const expected = [
      ['a', 0o600, ''],
      ['b/c', 0o644, 'one two'],
      ['long', 0o600, long.toString()],
    ];
    assert.deepEqual(await read(bytes, 100_000), expected);
    assert.deepEqual(await read(bytes.subarray(0), 4_000_000), expected);
  });

  it('passes over contents that nobody reads', async () => {
    const bytes = await archived(file('a', 'first'), file('b', 'second'));
    const paths: string[] = [];
    for await (const { path } of readArchive(each([bytes]))) paths.push(path);
    assert.deepEqual(paths, ['a', 'b']);
  });

  it('is refused when its end is missing, or something follows it, or it is something else', async () => {
    const bytes = await archived(file('a', 'first'), file('b', 'second'));
    for (let length = 0; length < bytes.length; length += 1) {
      await assert.rejects(read(bytes.subarray(0, length)), ArchiveError, `${length} octets`);
    }
    await assert.rejects(read(Buffer.concat([bytes, Buffer.from('x')])), ArchiveError);
    await assert.rejects(read(Buffer.from('\0\0\0\u0002{}')), ArchiveError);
    await assert.rejects(read(Buffer.from('PK\u0003\u0004 a zip file')), ArchiveError);
  });

  it('is refused when a whole file of it is missing, or is there twice', async () => {
    const both = await archived(file('a', 'first'), file('b', 'second'));
    const first = (await archived(file('a', 'first'))).length - (await archived()).length;
    await assert.rejects(read(both.subarray(first)), ArchiveError);
    await assert.rejects(read(Buffer.concat([both.subarray(0, first), both])), ArchiveError);
  });
});

describe('a staged directory', () => {
  it('appears whole, with its modes, closed to others', async (t) => {
    const target = join(await temporaryDirectory(t), 'deep', 'data');
    const staging = await Staging.begin(target);
    await staging.write(file('auth/keys.json', '{}', 0o600));
    await staging.write(file('certs/ca/ca.crt', 'certificate', 0o644));
    await staging.write(file('long', [Buffer.alloc(300_000, 'y'), Buffer.alloc(300_000, 'z')]));
    await staging.settle();
    await assert.rejects(stat(target), { code: 'ENOENT' });
    await staging.commit();
    assert.deepEqual((await readdir(target)).sort(), ['auth', 'certs', 'long']);
    assert.equal((await stat(join(target, 'certs/ca/ca.crt'))).mode & 0o777, 0o644);
    assert.equal((await stat(join(target, 'auth/keys.json'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(target, 'certs'))).mode & 0o777, 0o700);
    assert.equal((await stat(target)).mode & 0o777, 0o700);
    assert.equal((await readFile(join(target, 'long'))).length, 600_000);
  });

  it('takes the place of an empty directory, and of one with nothing but .gitignore; of no other', async (t) => {
    const folder = await temporaryDirectory(t);
    for (const name of ['empty', 'cloned']) {
      const target = join(folder, name);
      await mkdir(target);
      if (name === 'cloned') await writeFile(join(target, '.gitignore'), '*');
      const staging = await Staging.begin(target);
      await staging.write(file('certs/a', 'a'));
      await staging.write(file('journal/b', 'b'));
      await staging.settle();
      await staging.commit();
      assert.deepEqual(
        (await readdir(target)).filter((entry) => entry !== '.gitignore').sort(),
        ['certs', 'journal'],
        name,
      );
    }
    await assert.rejects(Staging.begin(join(folder, 'empty')), StartupError);
    assert.deepEqual((await readdir(folder)).sort(), ['cloned', 'empty']);
  });

  it('refuses what came into its place meanwhile', async (t) => {
    const folder = await temporaryDirectory(t);
    const staging = await Staging.begin(join(folder, 'data'));
    await staging.write(file('a', 'a'));
    await staging.settle();
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 'data', 'other'), 'theirs');
    await assert.rejects(staging.commit(), StartupError);
    await staging.abandon(false);
    assert.deepEqual(await readdir(folder), ['data']);
    assert.deepEqual(await readdir(join(folder, 'data')), ['other']);
  });

  it('refuses every name that leads out of it, and one name for two things', async (t) => {
    const folder = await temporaryDirectory(t);
    const target = join(folder, 'data');
    for (const path of ['../evil', 'a/../../evil', '/etc/evil', 'a//b', '', '.', 'a/.', 'a\\..\\b', 'c:evil', 'a\0b']) {
      const staging = await Staging.begin(target);
      await assert.rejects(staging.write(file(path, 'x')), StartupError, JSON.stringify(path));
      await staging.abandon(false);
    }
    for (const paths of [
      ['a', 'a'],
      ['a', 'a/b'],
      ['a/b', 'a'],
    ]) {
      const staging = await Staging.begin(target);
      const writeAll = async () => {
        for (const path of paths) {
          await staging.write(file(path, 'x'));
          await staging.settle();
        }
      };
      await assert.rejects(writeAll(), StartupError, paths.join());
      await staging.abandon(false);
    }
    assert.deepEqual(await readdir(folder), []);
  });
});
