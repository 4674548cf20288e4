import assert from 'node:assert/strict';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppendLog } from '../../src/store/append-log.js';
import { temporaryDirectory } from './records.js';

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

test('lines keep the order of the calls and are on disk when they are acknowledged', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit', 'audit.log');
  const log = await AppendLog.open(path);
  const lines = Array.from({ length: 500 }, (_, i) => `line ${i} ü`);
  await Promise.all(lines.map((line) => log.append(line)));
  assert.equal(await readFile(path, 'utf8'), `${lines.join('\n')}\n`);
  assert.equal(log.size, (await stat(path)).size);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await log.close();
});

test('a log that is opened again goes on behind what it has', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const first = await AppendLog.open(path);
  await first.append('one');
  await first.close();
  const second = await AppendLog.open(path, { onTornTail: () => assert.fail('nothing is torn') });
  await second.append('two');
  assert.deepEqual(await collect(second.lines()), ['one', 'two']);
  assert.deepEqual(await collect(second.lines(4)), ['two']);
  assert.equal(await second.lastLine(), 'two');
  await second.close();
});

test('an incomplete last line is cut off and reported', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  await writeFile(path, 'one\ntwo\nthr');
  const torn: unknown[] = [];
  const log = await AppendLog.open(path, { onTornTail: (tail) => torn.push(tail) });
  assert.deepEqual(torn, [{ position: 8, bytes: 3 }]);
  await log.append('three');
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\nthree\n');
  await log.close();
});

test('a log that is nothing but an incomplete line begins anew', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  await writeFile(path, 'x'.repeat(600_000));
  const log = await AppendLog.open(path);
  assert.equal(log.size, 0);
  assert.equal(await log.lastLine(), null);
  await log.close();
});

test('lines longer than any buffer are read whole', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  const lines = ['a'.repeat(700_000), 'é'.repeat(300_000), '', 'end'];
  for (const line of lines) await log.append(line);
  assert.deepEqual(await collect(log.lines()), lines);
  await log.close();
});

test('lines shows what was on disk when it was called, not what follows', async (t) => {
  const log = await AppendLog.open(join(await temporaryDirectory(t), 'audit.log'));
  await log.append('one');
  const lines = log.lines();
  assert.equal((await lines.next()).value, 'one');
  await log.append('two');
  assert.equal((await lines.next()).done, true);
  await log.close();
});

test('what another program wrote behind our last line is overwritten, never joined', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  await log.append('one');
  await appendFile(path, 'x');
  await log.append('two');
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n');
  await log.close();
});

test('a line feed within a line is refused', async (t) => {
  const log = await AppendLog.open(join(await temporaryDirectory(t), 'audit.log'));
  assert.throws(() => log.append('one\ntwo'), TypeError);
  await log.close();
});

test('closing waits for what was appended; afterwards nothing is taken', async (t) => {
  const path = join(await temporaryDirectory(t), 'audit.log');
  const log = await AppendLog.open(path);
  const appended = log.append('one');
  await log.close();
  await appended;
  assert.equal(await readFile(path, 'utf8'), 'one\n');
  await assert.rejects(log.append('two'), { code: 'UNAVAILABLE' });
});
