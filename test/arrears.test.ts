// What is owed, and lines that are written before their change.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arrears, recordFirst } from '../src/arrears.js';
import type { AuditEvent } from '../src/types.js';
import { event } from './modules/audit/place.js';

describe('what is owed', () => {
  test('is done in the order in which it came, each once, whoever asks for it at the same time', async () => {
    const arrears = new Arrears();
    const done: number[] = [];
    for (const n of [1, 2, 3])
      arrears.owe(async () => {
        await Promise.resolve();
        done.push(n);
      });
    await Promise.all([arrears.settle(), arrears.settle()]);
    await arrears.settle();
    assert.deepEqual(done, [1, 2, 3]);
  });

  test('waits behind what cannot be done yet, and is tried again at the next call', async () => {
    const arrears = new Arrears();
    const done: string[] = [];
    let full = true;
    arrears.owe(async () => {
      done.push('tried');
      if (full) throw new Error('the disk is full');
    });
    arrears.owe(async () => done.push('second'));
    await arrears.settle();
    assert.deepEqual(done, ['tried']);
    full = false;
    await arrears.settle();
    assert.deepEqual(done, ['tried', 'tried', 'second']);
  });
});

test('a change that fails after its line is told to its caller once the line about the failure is written', async () => {
  const lines: AuditEvent[] = [];
  let write: () => void = () => undefined;
  const audit = {
    record: async (line: AuditEvent) => {
      if (line.status === 'failure')
        await new Promise<void>((resolve) => {
          write = resolve;
        });
      lines.push(line);
    },
  };
  const outcome = recordFirst({ audit, arrears: new Arrears() }, event('a'), () =>
    Promise.reject(new Error('no luck')),
  );
  let told = false;
  outcome.catch(() => {
    told = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([told, lines.length], [false, 1]);
  write();
  await assert.rejects(outcome, /no luck/);
  assert.deepEqual(
    lines.map(({ status, error }) => [status, error]),
    [
      ['success', undefined],
      ['failure', 'it could not be saved'],
    ],
  );
});
