import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertificateDirectories } from '../../src/store/certificate-files.js';
import { Layout } from '../../src/store/layout.js';
import { makeDirectories, type NewDirectory } from '../../src/store/new-directory.js';
import { FileCalls } from '../file-calls.js';
import { FILES, NOW, sampleRecord, temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const CONTENTS = { 'cert.crt': { text: 'certificate', mode: 0o644 }, 'cert.key': { text: 'key', mode: 0o600 } };

function order(root: string, name: string): NewDirectory {
  return { unfinished: join(root, `.new-${name}`), place: join(root, name), files: CONTENTS };
}

test('directories made together are complete, closed to others, and made with the folders above them', async (t) => {
  const root = join(await temporaryDirectory(t), 'certs', 'client');
  assert.deepEqual(await makeDirectories(['a', 'b', 'c'].map((name) => order(root, name))), [null, null, null]);
  assert.deepEqual((await readdir(root)).sort(), ['a', 'b', 'c']);
  assert.equal((await stat(root)).mode & 0o777, 0o700);
  for (const name of ['a', 'b', 'c']) {
    assert.equal((await stat(join(root, name))).mode & 0o777, 0o700);
    assert.equal((await stat(join(root, name, 'cert.key'))).mode & 0o777, 0o600);
    assert.equal(await readFile(join(root, name, 'cert.crt'), 'utf8'), 'certificate');
  }
});

test('one that cannot be made leaves nothing, whatever step refuses it, and the others are made all the same', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'taken'));
  await writeFile(join(root, 'taken', 'theirs'), '');
  const wrongName = { ...order(root, 'wrong'), files: { ...CONTENTS, 'no/such/folder': { text: '', mode: 0o600 } } };
  const tooLong = { ...order(root, 'long'), unfinished: join(root, `.new-${'x'.repeat(300)}`) };
  const refusals = await makeDirectories([
    order(root, 'a'),
    order(root, 'taken'),
    wrongName,
    tooLong,
    order(root, 'b'),
  ]);
  assert.deepEqual(
    refusals.map((refusal) => refusal && [refusal.step, refusal.code]),
    [null, ['place', 'ENOTEMPTY'], ['fill', 'ENOENT'], ['fill', 'ENAMETOOLONG'], null],
  );
  assert.deepEqual((await readdir(root)).sort(), ['a', 'b', 'taken']);
  assert.deepEqual(await readdir(join(root, 'taken')), ['theirs']);
});

test('what a crash has left where a directory is to be filled does not get into it', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, '.new-a'));
  await writeFile(join(root, '.new-a', 'cert.key'), 'an older key');
  await writeFile(join(root, '.new-a', 'cert.csr'), '');
  assert.deepEqual(await makeDirectories([{ ...order(root, 'a'), place: null }]), [null]);
  assert.deepEqual((await readdir(join(root, '.new-a'))).sort(), ['cert.crt', 'cert.key']);
  assert.equal(await readFile(join(root, '.new-a', 'cert.key'), 'utf8'), 'key');
});

test('directories have their names once their files and entries are durable, and then the names are made durable, once', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  assert.deepEqual(await makeDirectories(['a', 'b'].map((name) => order(root, name))), [null, null]);
  const steps = stepsOf(calls, root);
  const isSync = (step: string) => /^(data)?sync \.new-/.test(step);
  const contents = ['a', 'b'].flatMap((name) => [
    `datasync .new-${name}/cert.crt`,
    `datasync .new-${name}/cert.key`,
    `sync .new-${name}`,
  ]);
  assert.deepEqual(steps.filter(isSync).sort(), contents.sort());
  const last = steps.findLastIndex(isSync);
  assert.deepEqual(steps.slice(last + 1), ['rename .new-a a', 'rename .new-b b', 'sync .']);
  for (const step of contents.filter((text) => text.startsWith('datasync'))) {
    assert.ok(steps.indexOf(step.replace('datasync', 'write')) < steps.indexOf(step), step);
  }
  const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
  assert.equal(count('close'), count('open'));
});

test('a directory that stays where it was filled is made durable there', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  assert.deepEqual(await makeDirectories([{ ...order(root, 'a'), place: null }]), [null]);
  const steps = stepsOf(calls, root);
  assert.equal(steps.at(-1), 'sync .');
  assert.ok(steps.includes('sync .new-a'));
  assert.deepEqual(await readdir(root), ['.new-a']);
});

