import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CertificateDirectories } from '../../src/store/certificate-files.js';
import { Layout } from '../../src/store/layout.js';
import { ProblemList } from '../../src/store/problem-list.js';
import { VERIFIED_AT_ONCE, verifyEach, verifyFiles, verifyWritable } from '../../src/store/verification.js';
import { FileCalls } from '../file-calls.js';
import { FILES, NOW, recordingLog, revoked, sampleRecord, temporaryDirectory } from './records.js';

const alice = sampleRecord(1);
const AT = `certs/client/api-mtls/${alice.identifier}`;

/** The directory of Alice, what is known to be wrong with it, and how it is verified. */
async function place(t: TestContext) {
  const dataDir = await temporaryDirectory(t);
  const layout = new Layout(dataDir);
  const directories = new CertificateDirectories(layout);
  t.after(() => directories.close());
  await directories.create(alice, FILES, NOW);
  const problems = new ProblemList(recordingLog());
  const wrong = () =>
    problems.all().map(({ path, message }) => `${path}: ${message.slice(0, message.indexOf('.') + 1)}`);
  const verified = async (record = alice) => {
    await verifyFiles(record, directories, problems);
    return wrong();
  };
  return { layout, problems, verified, wrong, at: (name: string) => join(dataDir, AT, name), dataDir };
}

test('each problem of a certificate is reported while it lasts, and no longer', async (t) => {
  const { verified, at, dataDir } = await place(t);
  assert.deepEqual(await verified(), []);
  for (const [file, problem] of [
    ['cert.crt', `${AT}/cert.crt: It is missing.`],
    ['cert.key', `${AT}/cert.key: It is missing.`],
    ['metadata.json', `${AT}/metadata.json: It is missing.`],
  ] as const) {
    await rename(at(file), join(dataDir, 'kept'));
    assert.deepEqual(await verified(), [problem]);
    await rename(join(dataDir, 'kept'), at(file));
    assert.deepEqual(await verified(), []);
  }
  await rename(join(dataDir, AT), join(dataDir, 'kept'));
  assert.deepEqual(await verified(), [`${AT}: The directory of this certificate is missing.`]);
  await rename(join(dataDir, 'kept'), join(dataDir, AT));
  assert.deepEqual(await verified(), []);
  assert.deepEqual(await verified(revoked(alice)), [`${AT}/metadata.json: It does not say what the journal says.`]);
  await writeFile(at('metadata.json'), '{"half');
  assert.deepEqual(await verified(), [`${AT}/metadata.json: It is damaged: it is not JSON.`]);
});

test('a key is missing only where the record says that there is one', async (t) => {
  const { verified, at } = await place(t);
  await rm(at('cert.key'));
  const wrong = await verified({ ...alice, has_private_key: false });
  assert.deepEqual(wrong, [`${AT}/metadata.json: It does not say what the journal says.`]);
});

test('a directory that may not be written is reported until it may be again, that of a certificate and those above', async (t) => {
  const { verified, wrong, layout, problems, dataDir } = await place(t);
  const calls = FileCalls.watch(t, dataDir);
  const problem = (path: string) => `${path}: CertMate may not write here.`;
  calls.fail(({ name, path }) => name === 'access' && path === join(dataDir, AT), 'EACCES', { times: 1 });
  assert.deepEqual(await verified(), [problem(AT)]);
  assert.deepEqual(await verified(), []);
  for (const path of ['journal', 'certs/client/api-mtls']) {
    calls.fail(({ name, path: at }) => name === 'access' && at === join(dataDir, path), 'EROFS', { times: 1 });
    await verifyWritable(layout, problems);
    assert.deepEqual(wrong(), [problem(path)]);
    await verifyWritable(layout, problems);
    assert.deepEqual(wrong(), [], 'a directory that is not there yet is none that may not be written');
  }
});

/** Counts the turns that others get. */
function turns(t: TestContext) {
  let count = 0;
  let next = setImmediate(function again() {
    count += 1;
    next = setImmediate(again);
  });
  t.after(() => clearImmediate(next));
  return () => count;
}

test('up to a number certificates are verified without a pause; beyond it others get a turn after each four', async (t) => {
  const records = Array.from({ length: VERIFIED_AT_ONCE + 13 }, (_, n) => sampleRecord(n));
  const taken = turns(t);
  const before: number[] = [];
  const verify = async () => void before.push(taken());
  await verifyEach(records, verify, new AbortController().signal);
  assert.equal(before.length, records.length);
  assert.equal(before[VERIFIED_AT_ONCE], 0);
  const grown = before.flatMap((count, index) => (count > (before[index - 1] ?? 0) ? [index] : []));
  assert.deepEqual(
    grown,
    [4, 8, 12].map((further) => VERIFIED_AT_ONCE + further),
  );
});

test('verifying ends when it is told to', async () => {
  const stop = new AbortController();
  const seen: string[] = [];
  const verify = async (identifier: string) => {
    seen.push(identifier);
    if (seen.length === 2) stop.abort();
  };
  await verifyEach([sampleRecord(1), sampleRecord(2), sampleRecord(3)], verify, stop.signal);
  assert.deepEqual(seen, [sampleRecord(1).identifier, sampleRecord(2).identifier]);
});
