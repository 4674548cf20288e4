import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Scheduler } from '../src/scheduler.js';

// Clocks go back on 2027-10-31 at 03:00 (01:00 UTC) and forward on 2027-03-28 at 02:00 (01:00 UTC).
process.env['TZ'] = 'Europe/Berlin';

/** A scheduler whose clocks only a test moves. */
function stage(t: TestContext, start: string) {
  let wall = Date.parse(start);
  let elapsed = 0;
  const logged: string[] = [];
  const note = (_details: object, message: string) => void logged.push(message);
  const scheduler = new Scheduler(
    { info: note, warn: note, error: note },
    { now: () => new Date(wall) },
    () => elapsed,
  );
  t.after(() => scheduler.close());
  return {
    scheduler,
    logged,
    /** Sets the wall clock; no time passes. */
    set: (moment: string) => {
      wall = Date.parse(moment);
    },
    /** Lets time pass in steps of some seconds, and looks after each. */
    async pass(seconds: number, step = 20) {
      for (let gone = 0; gone < seconds; gone += step) {
        wall += step * 1000;
        elapsed += step * 1000;
        scheduler.look();
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    now: () => new Date(wall).toISOString(),
  };
}

const HOUR = 3600;

describe('an internal task', () => {
  it('runs by elapsed time when the clock is set back by ten days or ahead (FreeRADIUS/freeradius-server#4181)', async (t) => {
    const { scheduler, set, pass } = stage(t, '2027-06-15T12:00:00Z');
    let runs = 0;
    scheduler.every('refresh', 60, async () => void (runs += 1));
    await pass(600);
    assert.equal(runs, 10);
    set('2027-06-05T12:10:00Z');
    await pass(600);
    assert.equal(runs, 20);
    set('2027-07-05T12:10:00Z');
    await pass(600);
    assert.equal(runs, 30);
    assert.deepEqual(scheduler.ailing, []);
  });

  it('runs once for all the times that it missed while the machine slept', async (t) => {
    const { scheduler, pass } = stage(t, '2027-06-15T12:00:00Z');
    let runs = 0;
    scheduler.every('refresh', 60, async () => void (runs += 1));
    await pass(6 * HOUR, 6 * HOUR);
    assert.equal(runs, 1);
    // What it looks at each second finds it due at once, and then by its rhythm again.
    await pass(20);
    assert.equal(runs, 2);
    await pass(60);
    assert.equal(runs, 3);
  });

  it('does not pause in the hour that comes twice (node-cron/node-cron#492, #509)', async (t) => {
    const { scheduler, pass } = stage(t, '2027-10-30T23:00:00Z');
    let runs = 0;
    scheduler.every('refresh', 60, async () => void (runs += 1));
    await pass(4 * HOUR);
    assert.equal(runs, 240);
  });

  it('never overlaps itself, and goes on after a failure, which is logged and shown', async (t) => {
    const { scheduler, pass, logged } = stage(t, '2027-06-15T12:00:00Z');
    let [running, most, runs] = [0, 0, 0];
    let finish = (): void => undefined;
    scheduler.every('slow', 60, async () => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      running -= 1;
      if (runs === 1) throw new Error('the first one fails');
    });
    await pass(300);
    assert.deepEqual([runs, most], [1, 1]);
    finish();
    await pass(60);
    assert.deepEqual([runs, most], [2, 1]);
    assert.deepEqual(logged, ['a scheduled task failed']);
    assert.deepEqual(scheduler.ailing, ['slow']);
    finish();
    await pass(20);
    assert.deepEqual(scheduler.ailing, []);
  });
});

describe('a task by a cron expression', () => {
  async function runsOf(t: TestContext, expression: string, start: string, hours: number): Promise<string[]> {
    const { scheduler, pass, now } = stage(t, start);
    const runs: string[] = [];
    scheduler.cron('sweep', expression, async () => void runs.push(now().slice(0, 16)));
    await pass(hours * HOUR);
    return runs;
  }

  it('runs once in the night in which an hour comes twice, before, within and after that hour', async (t) => {
    for (const [expression, at] of [
      ['0 3 * * *', '2027-10-31T02:00'],
      ['30 2 * * *', '2027-10-31T00:30'],
      ['59 1 * * *', '2027-10-30T23:59'],
    ] as const) {
      assert.deepEqual(await runsOf(t, expression, '2027-10-30T20:00:00Z', 12), [at], expression);
    }
  });

  it('runs once in the night in which an hour is left out, also when it was planned for that hour', async (t) => {
    for (const [expression, at] of [
      ['0 3 * * *', '2027-03-28T01:00'],
      ['30 2 * * *', '2027-03-28T01:00'],
      ['59 1 * * *', '2027-03-28T00:59'],
    ] as const) {
      assert.deepEqual(await runsOf(t, expression, '2027-03-27T20:00:00Z', 12), [at], expression);
    }
  });

  it('runs once a day on every day of a year', async (t) => {
    const runs = await runsOf(t, '0 3 * * *', '2027-01-01T00:00:00Z', 24 * 365);
    assert.equal(runs.length, 365);
    assert.equal(new Set(runs.map((at) => at.slice(0, 10))).size, 365);
  });

  it('runs at its next time after the clock was ten days ahead (threefoldtech/zos#2286, Hexagon/croner#277)', async (t) => {
    const { scheduler, set, pass, now } = stage(t, '2027-06-25T12:00:00Z');
    const runs: string[] = [];
    scheduler.cron('sweep', '0 3 * * *', async () => void runs.push(now().slice(0, 16)));
    await pass(HOUR);
    set('2027-06-15T13:00:00Z');
    await pass(24 * HOUR);
    assert.deepEqual(runs, ['2027-06-16T01:00']);
  });

  it('is made up for once when nothing got a turn while it was due', async (t) => {
    const { scheduler, pass } = stage(t, '2027-06-15T00:00:00Z');
    let runs = 0;
    scheduler.cron('sweep', '*/5 * * * *', async () => void (runs += 1));
    await pass(3 * HOUR, 3 * HOUR);
    assert.equal(runs, 1);
    await pass(HOUR);
    assert.equal(runs, 13);
  });

  it('may name seconds, be suspended, planned anew, and says when it runs next', async (t) => {
    const { scheduler, pass } = stage(t, '2027-06-15T00:00:00Z');
    let runs = 0;
    scheduler.cron('sweep', '*/10 * * * * *', async () => void (runs += 1));
    assert.ok(scheduler.nextRun('sweep'));
    await pass(60, 1);
    assert.equal(runs, 6);
    scheduler.reschedule('sweep', null);
    assert.equal(scheduler.nextRun('sweep'), null);
    assert.deepEqual(scheduler.ailing, [], 'suspended is not unwell');
    await pass(60, 1);
    assert.equal(runs, 6);
    scheduler.reschedule('sweep', '0 3 * * *');
    assert.equal(scheduler.nextRun('sweep')?.getHours(), 3);
  });
});
