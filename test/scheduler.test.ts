import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Scheduler } from '../src/scheduler.js';

test('what node-cron has to say of a late run goes to the log', async (t) => {
  const said: string[] = [];
  const note = (_details: object, message: string) => void said.push(message);
  const scheduler = new Scheduler({ info: note, warn: note, error: note });
  t.after(() => scheduler.close());
  scheduler.add('every second', '* * * * * *', async () => undefined);
  // Nothing gets a turn for so long that runs are missed.
  const until = performance.now() + 3500;
  while (performance.now() < until);
  for (let tries = 0; tries < 50 && said.length === 0; tries += 1) await delay(100);
  assert.match(said.join('\n'), /missed execution/);
});
