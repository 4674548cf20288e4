import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertificateDirectories } from '../../src/store/certificate-files.js';
import { Layout } from '../../src/store/layout.js';
import { formatMetadata } from '../../src/store/metadata.js';
import type { CertificateFiles } from '../../src/store/store.js';
import { FileCalls } from '../file-calls.js';
import { FILES, NOW, renewed, sampleRecord, temporaryDirectory } from './records.js';
import { stepsOf } from './steps.js';

const alice = sampleRecord(1);
const next = renewed(alice, '42');
const ID = alice.identifier;
const OLD = `${ID}/history/${alice.serial_number}`;
const SECOND: CertificateFiles = { 'cert.crt': 'second', 'cert.key': 'second key' };

/** The directory of Alice, whose calls are watched; `usage` is the folder it is in. */
async function watched(t: TestContext, files: CertificateFiles = FILES) {
  const dataDir = await temporaryDirectory(t);
  const directories = new CertificateDirectories(new Layout(dataDir));
  t.after(() => directories.close());
  await directories.create(alice, files, NOW);
  const usage = join(dataDir, 'certs/client/api-mtls');
  const calls = FileCalls.watch(t, usage);
  const names = async () =>
    (await readdir(usage, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(usage.length + 1))
      .sort();
  const text = (path: string) => readFile(join(usage, path), 'utf8');
  return { directories, usage, calls, names, text };
}

const ALL = ['cert.crt', 'cert.csr', 'cert.key', 'metadata.json'];
const at = (folder: string, names: readonly string[]) => names.map((name) => `${folder}/${name}`);

test('a renewal is prepared with the old files in the history, metadata.json last, all of it durable', async (t) => {
  const { directories, usage, calls, names, text } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  const links = ['cert.crt', 'cert.key', 'cert.csr', 'metadata.json'];
  assert.deepEqual(
    stepsOf(calls, usage).filter((step) => !step.startsWith('rm ')),
    [
      `mkdir ${ID}/history`,
      `mkdir ${OLD}`,
      `sync ${ID}/history`,
      `sync ${ID}`,
      ...links.map((name) => `link ${ID}/${name} ${OLD}/${name}`),
      `sync ${OLD}`,
    ],
  );
  assert.deepEqual(
    await names(),
    [...at(`.next-${ID}`, ['cert.crt', 'cert.key', 'metadata.json']), ...at(ID, ALL), ...at(OLD, ALL)].sort(),
  );
  assert.equal(await text(`${ID}/cert.crt`), FILES['cert.crt'], 'what is read is still the old');
  assert.equal(await text(`.next-${ID}/metadata.json`), formatMetadata(next, NOW));
});

test('the new files of a renewal are beside the directory before anything of it is in the history', async (t) => {
  const { directories, usage, calls } = await watched(t);
  const held = calls.hold(({ name }) => name === 'mkdir');
  const prepared = directories.prepareReplacement(alice, next, SECOND, NOW);
  await held.reached;
  assert.deepEqual((await readdir(join(usage, `.next-${ID}`))).sort(), ['cert.crt', 'cert.key', 'metadata.json']);
  assert.ok(!(await readdir(join(usage, ID))).includes('history'));
  held.release();
  await prepared;
});

for (const step of ['mkdir', 'sync']) {
  test(`a renewal that cannot be prepared for want of room (${step}) leaves nothing`, async (t) => {
    const { directories, calls, names, text } = await watched(t);
    const failing = calls.fail(({ name }) => name === step, 'ENOSPC', { times: 1 });
    await assert.rejects(directories.prepareReplacement(alice, next, SECOND, NOW), { code: 'STORAGE_FULL' });
    assert.equal(failing.count, 1);
    assert.deepEqual(await names(), at(ID, ALL));
    assert.equal(await text(`${ID}/cert.crt`), FILES['cert.crt']);
  });
}

test('on a file system without hard links the history has copies, durable and with their modes', async (t) => {
  const { directories, usage, calls, names, text } = await watched(t, { 'cert.crt': 'first', 'cert.key': 'first key' });
  // What is not there is told before it is asked whether links are known.
  calls.fail(({ name, path }) => name === 'link' && existsSync(path), 'EPERM');
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  const old = ['cert.crt', 'cert.key', 'metadata.json'];
  assert.deepEqual(
    (await names()).filter((name) => name.startsWith(OLD)),
    at(OLD, old),
  );
  const steps = stepsOf(calls, usage);
  for (const name of old) {
    assert.ok(steps.includes(`datasync ${OLD}/${name}`));
    assert.equal(await text(`${OLD}/${name}`), await text(`${ID}/${name}`));
    assert.equal((await stat(join(usage, OLD, name))).mode & 0o777, name === 'cert.key' ? 0o600 : 0o644);
  }
  assert.equal(steps.at(-1), `sync ${OLD}`);
});

test('a copy for the history that finds no room leaves nothing of the renewal', async (t) => {
  const { directories, calls, names } = await watched(t);
  calls.fail(({ name }) => name === 'link', 'EPERM');
  calls.fail(({ name }) => name === 'datasync', 'ENOSPC', { times: 1, after: 1 });
  await assert.rejects(directories.prepareReplacement(alice, next, SECOND, NOW), { code: 'STORAGE_FULL' });
  assert.deepEqual(await names(), at(ID, ALL));
});

test('what an earlier attempt left in the history does not get into it', async (t) => {
  const { directories, usage, names } = await watched(t, { 'cert.crt': 'first' });
  await mkdir(join(usage, OLD), { recursive: true });
  await writeFile(join(usage, OLD, 'cert.key'), 'the key of another attempt');
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  assert.deepEqual(
    (await names()).filter((name) => name.startsWith(OLD)),
    at(OLD, ['cert.crt', 'metadata.json']),
  );
});

test('the new files take their places certificate first and metadata.json last, and durably before their folder goes', async (t) => {
  const { directories, usage, calls, names, text } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  const from = calls.made.length;
  await directories.finishReplacement(next);
  assert.deepEqual(stepsOf(calls, usage, from), [
    `unlink ${ID}/cert.csr`,
    ...['cert.crt', 'cert.key', 'metadata.json'].map((name) => `rename .next-${ID}/${name} ${ID}/${name}`),
    `sync ${ID}`,
    `rmdir .next-${ID}`,
    'sync .',
  ]);
  assert.deepEqual(await names(), [...at(ID, ['cert.crt', 'cert.key']), ...at(OLD, ALL), `${ID}/metadata.json`]);
  assert.equal(await text(`${ID}/cert.key`), 'second key');
  await directories.finishReplacement(next);
});

test('a key that the renewed certificate shall have without bringing it stays, one that it shall not have goes', async (t) => {
  for (const has_private_key of [true, false]) {
    const { directories, usage } = await watched(t);
    const record = { ...next, has_private_key };
    await directories.prepareReplacement(alice, record, { 'cert.crt': 'second' }, NOW);
    await directories.finishReplacement(record);
    assert.equal((await readdir(join(usage, ID))).includes('cert.key'), has_private_key);
    assert.ok(!(await readdir(join(usage, ID))).includes('cert.csr'), 'the request was for the old one');
  }
});

test('once the new certificate is in its place, finishing again takes nothing away that came with it', async (t) => {
  const { directories, usage, calls, text } = await watched(t);
  await directories.prepareReplacement(alice, next, { ...SECOND, 'cert.csr': 'second request' }, NOW);
  calls.fail(({ name }) => name === 'rename', 'EIO', { times: 1, after: 3 });
  await assert.rejects(directories.finishReplacement(next), { code: 'EIO' });
  assert.deepEqual(await readdir(join(usage, `.next-${ID}`)), ['metadata.json']);
  await directories.finishReplacement(next);
  assert.equal(await text(`${ID}/cert.csr`), 'second request');
  assert.equal(await text(`${ID}/cert.key`), 'second key');
  assert.equal(await text(`${ID}/metadata.json`), formatMetadata(next, NOW));
});

test('a renewal that is abandoned leaves what was there before, older history included', async (t) => {
  const { directories, usage, names } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  await directories.abandonReplacement(alice);
  assert.deepEqual(await names(), at(ID, ALL));
  assert.ok(!(await readdir(join(usage, ID))).includes('history'));
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  await directories.finishReplacement(next);
  await directories.prepareReplacement(next, renewed(next, '43'), SECOND, NOW);
  await directories.abandonReplacement(next);
  assert.deepEqual(await readdir(join(usage, ID, 'history')), [alice.serial_number]);
  assert.deepEqual(await readdir(usage), [ID]);
});

test('a create that is taken back loses its name before its files, and durably', async (t) => {
  const { directories, usage, calls } = await watched(t);
  await directories.remove(alice);
  const steps = stepsOf(calls, usage).filter((step) => !/^(rmdir|unlink)/.test(step));
  assert.equal(steps[0], `rename ${ID} .new-${ID}`);
  assert.equal(steps.at(-1), 'sync .');
  assert.deepEqual(await readdir(usage), []);
});

test('keys are destroyed durably, those of the history only if that is asked for', async (t) => {
  const { directories, usage, calls, names } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  await directories.finishReplacement(next);
  const keys = async () => (await names()).filter((name) => name.endsWith('cert.key'));
  const from = calls.made.length;
  await directories.destroyKeys(next, false);
  assert.deepEqual(stepsOf(calls, usage, from), [`unlink ${ID}/cert.key`, `sync ${ID}`]);
  assert.deepEqual(await keys(), [`${OLD}/cert.key`]);
  const after = calls.made.length;
  await directories.destroyKeys(next, true);
  assert.deepEqual(stepsOf(calls, usage, after), [`unlink ${OLD}/cert.key`, `sync ${OLD}`]);
  assert.deepEqual(await keys(), []);
});

test('a key that cannot be removed is no destroyed key', async (t) => {
  const { directories, calls, names } = await watched(t);
  calls.fail(({ name }) => name === 'unlink', 'EACCES', { times: 1 });
  await assert.rejects(directories.destroyKeys(alice, true), { code: 'EACCES' });
  assert.ok((await names()).includes(`${ID}/cert.key`));
});

test('settling finishes the renewal that the record speaks of, and undoes any other', async (t) => {
  for (const [record, text] of [
    [next, 'second'],
    [alice, FILES['cert.crt']],
  ] as const) {
    const place = await watched(t);
    await place.directories.prepareReplacement(alice, next, SECOND, NOW);
    await place.directories.settle(record);
    assert.equal(await place.text(`${ID}/cert.crt`), text);
    assert.deepEqual(await readdir(place.usage), [ID]);
    assert.equal((await readdir(join(place.usage, ID))).includes('history'), record === next);
  }
});

test('settling undoes a renewal whose metadata.json is damaged', async (t) => {
  const { directories, usage, text } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  await writeFile(join(usage, `.next-${ID}`, 'metadata.json'), '{');
  await directories.settle(next);
  assert.equal(await text(`${ID}/cert.crt`), FILES['cert.crt']);
  assert.deepEqual(await readdir(usage), [ID]);
});

test('settling tells that the files of a renewal cannot be read, rather than undo it', async (t) => {
  const { directories, usage, calls } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  calls.fail(({ name, path }) => name === 'readFile' && path.includes('.next-'), 'EIO');
  await assert.rejects(directories.settle(next), { code: 'EIO' });
  assert.deepEqual((await readdir(usage)).sort(), [`.next-${ID}`, ID]);
});

test('settling removes what is unfinished and the keys that the record says are gone, and makes no directory', async (t) => {
  const { directories, usage, names } = await watched(t);
  await directories.prepareReplacement(alice, next, SECOND, NOW);
  await directories.finishReplacement(next);
  await mkdir(join(usage, ID, '.unfinished-0123456789ab'));
  await writeFile(join(usage, ID, '.unfinished-0123456789ab', 'a'), 'half');
  await directories.settle(next);
  const all = [...at(ID, ['cert.crt', 'cert.key']), ...at(OLD, ALL), `${ID}/metadata.json`];
  assert.deepEqual(await names(), all);
  const keyless = { ...next, has_private_key: false };
  await directories.settle(keyless);
  assert.deepEqual(
    await names(),
    all.filter((name) => name !== `${ID}/cert.key`),
    'the key of the replaced certificate is its own',
  );
  await directories.settle({ ...keyless, deleted_at: '2026-11-21T00:00:00Z' });
  assert.deepEqual(
    await names(),
    all.filter((name) => !name.endsWith('cert.key')),
  );
  await rm(join(usage, ID), { recursive: true });
  await directories.settle(alice);
  assert.deepEqual(await readdir(usage), []);
});

test('a metadata.json that cannot be read stays beside the new one, each by itself', async (t) => {
  const { directories, usage, text } = await watched(t);
  const kept = 'metadata.json.damaged-20261121T200000Z';
  for (const damage of ['{', '{"identifier":']) {
    await writeFile(join(usage, ID, 'metadata.json'), damage);
    await directories.writeMetadata(alice, NOW);
    assert.equal(await text(`${ID}/metadata.json`), formatMetadata(alice, NOW));
  }
  await directories.writeMetadata(alice, NOW);
  const all = (await readdir(join(usage, ID))).filter((name) => name.startsWith('metadata.json.'));
  assert.deepEqual(all.sort(), [kept, `${kept}-2`]);
  assert.equal(await text(`${ID}/${kept}`), '{');
  assert.equal(await text(`${ID}/${kept}-2`), '{"identifier":');
});

test('a damaged metadata.json that cannot be kept is not written over', async (t) => {
  const { directories, usage, calls, text } = await watched(t);
  await writeFile(join(usage, ID, 'metadata.json'), '{');
  calls.fail(({ name }) => name === 'link', 'ENOSPC', { times: 1 });
  await assert.rejects(directories.writeMetadata(alice, NOW), { code: 'STORAGE_FULL' });
  assert.equal(await text(`${ID}/metadata.json`), '{');
});

test('metadata.json may be read by others, a key may not', async (t) => {
  const { directories, usage } = await watched(t);
  await directories.writeMetadata(alice, NOW);
  const modes = await Promise.all(ALL.map(async (name) => (await stat(join(usage, ID, name))).mode & 0o777));
  assert.deepEqual(modes, [0o644, 0o644, 0o600, 0o644]);
});

test('a directory that is not there has no list, one that cannot be read is no such directory', async (t) => {
  const { directories, calls } = await watched(t);
  assert.equal(await directories.list(sampleRecord(2)), null);
  assert.deepEqual((await directories.list(alice))?.sort(), ALL);
  calls.fail(({ name }) => name === 'readdir', 'EACCES', { times: 2 });
  await assert.rejects(directories.list(alice), { code: 'EACCES' });
  await assert.rejects(directories.finishReplacement(next), { code: 'EACCES' });
});

test('a directory that is taken back loses its name before its files go, and durably', async (t) => {
  const { directories, usage, calls, names } = await watched(t);
  await directories.remove(alice);
  const taken = `.new-${ID}`;
  const steps = stepsOf(calls, usage).filter((step) => /^(?:rename|sync) /.test(step) || step === `rm ${taken}`);
  assert.deepEqual(steps, [`rename ${ID} ${taken}`, `rm ${taken}`, 'sync .']);
  assert.deepEqual(await names(), []);
});

test('a directory that cannot be taken back is told of and stays whole', async (t) => {
  const { directories, calls, names } = await watched(t);
  const failing = calls.fail(({ name }) => name === 'rename', 'EIO');
  await assert.rejects(directories.remove(alice), { code: 'EIO' });
  assert.equal(failing.count, 1);
  assert.deepEqual(await names(), at(ID, ALL));
});
