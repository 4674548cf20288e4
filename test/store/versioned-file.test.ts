import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertMateError } from '../../src/errors.js';
import { Folder } from '../../src/store/folder.js';
import { DamagedFile, neverWithout, onlyUnnumbered, VersionedFile } from '../../src/store/versioned-file.js';
import { temporaryDirectory } from './records.js';

const PATH = 'zoo/animals.json';
const NAME = 'animals.json';

/** A file of its third form: first a list, then an object, then one with another name in it. */
const animals = new VersionedFile<string[]>({
  upgrades: [
    (list) => ({ beasts: list }),
    (older) => {
      const { beasts, ...others } = older as { beasts: unknown };
      return { ...others, animals: beasts };
    },
  ],
  parse: ({ animals: list }) => {
    if (Array.isArray(list)) return list;
    throw new Error('animals: must be a list');
  },
  remedy: 'Catch them again.',
});

const FORMS = [
  '["ant","bee"]',
  '{"schema_version":1,"beasts":["ant","bee"]}',
  animals.format({ animals: ['ant', 'bee'] }),
];

async function zoo(t: TestContext, files: Record<string, string> = {}): Promise<Folder> {
  const folder = new Folder(await temporaryDirectory(t));
  for (const [name, text] of Object.entries(files)) await folder.write(name, text);
  return folder;
}

const textOf = async (folder: Folder, name: string) => (await folder.read(name))?.toString();

test('a file that was never written is none, and stays none', async (t) => {
  const folder = await zoo(t);
  assert.equal(await animals.read(folder, PATH), null);
  assert.deepEqual(await folder.list(), []);
});

