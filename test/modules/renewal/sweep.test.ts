import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isDue } from '../../../src/modules/renewal/due.js';
import type { CertificateRecord } from '../../../src/types.js';
import { type Built, build, MovedClock } from '../../build.js';
import { until } from '../../until.js';
import { csrFor, life } from '../client-certs/life.js';

const HOUR = 3600;
const DAY = 24 * HOUR;

interface Run {
  trigger: string;
  totals: { renewed: number; skipped: number; failed: number };
  renewed: { identifier: string; serial_number: string }[];
  skipped: { identifier: string; reason: string }[];
  failed: { identifier: string; reason: string; code: string }[];
}

const sweep = async ({ call }: Built): Promise<Run> => {
  const answer = await call('admin', { method: 'POST', url: '/api/renewals/run' });
  assert.equal(answer.statusCode, 200, answer.body);
  return answer.json();
};
const names = (list: { identifier: string }[]) => list.map(({ identifier }) => identifier).toSorted();
const overview = async ({ call }: Built) => (await call('viewer', { method: 'GET', url: '/api/renewals' })).json();

/** Sweeps every `step` seconds for so many `days`; gives back in which hours after the start each was renewed. */
async function sweepFor(built: Built, clock: MovedClock, days: number, step: number): Promise<Map<string, number[]>> {
  const renewed = new Map<string, number[]>();
  for (let passed = step; passed <= days * DAY; passed += step) {
    clock.advance(step);
    await built.app.renewals.runScheduled();
    for (const { identifier } of built.app.renewals.runs[0]?.renewed ?? []) {
      renewed.set(identifier, [...(renewed.get(identifier) ?? []), passed / HOUR]);
    }
    assert.deepEqual(built.app.renewals.runs[0]?.failed, []);
  }
  return renewed;
}

const every = (hours: number, until: number) =>
  Array.from({ length: Math.floor(until / hours) }, (_, i) => (i + 1) * hours);

