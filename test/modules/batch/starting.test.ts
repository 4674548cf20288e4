// Batches whose rows are still being checked count among those that are not finished, and one that is refused leaves nothing.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import type { CheckedRow } from '../../../src/modules/batch/check.js';
import { build, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { until } from '../../until.js';

const ACTOR = { user: 'alice', ip_address: null, request_id: null };
const viewer = (id: string) => ({ id, name: id, role: 'operator' as const, reach: null });

/** Rows that come once `go` is called. */
function held() {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  const rows = async function* (): AsyncGenerator<CheckedRow[]> {
    await gate;
    yield [{ row: 2, error: 'refused' }];
  };
  return { rows, go: () => go() };
}

describe('batches that are begun at the same moment', () => {
  test('are five of one caller at most', async (t) => {
    const { app } = await build(t);
    const { jobs } = app.batches;
    const { rows, go } = held();
    const begun = Array.from({ length: 5 }, () => jobs.start(rows(), viewer('a'), ACTOR, null));
    await assert.rejects(jobs.start(rows(), viewer('a'), ACTOR, null), { code: 'RATE_LIMITED' });
    const other = jobs.start(rows(), viewer('b'), ACTOR, null);
    go();
    assert.equal(new Set((await Promise.all([...begun, other])).map(({ id }) => id)).size, 6);
  });

  test('are a hundred of all callers at most', async (t) => {
    const { app } = await build(t);
    const { jobs } = app.batches;
    const { rows, go } = held();
    const begun = Array.from({ length: 100 }, (_, n) => jobs.start(rows(), viewer(`caller ${n}`), ACTOR, null));
    await assert.rejects(jobs.start(rows(), viewer('one more'), ACTOR, null), { code: 'CONFLICT' });
    go();
    assert.equal((await Promise.all(begun)).length, 100);
  });
});

test('a batch whose first line cannot be written is refused, and no later start takes it up', async (t) => {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const { app } = await build(t, { config });
  const { jobs } = app.batches;
  const { rows, go } = held();
  go();
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
  await assert.rejects(jobs.start(rows(), viewer('a'), ACTOR, null), { code: 'STORAGE_FULL' });
  failing.stop();
  assert.deepEqual(jobs.list(viewer('a')), []);
  assert.deepEqual(await readdir(join(config.dataDir, 'batch')), []);
});

/** An app with a batch of one row that is under way until it is let go. */
async function underWay(t: TestContext) {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const { app, call } = await build(t, { config });
  const { jobs } = app.batches;
  app.signIn.mayIssue = () => true;
  let [begun, release] = [false, (): void => undefined];
  app.certificates.issue = () => {
    begun = true;
    return new Promise((_resolve, reject) => {
      release = () => reject(new CertMateError('CONFLICT', 'made to fail'));
    });
  };
  const request = { identifier: 'x', store_key: true, cert_usage: 'vpn' };
  const row = { row: 2, identifier: 'x', common_name: 'x', key: 'ec-p256' as const, request };
  const rows = async function* (): AsyncGenerator<CheckedRow[]> {
    yield [row];
  };
  const job = await jobs.start(rows(), viewer('a'), ACTOR, null);
  await until(() => begun, 'the row to be under way');
  return { config, calls, call, jobs, job, release: () => release() };
}

test('a batch that is cancelled twice while a row is under way ends once, with one line for it', async (t) => {
  const { call, jobs, job, release } = await underWay(t);
  await Promise.all([jobs.cancel(job, ACTOR), jobs.cancel(job, ACTOR)]);
  await jobs.cancel(job, ACTOR);
  assert.equal(job.description.state, 'cancelling');
  release();
  await until(() => job.ended, 'the batch to end');
  await jobs.cancel(job, ACTOR);
  const { entries } = (await call('admin', { url: '/api/audit?operation=batch_import' })).json();
  const phases = entries.map(({ details }: { details: { phase: string } }) => details.phase).toReversed();
  assert.deepEqual([phases, job.description.state], [['start', 'cancel', 'end'], 'cancelled']);
});

test('a batch does not end on disk before the line that says so is written', async (t) => {
  const { config, calls, jobs, job, release } = await underWay(t);
  await jobs.cancel(job, ACTOR);
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
  release();
  await until(() => jobs.view(job).note?.includes('goes on as soon as it can') === true, 'the end to be refused');
  assert.ok(failing.count > 0);
  const stored = JSON.parse(await readFile(join(config.dataDir, 'batch', job.id, 'job.json'), 'utf8'));
  assert.deepEqual([stored.state, stored.finished_at, job.ended], ['cancelling', null, false]);
});
