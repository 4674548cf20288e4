// CERTMATE_TEST_SEED repeats the moments of a run.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { randomNumbers } from '../random-numbers.js';
import { FILES, openStore, temporaryDirectory } from './records.js';

const KILLS = 4;

/** Runs the writer until it has acknowledged so much, kills it at once; gives back what it had acknowledged by then. */
async function writeAndKill(t: TestContext, dataDir: string, first: number, count: number): Promise<string[]> {
  const child = spawn(process.execPath, [new URL('./crash-writer.js', import.meta.url).pathname, dataDir, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const acknowledged: string[] = [];
  // It goes on while this looks: at whatever it is by then, it ends.
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (acknowledged.push(line) === count) child.kill('SIGKILL');
  });
  const [, signal] = await once(child, 'exit');
  assert.equal(signal, 'SIGKILL');
  // The last line may have been cut off by the kill.
  return acknowledged.filter((line) => /^(created|revoked|renewed) \d+ \d+\.$/.test(line));
}

test('whatever was acknowledged before a kill -9 is there afterwards, and nothing is half there', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const random = randomNumbers(t);
  for (let round = 0; round < KILLS; round += 1) {
    const count = 20 + random(60);
    t.diagnostic(`kill ${round} when ${count} changes were acknowledged`);
    const acknowledged = await writeAndKill(t, dataDir, round * 100_000, count);
    assert.ok(acknowledged.length >= count - 1, `${acknowledged.length} of ${count}`);
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
    // A line that was being written may be there in part; it was never acknowledged.
    const problems = (await store.verify()).filter(({ message }) => !message.includes('incomplete'));
    assert.deepEqual(problems, [], `round ${round}: files and journal agree`);
    const unexpected = log.messages.filter((message) => !/were adopted|incomplete/.test(message));
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
