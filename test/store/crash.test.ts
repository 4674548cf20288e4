import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { randomNumbers } from '../random-numbers.js';
import { until } from '../until.js';
import { FILES, openStore, temporaryDirectory } from './records.js';

/** Runs the writer until it has acknowledged enough, kills it in the middle of its work; gives back what it acknowledged. */
async function writeAndKill(t: TestContext, dataDir: string, first: number, afterMs: number): Promise<string[]> {
  const child = spawn(process.execPath, [new URL('./crash-writer.js', import.meta.url).pathname, dataDir, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const acknowledged: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => acknowledged.push(line));
  const exited = once(child, 'exit');
  await until(() => acknowledged.length >= 30 || child.exitCode !== null, 'thirty lines');
  await delay(afterMs);
  child.kill('SIGKILL');
  const [, signal] = await exited;
  assert.equal(signal, 'SIGKILL');
  // The last line may have been cut off by the kill.
  return acknowledged.filter((line) => /^(created|revoked|renewed) \d+ \d+\.$/.test(line));
}

test('whatever was acknowledged before a kill -9 is there afterwards, and nothing is half there', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const random = randomNumbers(t);
  const moments = [0, ...Array.from({ length: 3 }, () => random(200))];
  t.diagnostic(`killed after ${moments.join(', ')} ms`);
  for (const [round, afterMs] of moments.entries()) {
    const acknowledged = await writeAndKill(t, dataDir, round * 100_000, afterMs);
    const { store, log } = await openStore(t, dataDir);
    for (const line of acknowledged) {
      const [, what, number, serial] = /^(\w+) (\d+) (\d+)/.exec(line) ?? [];
      const owner = store.inventory.bySerial(serial as string);
      assert.ok(owner, `${line}: the serial is known`);
      if (what === 'created') await assertFiles(store, `user${number}-example-com`);
      if (what === 'revoked') assert.ok(owner.record.revocation.revoked, `${line}: it is revoked`);
      if (what === 'renewed') {
        assert.equal(owner.record.serial_number, serial);
        assert.equal((await store.read(owner.record.identifier, 'cert.crt')).toString(), `certificate ${serial}`);
      }
    }
    assert.deepEqual(await store.verify(), [], `round ${round}: files and journal agree`);
    const unexpected = log.messages.filter((message) => !/were adopted|incomplete line/.test(message));
    assert.deepEqual(unexpected, []);
    const names = await readdir(dataDir, { recursive: true });
    assert.deepEqual(
      names.filter((name) => /(^|\/)\./.test(name)),
      [],
      `round ${round}: nothing unfinished is left`,
    );
    await store.close();
  }
});

async function assertFiles(store: Awaited<ReturnType<typeof openStore>>['store'], identifier: string): Promise<void> {
  assert.equal((await store.read(identifier, 'cert.key')).toString(), FILES['cert.key']);
  assert.match((await store.read(identifier, 'cert.crt')).toString(), /^certificate/);
}