describe('auto-renewal over the years', () => {
  it('renews each once when it is due and never more often, and keeps who it is for (certmate#391, #562, #422)', async (t) => {
    const clock = new MovedClock(new Date('2026-03-01T03:00:00Z'));
    const built = await build(t, { clock });
    const { issue, get } = life(built);
    const identity = { organization: 'ACME Corp', country: 'US', notes: 'n', tags: ['t'], cert_usage: 'vpn' };
    const names = ['dns:a.example.com', 'email:alice@example.com', 'ip:192.0.2.7'];
    const before = await Promise.all([
      issue({ ...identity, identifier: 'week', days_valid: 7, subject_alt_names: names }),
      issue({ ...identity, identifier: 'year', days_valid: 365, subject_alt_names: names }),
    ]);
    const renewed = await sweepFor(built, clock, 730, DAY);
    // A third of 7 days is 56 h: the first sweep with no more than that left is the fifth day's.
    assert.deepEqual(renewed.get('week'), every(5 * 24, 730 * 24));
    assert.deepEqual(renewed.get('year'), every(335 * 24, 730 * 24));
    for (const { identifier, ...first } of before) {
      const last = await get(identifier);
      assert.deepEqual(last.subject_alt_names, names);
      assert.equal(last.history.length, renewed.get(identifier)?.length);
      for (const field of [
        'common_name',
        'email',
        'organization',
        'country',
        'cert_usage',
        'certificate_type',
        'key_usage',
        'extended_key_usage',
        'days_valid',
        'notes',
        'tags',
        'key_algorithm',
        'created_at',
      ] as const) {
        assert.deepEqual(last[field], first[field], field);
      }
    }
  });

  for (const [rhythm, step, renewals] of [
    ['hourly every 16 hours', HOUR, every(16, 20 * 24)],
    ['daily at each sweep, on which its last third falls', DAY, every(24, 20 * 24)],
  ] as const) {
    it(`renews a 24 h certificate that is swept ${rhythm}, not at each sweep (certmate#562)`, async (t) => {
      const clock = new MovedClock(new Date('2026-03-01T03:00:00Z'));
      const built = await build(t, { clock });
      await life(built).issue({ identifier: 'day', hours_valid: 24 });
      const renewed = await sweepFor(built, clock, 20, step);
      assert.deepEqual(renewed.get('day'), renewals);
    });
  }

  it('renews a certificate of 31 days with a threshold of 30 by the schedule, when its last third begins (certmate#759)', async (t) => {
    const clock = new MovedClock(new Date('2026-03-01T03:00:00Z'));
    const built = await build(t, { clock });
    await life(built).issue({ identifier: 'month', days_valid: 31 });
    const amended = await built.call('operator', {
      method: 'PATCH',
      url: '/api/client-certs/month',
      payload: { renewal: { renewal_threshold_days: 30 } },
    });
    assert.equal(amended.statusCode, 200, amended.body);
    const renewed = await sweepFor(built, clock, 62, DAY);
    assert.deepEqual(renewed.get('month'), every(21 * 24, 62 * 24));
  });

  it('keeps to these rhythms for two years, by the rule alone', () => {
    const start = Date.parse('2026-03-01T03:00:00Z');
    const born = (at: number, lifetime: number) =>
      ({
        deleted_at: null,
        revocation: { revoked: false, reason_revoked: null },
        renewal: { renewal_enabled: true, renewal_threshold_days: 30 },
        not_before: new Date(at - 60_000).toISOString(),
        expires_at: new Date(at + lifetime * 1000).toISOString(),
      }) as unknown as CertificateRecord;
    for (const [lifetime, step, rhythm] of [
      [DAY, HOUR, 16],
      [DAY, DAY, 24],
      [7 * DAY, DAY, 5 * 24],
      [7 * DAY, HOUR, 112],
      [90 * DAY, DAY, 60 * 24],
      [365 * DAY, DAY, 335 * 24],
    ] as const) {
      let record = born(start, lifetime);
      const renewed: number[] = [];
      for (let passed = step; passed <= 730 * DAY; passed += step) {
        const now = start + passed * 1000;
        if (!isDue(record, new Date(now))) continue;
        renewed.push(passed / HOUR);
        record = born(now, lifetime);
      }
      assert.deepEqual(renewed, every(rhythm, 730 * 24), `${lifetime / DAY} d every ${step / HOUR} h`);
    }
  });
});

