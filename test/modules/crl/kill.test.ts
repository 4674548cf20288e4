// A process that publishes CRLs is killed in the middle of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, verify } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createAuthority } from '../../../src/modules/ca/establish.js';
import { CrlPublisher } from '../../../src/modules/crl/publisher.js';
import { readCrl } from '../../../src/pki/crl.js';
import { decodePem } from '../../../src/pki/pem.js';
import { Folder } from '../../../src/store/folder.js';
import { randomNumbers } from '../../random-numbers.js';
import { recordingLog, temporaryDirectory } from '../../store/records.js';
import { until } from '../../until.js';

interface Acknowledged {
  number: bigint;
  count: number;
}

/** Has CRLs published until some have been acknowledged, then kills the process; gives back the last one acknowledged. */
async function publishAndKill(t: TestContext, root: string, first: number, afterMs: number): Promise<Acknowledged> {
  const writer = new URL('./publishing-writer.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [writer, root, `${first}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const exited = once(child, 'exit');
  await until(() => lines.length >= 3 || child.exitCode !== null, 'three CRLs');
  await delay(afterMs);
  child.kill('SIGKILL');
  const [, signal] = await exited;
  assert.equal(signal, 'SIGKILL');
  const [, number = '', count = ''] =
    /^(\d+) (\d+)\.$/.exec(lines.filter((line) => line.endsWith('.')).at(-1) ?? '') ?? [];
  return { number: BigInt(number), count: Number(count) };
}

test('wherever a kill comes, both forms of the CRL are whole, tell of all that was published, and are alike after a start', async (t) => {
  const root = await temporaryDirectory(t);
  const [caFolder, crlFolder] = [new Folder(join(root, 'ca')), new Folder(join(root, 'crl'))];
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const options = { subject: 'CN=Killed', keyType: 'ec-p256', days: 30 } as const;
  const authority = await createAuthority(caFolder, options, privateKey, null, new Date());
  const read = (der: Buffer): Acknowledged => {
    const { tbs, signature, number, count } = readCrl(der);
    assert.ok(verify('sha256', tbs, publicKey, signature), `CRL ${number} is what the CA has signed`);
    return { number, count };
  };
  /** The numbered ones, by number, and the one in PEM. */
  const stored = async () => {
    const numbered = new Map<bigint, Buffer>();
    for (const name of await crlFolder.list()) {
      const der = (await crlFolder.read(name)) as Buffer;
      assert.equal(name, `crl-${read(der).number}.der`);
      numbered.set(read(der).number, der);
    }
    const [pem] = decodePem(String(await caFolder.read('crl.pem')), ['X509 CRL']) as [Buffer];
    return { numbered, pem, newest: [...numbered.keys()].reduce((a, b) => (a > b ? a : b)) };
  };
  const seen = new Map<bigint, Buffer>();
  const random = randomNumbers(t);
  const moments = [0, ...Array.from({ length: 3 }, () => random(60))];
  t.diagnostic(`killed after ${moments.join(', ')} ms`);
  for (const [round, afterMs] of moments.entries()) {
    const last = await publishAndKill(t, root, round * 100_000, afterMs);
    const { numbered, pem, newest } = await stored();
    assert.ok(newest >= last.number, `CRL ${last.number} was published, ${newest} is the newest`);
    assert.ok(read(numbered.get(newest) as Buffer).count >= last.count);
    const inPem = read(pem);
    assert.ok(inPem.number >= last.number && inPem.count >= last.count, `CRL ${inPem.number} in PEM`);
    for (const [number, der] of [...numbered, [inPem.number, pem] as const]) {
      assert.deepEqual(seen.get(number) ?? der, der, `two CRLs with the number ${number}`);
      seen.set(number, der);
    }

    const publisher = await CrlPublisher.open({
      authority,
      revocations: () => [],
      isKnown: () => false,
      crlFolder,
      caFolder,
      clock: { now: () => new Date() },
      log: recordingLog(),
      hours: 1,
    });
    const started = await stored();
    assert.ok(started.pem.equals(started.numbered.get(started.newest) as Buffer), 'both forms are one CRL');
    assert.ok(publisher.current.der.equals(started.pem), 'and it is the one that is given out');
    assert.ok(read(started.pem).count >= last.count);
    await publisher.publish();
    const kept = await readdir(crlFolder.path);
    const wanted = Array.from({ length: 10 }, (_, back) => `crl-${publisher.current.number - BigInt(back)}.der`);
    const present = kept.filter((name) => name.endsWith('.der'));
    assert.ok(present.length <= 10 && present.every((name) => wanted.includes(name)), `the last ten are kept: ${kept}`);
  }
});
