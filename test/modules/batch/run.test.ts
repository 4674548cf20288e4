import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CertMateError, SavedAlready } from '../../../src/errors.js';
import type { RowRequest } from '../../../src/modules/batch/check.js';
import { progressEvents } from '../../../src/modules/batch/events.js';
import { BatchJob } from '../../../src/modules/batch/job.js';
import { type JobDescription, JobFiles, rowLine } from '../../../src/modules/batch/job-files.js';
import { Pace } from '../../../src/modules/batch/pace.js';
import { type RunParts, runJob } from '../../../src/modules/batch/run.js';
import { Folder } from '../../../src/store/folder.js';
import type { AuditEvent, CertificateRecord } from '../../../src/types.js';
import { FileCalls } from '../../file-calls.js';
import { until } from '../../until.js';

const AT = '2026-11-21T20:38:00Z';
const FULL = new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.');

/** A running job of three rows, issued by whatever `issue` does. */
async function threeRows(t: TestContext, issue: (identifier: string, shelf: Map<string, CertificateRecord>) => void) {
  const path = await mkdtemp(join(tmpdir(), 'certmate-run-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const names = ['a', 'b', 'c'];
  const description: JobDescription = {
    id: 'job',
    state: 'running',
    total: 3,
    refused: 0,
    work: { 'ec-p256': 3 },
    successful: 0,
    failed: 0,
    errors: [],
    created_at: AT,
    started_at: AT,
    finished_at: null,
    owner: { id: 'me', name: 'me' },
    actor: { user: 'me', ip_address: null, request_id: null },
    reason: null,
  };
  const files = new JobFiles(new Folder(path), 'job');
  const rows = names.map((identifier, index) => {
    const request: RowRequest = { identifier, store_key: true, cert_usage: 'vpn' };
    return { row: index + 2, identifier, common_name: identifier, key: 'ec-p256' as const, request };
  });
  await files.create(description, [Buffer.from(rows.map(rowLine).join(''))]);
  const shelf = new Map<string, CertificateRecord>();
  const recorded: AuditEvent[] = [];
  const parts: RunParts = {
    issuing: {
      requestFields: {},
      readRequest: () => assert.fail('rows were read long ago'),
      foresee: () => assert.fail('rows were judged long ago'),
      issue: async ({ identifier = '' }) => {
        issue(identifier, shelf);
        const record = recordOf(identifier);
        shelf.set(identifier, record);
        return record;
      },
    },
    find: (identifier) => shelf.get(identifier),
    audit: {
      record: async (event) => {
        recorded.push(event);
      },
      async *lines() {},
    },
    mayIssue: () => true,
    pace: new Pace(),
    limits: { slow: 1, quick: 2 },
    patience: 20,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
  const job = new BatchJob(description, parts.pace);
  return { path, job, files, parts, shelf, recorded };
}

function recordOf(identifier: string): CertificateRecord {
  const serial_number = String(identifier.charCodeAt(0));
  return { identifier, common_name: identifier, serial_number, cert_usage: 'vpn', created_at: AT } as CertificateRecord;
}

const stop = () => new AbortController().signal;

test('a batch waits while the disk is full, says so, and then goes on: no row fails for it', async (t) => {
  let isFull = true;
  const { job, files, parts, shelf } = await threeRows(t, () => {
    if (isFull) throw FULL;
  });
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const running = runJob(job, files, parts, { again: false, stop: stopping.signal });
  await until(() => job.view().note !== null, 'the batch says that it waits');
  assert.match(job.view().note ?? '', /the disk is full.*goes on as soon as it can/);
  assert.equal(job.view().done, 0);
  isFull = false;
  await running;
  assert.deepEqual([job.view().successful, job.view().failed, job.view().note], [3, 0, null]);
  assert.deepEqual([...shelf.keys()].sort(), ['a', 'b', 'c']);
});

test('a certificate that is there although issuing it failed is not issued again, and is recorded', async (t) => {
  let calls = 0;
  const { job, files, parts, recorded } = await threeRows(t, (identifier, shelf) => {
    calls += 1;
    if (identifier !== 'b') return;
    // Stored, but then there was no room for the audit line.
    shelf.set(identifier, recordOf(identifier));
    throw FULL;
  });
  await runJob(job, files, parts, { again: false, stop: stop() });
  assert.equal(calls, 3);
  assert.deepEqual([job.view().successful, job.view().failed], [3, 0]);
  assert.deepEqual(
    recorded.map(({ operation, resource_id }) => [operation, resource_id]),
    [['create', 'b']],
  );
});

test('somebody else’s certificate of the same identifier is an error of the row, not its result', async (t) => {
  const { job, files, parts, shelf } = await threeRows(t, (identifier) => {
    if (identifier === 'b') throw new CertMateError('IDENTIFIER_TAKEN', '"b" is taken.');
  });
  shelf.set('b', { ...recordOf('b'), common_name: 'Bob' });
  await runJob(job, files, parts, { again: true, stop: stop() });
  assert.deepEqual([job.view().successful, job.view().errors], [2, [{ row: 3, error: '"b" is taken.' }]]);
});

for (const [what, other] of [
  ['an older certificate of the same name', { created_at: '2026-11-21T20:37:59Z' }],
  ['a certificate of another usage', { cert_usage: 'office' }],
] as const) {
  test(`${what} is never taken for that of a row, neither over a restart nor on a full disk`, async (t) => {
    const taken = new CertMateError('IDENTIFIER_TAKEN', '"b" is taken.');
    const errors: CertMateError[] = [FULL, taken];
    const { job, files, parts, shelf, recorded } = await threeRows(t, (identifier) => {
      if (identifier === 'b') throw errors.shift() ?? taken;
    });
    shelf.set('b', { ...recordOf('b'), ...other });
    await runJob(job, files, { ...parts, patience: 1 }, { again: true, stop: stop() });
    assert.deepEqual([job.view().successful, job.view().errors], [2, [{ row: 3, error: '"b" is taken.' }]]);
    assert.deepEqual(errors, [], 'it was tried again');
    assert.deepEqual(recorded, []);
  });
}

test('what a crash kept from being noted is found again, and recorded where the trail lacks its line', async (t) => {
  const issued: string[] = [];
  const { job, files, parts, shelf, recorded } = await threeRows(t, (identifier) => void issued.push(identifier));
  for (const identifier of ['a', 'b']) shelf.set(identifier, recordOf(identifier));
  const line = (operation: string, resource_id: string) => JSON.stringify({ operation, resource_id });
  const lines = async function* () {
    yield line('create', 'a');
    yield line('renew', 'b');
  };
  await runJob(job, files, { ...parts, audit: { ...parts.audit, lines } }, { again: true, stop: stop() });
  assert.deepEqual(issued, ['c']);
  assert.deepEqual([job.view().successful, job.view().failed], [3, 0]);
  assert.deepEqual(
    recorded.map(({ operation, resource_id, actor }) => [operation, resource_id, actor.user]),
    [['create', 'b', 'me']],
  );
  await runJob(job, files, parts, { again: true, stop: stop() });
  assert.deepEqual([issued, job.view().successful, recorded.length], [['c'], 3, 1], 'all of it is noted');
});

test('a certificate whose line follows by itself is not recorded twice', async (t) => {
  const { job, files, parts, recorded } = await threeRows(t, (identifier, shelf) => {
    if (identifier !== 'b') return;
    shelf.set(identifier, recordOf(identifier));
    throw new SavedAlready('STORAGE_FULL', 'It is issued, but the disk is full: the line follows.');
  });
  await runJob(job, files, parts, { again: false, stop: stop() });
  assert.deepEqual([job.view().successful, recorded], [3, []]);
});

test('a row waits on where its certificate is there and cannot be recorded', async (t) => {
  let attempts = 0;
  const { job, files, parts } = await threeRows(t, (identifier, shelf) => {
    if (identifier !== 'b') return;
    shelf.set(identifier, recordOf(identifier));
    throw FULL;
  });
  const audit = {
    ...parts.audit,
    record: async () => {
      attempts += 1;
      if (attempts < 3) throw FULL;
    },
  };
  await runJob(job, files, { ...parts, audit, patience: 1 }, { again: false, stop: stop() });
  assert.deepEqual([attempts, job.view().successful, job.view().failed], [3, 3, 0]);
});

test('a batch whose maker may no longer issue is cancelled before its next row, and says why', async (t) => {
  const issued: string[] = [];
  const { job, files, parts } = await threeRows(t, (identifier) => void issued.push(identifier));
  const mayIssue = () => issued.length === 0;
  const limits = { slow: 1, quick: 1 };
  await runJob(job, files, { ...parts, mayIssue, limits }, { again: false, stop: stop() });
  assert.deepEqual([issued, job.description.state], [['a'], 'cancelling']);
  assert.match(job.view().note ?? '', /removed, has expired, or may no longer issue/);
});

test('a batch that is stopped finishes and notes the row under way, and begins no other', async (t) => {
  const issued: string[] = [];
  const stopping = new AbortController();
  const { job, files, parts } = await threeRows(t, (identifier) => {
    issued.push(identifier);
    stopping.abort();
  });
  const limits = { slow: 1, quick: 1 };
  await runJob(job, files, { ...parts, limits }, { again: false, stop: stopping.signal });
  assert.deepEqual([issued, job.description.state], [['a'], 'running']);
  await runJob(job, files, parts, { again: false, stop: stop() });
  assert.deepEqual(issued, ['a', 'b', 'c']);
});

test('a row that waits for the disk is left to the next start when the server stops', async (t) => {
  const stopping = new AbortController();
  const { job, files, parts } = await threeRows(t, () => {
    stopping.abort();
    throw FULL;
  });
  await runJob(job, files, { ...parts, patience: 600_000 }, { again: false, stop: stopping.signal });
  assert.deepEqual([job.view().successful, job.view().failed], [0, 0]);
});

test('a row that waits for the disk is given up where its batch is cancelled', async (t) => {
  const stopping = new AbortController();
  let attempts = 0;
  const { job, files, parts } = await threeRows(t, () => {
    attempts += 1;
    if (attempts === 3) job.description.state = 'cancelling';
    if (attempts === 50) stopping.abort();
    throw FULL;
  });
  const once = { ...parts, patience: 1, limits: { slow: 1, quick: 1 } };
  await runJob(job, files, once, { again: false, stop: stopping.signal });
  assert.deepEqual([attempts, job.view().done], [3, 0]);
});

test('a batch ends when every row that was begun has ended and is noted', async (t) => {
  const { job, files, parts } = await threeRows(t, () => undefined);
  const { issue } = parts.issuing;
  const slowly: typeof issue = async (request, actor) => {
    for (let turn = 0; turn < 5000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return issue(request, actor);
  };
  await runJob(job, files, { ...parts, issuing: { ...parts.issuing, issue: slowly } }, { again: false, stop: stop() });
  assert.equal(job.view().successful, 3);
  const noted: number[] = [];
  for await (const { row } of files.outcomes()) noted.push(row);
  assert.deepEqual(noted.toSorted(), [2, 3, 4]);
});

test('a batch that could not note its rows says so, and issues none of them again', async (t) => {
  const issued: string[] = [];
  const { path, job, files, parts } = await threeRows(t, (identifier) => void issued.push(identifier));
  const calls = FileCalls.watch(t, path);
  const failing = calls.fail(({ name, path: file }) => name === 'datasync' && file.endsWith('progress.log'), 'ENOSPC');
  await assert.rejects(runJob(job, files, parts, { again: false, stop: stop() }), { code: 'STORAGE_FULL' });
  failing.stop();
  assert.ok(failing.count > 0);
  await runJob(job, files, parts, { again: true, stop: stop() });
  assert.deepEqual([issued, job.view().successful, job.view().failed], [['a', 'b', 'c'], 3, 0]);
});

test('a slow reader of the progress misses what lies between, and nothing piles up', async (t) => {
  const { job } = await threeRows(t, () => undefined);
  const events = progressEvents(job, () => ({ done: job.view().done }), stop());
  const next = async () => (await events.next()).value;
  assert.match((await next()) ?? '', /^retry: /);
  assert.equal(await next(), 'data: {"done":0}\n\n');
  for (const row of [2, 3, 4]) job.count({ row, work: 'ec-p256', serial_number: '1' });
  await delay(10);
  assert.equal(await next(), 'data: {"done":3}\n\n');
  job.description.state = 'completed';
  job.touch();
  assert.equal(await next(), 'data: {"done":3}\n\n');
  assert.equal((await events.next()).done, true);
});
