import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { KeySealer } from '../../../src/crypto/key-sealer.js';
import { assertNotResealing, type Resealing, reseal } from '../../../src/modules/foundation/resealing.js';
import { FileCalls } from '../../file-calls.js';
import { NOW, temporaryDirectory } from '../../store/records.js';

const OLD = 'the secret before';
const NEW = 'the secret after';
const PEM = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const MARKER = 'resealing.json';
const USAGE = 'certs/client/vpn';
const KEYS = ['alice', 'bob', 'carol', 'carol/history/17'].map((name) => `${USAGE}/${name}/cert.key`);

/** A data directory whose keys are under a secret, or as they are. */
async function filled(t: TestContext, secret: string | null) {
  const dataDir = await temporaryDirectory(t);
  const sealer = new KeySealer(secret);
  for (const path of KEYS) {
    await mkdir(dirname(join(dataDir, path)), { recursive: true });
    await writeFile(join(dataDir, path), sealer.seal(PEM), { mode: 0o600 });
  }
  const calls = FileCalls.watch(t, dataDir);
  const run = (options: Partial<Resealing> = {}) =>
    reseal({ dataDir, target: NEW, older: [OLD], now: NOW, finish: async () => undefined, ...options });
  const under = async (wanted: string | null): Promise<number> => {
    let count = 0;
    for (const path of KEYS) {
      const text = await readFile(join(dataDir, path), 'latin1');
      try {
        if (new KeySealer(wanted).open(text) === PEM && text.includes('ENCRYPTED') === (wanted !== null)) count += 1;
      } catch {
        // It is under another secret.
      }
    }
    return count;
  };
  return { dataDir, calls, run, under };
}

test('every key, those in the history too, is brought under the new secret, and back to none', async (t) => {
  const { dataDir, run, under } = await filled(t, OLD);
  assert.deepEqual(await run(), { keys: 4, changed: 4, damaged: [] });
  assert.equal(await under(NEW), 4);
  for (const path of KEYS) assert.equal((await stat(join(dataDir, path))).mode & 0o777, 0o600);
  assert.deepEqual(await run(), { keys: 4, changed: 0, damaged: [] }, 'done once more, nothing is written');
  assert.deepEqual(await run({ target: null, older: [NEW] }), { keys: 4, changed: 4, damaged: [] });
  assert.equal(await under(null), 4);
  assert.ok(!(await readdir(dataDir)).includes(MARKER));
});

test('that it has begun is durable before the first key is written, and stays until all that belongs to it is done', async (t) => {
  const { dataDir, calls, run } = await filled(t, OLD);
  const finished: string[] = [];
  const finish = async (outcome: { changed: number }) => {
    finished.push(`${outcome.changed} changed, marked: ${(await readdir(dataDir)).includes(MARKER)}`);
  };
  await run({ finish });
  assert.deepEqual(finished, ['4 changed, marked: true']);
  const named = calls.indexOf(({ name, to }) => name === 'rename' && to === join(dataDir, MARKER));
  const marked = calls.indexOf(({ name, path }) => name === 'sync' && path === dataDir, named);
  const first = calls.indexOf(({ path }) => path.includes(`${USAGE}/`) && path.includes('.unfinished-'));
  assert.ok(named !== -1 && named < marked && marked < first, `${named}, ${marked}, ${first}`);
  const removed = calls.indexOf(({ name, path }) => name === 'unlink' && path === join(dataDir, MARKER));
  assert.equal(
    calls.indexOf(({ name, to }) => name === 'rename' && to?.endsWith('cert.key') === true, removed),
    -1,
  );
  assert.notEqual(
    calls.indexOf(({ name, path }) => name === 'sync' && path === dataDir, removed),
    -1,
  );
});

test('one that finds no room keeps the server from starting, and goes on when it is run again', async (t) => {
  const { dataDir, calls, run, under } = await filled(t, OLD);
  await assertNotResealing(dataDir);
  calls.fail(({ name, to }) => name === 'rename' && to?.endsWith('cert.key') === true, 'ENOSPC', {
    times: 1,
    after: 2,
  });
  await assert.rejects(run({ finish: async () => assert.fail('it has not ended') }), { code: 'STORAGE_FULL' });
  assert.equal((await under(OLD)) + (await under(NEW)), 4, 'each is under one of the two');
  await assert.rejects(assertNotResealing(dataDir), /reseal-keys was interrupted\. Run certmate reseal-keys again/);
  const { keys, changed } = await run();
  assert.ok(keys === 4 && changed >= 1 && changed < 4, `${changed} changed`);
  assert.equal(await under(NEW), 4);
  await assertNotResealing(dataDir);
});

test('one whose end could not be recorded is not ended', async (t) => {
  const { dataDir, run } = await filled(t, OLD);
  const finish = async () => {
    throw new Error('no audit line');
  };
  await assert.rejects(run({ finish }), /no audit line/);
  await assert.rejects(assertNotResealing(dataDir), /interrupted/);
});

test('a key under none of the secrets is named, and nothing is changed', async (t) => {
  const { dataDir, run, under } = await filled(t, OLD);
  await writeFile(join(dataDir, KEYS[2] as string), new KeySealer('a third secret').seal(PEM));
  await assert.rejects(run(), {
    name: 'StartupError',
    message: /none of the secrets opens certs\/client\/vpn\/carol\/cert\.key; nothing was changed/,
  });
  assert.equal(await under(OLD), 3);
  await assertNotResealing(dataDir);
});

test('a file that is no key is named and left alone, and what an earlier attempt left unfinished goes', async (t) => {
  const { dataDir, run } = await filled(t, OLD);
  await writeFile(join(dataDir, KEYS[0] as string), 'no key');
  await writeFile(join(dataDir, USAGE, 'bob', '.unfinished-0123456789ab'), 'half');
  assert.deepEqual(await run(), { keys: 3, changed: 3, damaged: [KEYS[0]] });
  assert.equal(await readFile(join(dataDir, KEYS[0] as string), 'utf8'), 'no key');
  assert.deepEqual(await readdir(join(dataDir, USAGE, 'bob')), ['cert.key']);
});