for (const [call, path, step] of [
  ['datasync', '.new-b/cert.key', 'fill'],
  ['datasync', '.new-b/cert.crt', 'fill'],
  ['sync', '.new-b', 'fill'],
  ['writeFile', '.new-b/cert.key', 'fill'],
  ['mkdir', '.new-b', 'fill'],
  ['rename', '.new-b', 'place'],
] as const) {
  test(`one whose ${call} of ${path} fails is refused and leaves nothing; the others are made`, async (t) => {
    const root = await temporaryDirectory(t);
    const calls = FileCalls.watch(t, root);
    const failing = calls.fail((made) => made.name === call && made.path === join(root, path), 'ENOSPC', { times: 1 });
    const refusals = await makeDirectories(['a', 'b', 'c'].map((name) => order(root, name)));
    assert.equal(failing.count, 1);
    assert.deepEqual(
      refusals.map((refusal) => refusal && [refusal.step, refusal.code]),
      [null, [step, 'ENOSPC'], null],
    );
    assert.match(refusals[1]?.message ?? '', /ENOSPC/);
    assert.deepEqual((await readdir(root)).sort(), ['a', 'c']);
    const count = (wanted: string) => calls.made.filter(({ name }) => name === wanted).length;
    assert.equal(count('close'), count('open'));
  });
}

test('a file that cannot be closed is not taken for written', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name, path }) => name === 'close' && path.endsWith('cert.key'), 'EIO', { times: 1 });
  const [refusal] = await makeDirectories([order(root, 'a')]);
  assert.deepEqual([refusal?.step, refusal?.code], ['fill', 'EIO']);
  assert.deepEqual(await readdir(root), []);
});

test('where the names cannot be made durable, none of the directories stays, and their names go first', async (t) => {
  const root = await temporaryDirectory(t);
  const calls = FileCalls.watch(t, root);
  calls.fail(({ name, path }) => name === 'sync' && path === root, 'EIO', { times: 1 });
  const refusals = await makeDirectories([order(root, 'a'), { ...order(root, 'b'), place: null }]);
  assert.deepEqual(
    refusals.map((refusal) => [refusal?.step, refusal?.code]),
    [
      ['sync', 'EIO'],
      ['sync', 'EIO'],
    ],
  );
  assert.deepEqual(await readdir(root), []);
  const steps = stepsOf(calls, root);
  assert.ok(steps.includes('rename a .new-a'));
  assert.equal(steps.at(-1), 'sync .', 'that they are gone is durable');
});

test('a directory for which the one above cannot be made is refused', async (t) => {
  const root = await temporaryDirectory(t);
  await writeFile(join(root, 'file'), '');
  const [refusal] = await makeDirectories([order(join(root, 'file'), 'a')]);
  assert.deepEqual([refusal?.step, refusal?.code], ['fill', 'ENOTDIR']);
  const calls = FileCalls.watch(t, root);
  await makeDirectories([order(join(root, 'above'), 'a')]);
  assert.deepEqual(stepsOf(calls, root).slice(0, 3), ['mkdir above', 'sync .', 'mkdir above/.new-a']);
});

async function directories(t: TestContext) {
  const dataDir = await temporaryDirectory(t);
  const made = new CertificateDirectories(new Layout(dataDir), new URL('./dying-worker.js', import.meta.url));
  t.after(() => made.close());
  return { made, usage: join(dataDir, 'certs/client/api-mtls') };
}

for (const moment of ['at once', 'in the middle', 'at the end']) {
  test(`a certificate whose thread dies ${moment} is refused and leaves nothing; the next one is stored`, async (t) => {
    const { made, usage } = await directories(t);
    await made.create(sampleRecord(1), FILES, NOW);
    const dying = { ...FILES, 'cert.crt': `dies ${moment}` };
    await assert.rejects(made.create(sampleRecord(2), dying, NOW), { code: 'UNAVAILABLE' });
    assert.deepEqual(await readdir(usage), [sampleRecord(1).identifier]);
    await made.create(sampleRecord(2), FILES, NOW);
    assert.deepEqual((await readdir(usage)).sort(), [sampleRecord(1).identifier, sampleRecord(2).identifier]);
  });
}

test("a thread that dies takes nothing of somebody else's with it", async (t) => {
  const { made, usage } = await directories(t);
  await made.create(sampleRecord(1), FILES, NOW);
  await assert.rejects(made.create(sampleRecord(1), { ...FILES, 'cert.crt': 'dies at once' }, NOW), {
    code: 'UNAVAILABLE',
  });
  assert.deepEqual(await readdir(usage), [sampleRecord(1).identifier]);
  assert.equal(await readFile(join(usage, sampleRecord(1).identifier, 'cert.crt'), 'utf8'), FILES['cert.crt']);
  await assert.rejects(made.create(sampleRecord(1), FILES, NOW), { code: 'IDENTIFIER_TAKEN' });
});