test('a file says its form first, and is read as it was written', async (t) => {
  const folder = await zoo(t);
  await animals.write(folder, NAME, { animals: ['ant'] });
  assert.match((await textOf(folder, NAME)) ?? '', /^\{\n {2}"schema_version": 2,\n/);
  const { ino } = await stat(join(folder.path, NAME));
  assert.deepEqual(await animals.read(folder, PATH), ['ant']);
  assert.equal((await stat(join(folder.path, NAME))).ino, ino, 'it is not written again');
  assert.deepEqual(await folder.list(), [NAME]);
});

for (const form of [0, 1]) {
  test(`a file of form ${form} is read, kept beside, and written in the present form, once`, async (t) => {
    const older = FORMS[form] ?? '';
    const folder = await zoo(t, { [NAME]: older });
    for (const _time of ['first', 'second']) {
      assert.deepEqual(await animals.read(folder, PATH), ['ant', 'bee']);
      assert.equal(await textOf(folder, NAME), FORMS[2]);
      assert.equal(await textOf(folder, `${NAME}.v${form}`), older);
      assert.deepEqual(await readdir(folder.path), [NAME, `${NAME}.v${form}`]);
    }
    for (const name of [NAME, `${NAME}.v${form}`]) assert.equal(await folder.mode(name), 0o600);
  });
}

test('a crash at any point of an upgrade loses nothing, and the next start ends it', async (t) => {
  const older = FORMS[0] ?? '';
  const states: Record<string, Record<string, string>> = {
    'the older form is being kept': { [NAME]: older, '.unfinished-0123456789ab': older.slice(0, 5) },
    'the older form is kept': { [NAME]: older, [`${NAME}.v0`]: older },
    'the present form is being written': {
      [NAME]: older,
      [`${NAME}.v0`]: older,
      '.unfinished-0123456789ab': (FORMS[2] ?? '').slice(0, 20),
    },
    'the present form is written': { [NAME]: FORMS[2] ?? '', [`${NAME}.v0`]: older },
  };
  for (const [state, files] of Object.entries(states)) {
    const folder = await zoo(t, files);
    assert.deepEqual(await animals.read(folder, PATH), ['ant', 'bee'], state);
    assert.deepEqual(await folder.list(), [NAME, `${NAME}.v0`], state);
    assert.equal(await textOf(folder, NAME), FORMS[2], state);
    assert.equal(await textOf(folder, `${NAME}.v0`), older, state);
  }
});

test('an upgrade that cannot be written leaves the older form in its place, to be tried again', async (t) => {
  const older = FORMS[0] ?? '';
  const folder = await zoo(t, { [NAME]: older });
  const full = async () => {
    throw new CertMateError('STORAGE_FULL', 'The disk is full.');
  };
  const [read, create] = [folder.read.bind(folder), folder.create.bind(folder)];
  await assert.rejects(animals.read({ read, create: full, write: full }, PATH), { code: 'STORAGE_FULL' });
  await assert.rejects(animals.read({ read, create, write: full }, PATH), { code: 'STORAGE_FULL' });
  assert.equal(await textOf(folder, NAME), older);
  assert.equal(await textOf(folder, `${NAME}.v0`), older, 'it is kept before anything is written over it');
  assert.deepEqual(await animals.read(folder, PATH), ['ant', 'bee']);
  assert.deepEqual(await folder.list(), [NAME, `${NAME}.v0`]);
});

test('what an earlier upgrade has kept is never overwritten', async (t) => {
  const folder = await zoo(t, { [NAME]: '["cow"]', [`${NAME}.v0`]: '["ant"]', [`${NAME}.v0.2`]: '["bee"]' });
  assert.deepEqual(await animals.read(folder, PATH), ['cow']);
  assert.equal(await textOf(folder, `${NAME}.v0`), '["ant"]');
  assert.equal(await textOf(folder, `${NAME}.v0.2`), '["bee"]');
  assert.equal(await textOf(folder, `${NAME}.v0.3`), '["cow"]');
});

test('a file of a newer form is refused in one line that says what to do, and left as it is', async (t) => {
  const newer = '{"schema_version":3,"fauna":{}}';
  const folder = await zoo(t, { [NAME]: newer });
  await assert.rejects(animals.read(folder, PATH), (error: Error) => {
    assert.equal(error.name, 'StartupError');
    assert.ok(!(error instanceof DamagedFile));
    assert.equal(
      error.message,
      'zoo/animals.json in the data directory was written by a newer CertMate (schema_version 3; this one knows 2). Start the newer one, or restore a backup made before it was used.',
    );
    return true;
  });
  assert.deepEqual(await folder.list(), [NAME]);
  assert.equal(await textOf(folder, NAME), newer);
});

for (const [what, text, complaint] of [
  ['is no JSON', '{"schema_version": 2', 'it is not JSON'],
  ['is empty', '', 'it is not JSON'],
  ['holds no object', '7', 'animals: must be a list'],
  ['has a text as its form', '{"schema_version":"2","animals":[]}', 'schema_version: must be a whole number'],
  ['has half a form', '{"schema_version":1.5,"beasts":[]}', 'schema_version: must be a whole number'],
  ['lacks what its form has', '{"schema_version":2,"beasts":[]}', 'animals: must be a list'],
] as const) {
  test(`a file that ${what} is called damaged, with what to do, and left as it is`, async (t) => {
    const folder = await zoo(t, { [NAME]: text });
    await assert.rejects(animals.read(folder, PATH), (error: Error) => {
      assert.ok(error instanceof DamagedFile);
      assert.equal(error.message, `zoo/animals.json in the data directory is damaged: ${complaint}. Catch them again.`);
      return true;
    });
    assert.deepEqual(await folder.list(), [NAME]);
    assert.equal(await textOf(folder, NAME), text);
  });
}

test('where no program has ever left the form out, a file without it is damaged', async (t) => {
  const folder = await zoo(t, { [NAME]: '{}' });
  const strict = new VersionedFile({ upgrades: [neverWithout, onlyUnnumbered], parse: () => 1, remedy: 'Mend it.' });
  await assert.rejects(strict.read(folder, PATH), { message: /damaged: schema_version: is missing\. Mend it\.$/ });
});