describe('a sweep', () => {
  it('continues past one that fails and reports why (CertMate)', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { issue } = life(built);
    const identifiers = ['a', 'b', 'c'];
    for (const identifier of identifiers) await issue({ identifier, days_valid: 1 });
    await writeFile(join(built.config.dataDir, 'certs/client/api-mtls/b/cert.crt'), 'damaged');
    clock.advance(20 * HOUR);
    const run = await sweep(built);
    assert.deepEqual(names(run.renewed), ['a', 'c']);
    assert.deepEqual(names(run.failed), ['b']);
    assert.ok(run.failed[0]?.reason);
    const audit = await built.call('admin', { method: 'GET', url: '/api/audit?operation=renew&status=failure' });
    assert.ok(audit.json().entries.some(({ resource_id }: { resource_id: string }) => resource_id === 'b'));
    assert.deepEqual((await sweep(built)).totals, { renewed: 0, skipped: 0, failed: 1 });
  });

  it('reports what it cannot renew without the holder, and what is on hold', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { issue, revoke, unhold, amend, remove } = life(built);
    const csr = await csrFor('alice@example.com');
    await issue({ identifier: 'by-csr', csr, key_type: undefined, days_valid: 1 });
    for (const identifier of ['elsewhere', 'held', 'revoked', 'off', 'deleted', 'young']) {
      await issue({ identifier, days_valid: identifier === 'young' ? 9 : 1, store_key: identifier !== 'elsewhere' });
    }
    await revoke('held', 'certificateHold');
    await revoke('revoked');
    await amend('off', { renewal: { renewal_enabled: false } });
    await remove('deleted');
    clock.advance(20 * HOUR);
    const run = await sweep(built);
    assert.deepEqual(run.renewed, []);
    assert.deepEqual(names(run.skipped), ['by-csr', 'elsewhere', 'held']);
    assert.match(run.skipped.find(({ identifier }) => identifier === 'by-csr')?.reason ?? '', /holder.*CSR/);
    await unhold('held');
    assert.deepEqual(names((await sweep(built)).renewed), ['held']);
  });

  it('catches up with what ended while nothing was swept, but not with what ended long ago', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { issue } = life(built);
    await issue({ identifier: 'lately', days_valid: 20 });
    await issue({ identifier: 'long-ago', days_valid: 20, renewal_threshold_days: 3 });
    clock.advance(25 * DAY);
    assert.deepEqual(names((await sweep(built)).renewed), ['lately']);
  });

  it('runs alone: another is refused while it runs, and the schedule is content with it (CertMate)', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { issue } = life(built);
    for (let i = 0; i < 20; i += 1) await issue({ days_valid: 1 });
    clock.advance(20 * HOUR);
    const call = () => built.call('admin', { method: 'POST', url: '/api/renewals/run' });
    const first = call();
    await until(() => built.app.renewals.isRunning, 'a sweep');
    const [second] = await Promise.all([call(), built.app.renewals.runScheduled()]);
    assert.deepEqual([(await first).statusCode, second.statusCode], [200, 409]);
    const { runs, running } = await overview(built);
    assert.equal(running, false);
    assert.deepEqual(
      runs.map(({ totals }: Run) => totals.renewed),
      [20],
    );
  });

  it('is recorded, with `scheduler` as who renewed', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const { identifier } = await life(built).issue({ days_valid: 1 });
    clock.advance(20 * HOUR);
    await built.app.renewals.runScheduled();
    const audit = await built.call('admin', { method: 'GET', url: '/api/audit?operation=renew' });
    const { entries } = audit.json();
    assert.deepEqual(
      entries.map((line: { user: string; resource_id: string }) => [line.user, line.resource_id]),
      [
        ['scheduler', null],
        ['scheduler', identifier],
      ],
    );
    assert.deepEqual(entries[0].details, { trigger: 'schedule', renewed: 1, skipped: 0, failed: 0 });
  });

  it('is shown to viewers, newest first, and the last one survives a restart', async (t) => {
    const clock = new MovedClock();
    const first = await build(t, { clock });
    await life(first).issue({ days_valid: 1 });
    assert.deepEqual((await overview(first)).runs, []);
    await sweep(first);
    clock.advance(20 * HOUR);
    await sweep(first);
    const shown = await overview(first);
    assert.deepEqual(
      shown.runs.map(({ totals }: Run) => totals.renewed),
      [1, 0],
    );
    assert.equal(shown.runs[0].trigger, 'manual');
    assert.ok(Date.parse(shown.next_run) > Date.now());
    await first.app.close();
    const second = await build(t, { clock, config: first.config });
    assert.deepEqual((await overview(second)).runs, shown.runs.slice(0, 1));
    await second.app.close();
    const file = join(first.config.dataDir, 'renewals.json');
    assert.equal(JSON.parse(await readFile(file, 'utf8')).totals.renewed, 1);
    await writeFile(file, '{"half":');
    assert.deepEqual((await overview(await build(t, { clock, config: first.config }))).runs, []);
  });

  it('is an admin’s to start, and the statistics say that there is one', async (t) => {
    const built = await build(t);
    const answer = await built.call('operator', { method: 'POST', url: '/api/renewals/run' });
    assert.equal(answer.statusCode, 403);
    const stats = await built.call('viewer', { method: 'GET', url: '/api/client-certs/stats' });
    assert.equal(stats.json().renewal_enabled, true);
  });
});
