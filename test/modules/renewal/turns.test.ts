import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { timestamp } from '../../../src/clock.js';
import { CertMateError } from '../../../src/errors.js';
import { RenewalSweep } from '../../../src/modules/renewal/sweep.js';
import { Folder } from '../../../src/store/folder.js';
import type { Actor, AuditEvent, CertificateRecord } from '../../../src/types.js';
import { MovedClock } from '../../build.js';
import { FileCalls } from '../../file-calls.js';

const DAY = 86_400_000;
const ACTOR: Actor = { user: 'alice', ip_address: null, request_id: null };
const FULL = new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.');

/** A sweep over records on a shelf; whoever renews is a fake that waits where it is told to. */
async function openSweep(t: TestContext, count: number) {
  const path = await mkdtemp(join(tmpdir(), 'certmate-sweep-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const clock = new MovedClock();
  const now = clock.now().getTime();
  const shelf = new Map<string, CertificateRecord>();
  const due = (identifier: string): CertificateRecord =>
    ({
      identifier,
      serial_number: '1',
      deleted_at: null,
      has_private_key: true,
      not_before: new Date(now - 4 * DAY).toISOString(),
      expires_at: new Date(now + DAY / 2).toISOString(),
      revocation: { revoked: false, reason_revoked: null },
      renewal: { renewal_enabled: true, renewal_threshold_days: 30 },
    }) as unknown as CertificateRecord;
  for (let n = 0; n < count; n += 1) shelf.set(`c${n}`, due(`c${n}`));
  const renewed: string[] = [];
  const lines: AuditEvent[] = [];
  const logged: string[] = [];
  const steps = {
    renew: async (_identifier: string): Promise<void> => undefined,
    record: async (_event: AuditEvent): Promise<void> => undefined,
  };
  const open = () =>
    RenewalSweep.open({
      inventory: {
        records: () => shelf.values(),
        get: (identifier: string) => shelf.get(identifier),
        list: () => ({ records: [...shelf.values()], total: shelf.size, next_cursor: null }),
      } as never,
      certificates: {
        renew: async (identifier) => {
          renewed.push(identifier);
          await steps.renew(identifier);
          return { serial_number: '2', expires_at: '2030-01-01T00:00:00Z' as never };
        },
        keyObstacle: () => null,
      },
      audit: {
        record: async (event) => {
          await steps.record(event);
          lines.push(event);
        },
      },
      clock,
      log: { info: () => undefined, warn: () => undefined, error: (_, message) => void logged.push(message) },
      files: new Folder(path),
    });
  return { path, clock, shelf, due, renewed, lines, logged, steps, open, sweep: await open() };
}

/** A wait that a test ends. */
function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('a certificate whose turn comes late in a sweep', () => {
  for (const [what, change] of [
    ['was taken off renewal', { renewal: { renewal_enabled: false, renewal_threshold_days: 30 } }],
    ['was revoked', { revocation: { revoked: true, reason_revoked: 'keyCompromise' } }],
    ['was deleted', { deleted_at: '2026-01-01T00:00:00Z' }],
    ['was renewed', { expires_at: new Date(Date.now() + 900 * DAY).toISOString() }],
    ['is gone', null],
  ] as const) {
    it(`is looked at again: one that ${what} since the sweep began is left alone`, async (t) => {
      const { shelf, due, renewed, steps, sweep } = await openSweep(t, 6);
      const { opened, open } = gate();
      steps.renew = () => opened;
      const running = sweep.run(ACTOR);
      assert.equal(renewed.length, 4, 'the others wait for their turn');
      if (change === null) shelf.delete('c5');
      else shelf.set('c5', { ...due('c5'), ...change } as CertificateRecord);
      open();
      const { totals } = await running;
      assert.deepEqual(renewed, ['c0', 'c1', 'c2', 'c3', 'c4']);
      assert.deepEqual(totals, { renewed: 5, skipped: 0, failed: 0 });
    });
  }

  it('is skipped where it was put on hold since the sweep began', async (t) => {
    const { shelf, due, renewed, steps, sweep } = await openSweep(t, 6);
    const { opened, open } = gate();
    steps.renew = () => opened;
    const running = sweep.run(ACTOR);
    shelf.set('c5', { ...due('c5'), revocation: { revoked: true, reason_revoked: 'certificateHold' } } as never);
    open();
    const { totals, skipped } = await running;
    assert.deepEqual([totals, renewed.length], [{ renewed: 5, skipped: 1, failed: 0 }, 5]);
    assert.deepEqual(skipped, [{ identifier: 'c5', reason: 'It is on hold: once released, it is renewed.' }]);
  });

  it('is not begun where the server closes, which waits for those that have begun', async (t) => {
    const { renewed, steps, sweep } = await openSweep(t, 7);
    const { opened, open } = gate();
    steps.renew = () => opened;
    const running = sweep.run(ACTOR);
    let closed = false;
    const closing = sweep.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, false, 'it waits for those that have begun');
    open();
    await closing;
    assert.deepEqual(renewed, ['c0', 'c1', 'c2', 'c3']);
    assert.deepEqual((await running).totals, { renewed: 4, skipped: 0, failed: 0 });
  });
});

describe('a sweep', () => {
  it('goes on where one cannot be renewed, nor the failure recorded, and leaves it in the result and the log', async (t) => {
    const { renewed, lines, logged, steps, sweep } = await openSweep(t, 6);
    steps.renew = async (identifier) => {
      if (identifier === 'c1') throw FULL;
      if (identifier === 'c2') throw new TypeError('secret details');
    };
    steps.record = async ({ resource_id }) => {
      if (resource_id === 'c1') throw FULL;
    };
    const { failed, totals } = await sweep.run(ACTOR);
    assert.equal(renewed.length, 6);
    assert.deepEqual(totals, { renewed: 4, skipped: 0, failed: 2 });
    assert.deepEqual(failed, [
      { identifier: 'c1', reason: FULL.message, code: 'STORAGE_FULL' },
      { identifier: 'c2', reason: 'An internal error; see the log.', code: 'INTERNAL' },
    ]);
    assert.deepEqual(
      lines.map(({ resource_id, status }) => [resource_id, status]),
      [
        ['c2', 'failure'],
        [null, 'failure'],
      ],
    );
    assert.deepEqual(logged.toSorted(), [
      'a certificate could not be renewed',
      'a certificate could not be renewed',
      'a failed renewal could not be recorded',
    ]);
  });

  it('that could not be recorded or kept fails, shows its result all the same, and does not stop the next one', async (t) => {
    const { path, steps, sweep, open } = await openSweep(t, 1);
    steps.record = () => Promise.reject(FULL);
    await assert.rejects(sweep.run(ACTOR), FULL);
    assert.deepEqual([sweep.isRunning, sweep.runs.length], [false, 1]);
    steps.record = async () => undefined;
    const calls = FileCalls.watch(t, path);
    const failing = calls.fail(({ name }) => name === 'rename', 'ENOSPC');
    await assert.rejects(sweep.runScheduled(), { code: 'STORAGE_FULL' });
    failing.stop();
    assert.equal((await open()).runs.length, 0);
    await sweep.run(ACTOR);
    assert.deepEqual((await open()).runs, sweep.runs.slice(0, 1));
  });

  it('asked for by the schedule while one runs waits for that, and fails with it', async (t) => {
    const { clock, shelf, due, renewed, steps, sweep } = await openSweep(t, 1);
    // One that lives for hours, which the look in between would take up.
    const not_before = timestamp(new Date(clock.now().getTime() - DAY));
    shelf.set('c0', { ...due('c0'), not_before });
    const { opened, open } = gate();
    steps.renew = () => opened;
    steps.record = () => Promise.reject(FULL);
    const first = sweep.run(ACTOR);
    const second = sweep.runScheduled();
    await sweep.runShortLived();
    await assert.rejects(sweep.run(ACTOR), { code: 'CONFLICT' });
    open();
    await assert.rejects(first, FULL);
    await assert.rejects(second, FULL);
    assert.deepEqual(renewed, ['c0']);
  });

  it('names the first thousand of each kind, counts all, and keeps the last twenty results', async (t) => {
    const { sweep } = await openSweep(t, 1003);
    const { totals, renewed } = await sweep.run(ACTOR);
    assert.deepEqual([totals.renewed, renewed.length], [1003, 1000]);
    for (let n = 0; n < 22; n += 1) await sweep.runScheduled();
    assert.equal(sweep.runs.length, 20);
    assert.equal(sweep.runs.at(-1)?.trigger, 'schedule');
  });
});

describe('a certificate that lives for hours', () => {
  it('is tried again after a tenth of its life, and forgotten as failing once it was renewed', async (t) => {
    const { clock, shelf, due, renewed, steps, sweep } = await openSweep(t, 0);
    const HOUR = 3_600_000;
    const start = clock.now().getTime();
    shelf.set('brief', {
      ...due('brief'),
      not_before: new Date(start - 8 * HOUR).toISOString(),
      expires_at: new Date(start + 2 * HOUR).toISOString(),
    } as CertificateRecord);
    steps.renew = () => Promise.reject(FULL);
    await sweep.runShortLived();
    clock.advance(3599);
    await sweep.runShortLived();
    assert.deepEqual(renewed, ['brief']);
    clock.advance(1);
    steps.renew = async () => undefined;
    await sweep.runShortLived();
    assert.deepEqual(renewed, ['brief', 'brief']);
    await sweep.runShortLived();
    assert.equal(renewed.length, 3, 'nothing keeps it back any more');
  });
});
