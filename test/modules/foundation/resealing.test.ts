import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KeySealer } from '../../../src/crypto/key-sealer.js';
import { assertNotResealing, reseal } from '../../../src/modules/foundation/resealing.js';
import { type FileCall, FileCalls } from '../../file-calls.js';

const [OLD, NEW] = ['the old secret of thirty characters', 'the new secret of thirty characters'];
const NAMES = ['a', 'b', 'c'];

/** Three keys under the old secret. */
async function threeKeys(t: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'certmate-reseal-'));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const sealer = new KeySealer(OLD);
  const keys = new Map<string, string>();
  for (const name of NAMES) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await mkdir(join(dataDir, 'certs/client/vpn', name), { recursive: true });
    await writeFile(join(dataDir, 'certs/client/vpn', name, 'cert.key'), sealer.seal(pem));
    keys.set(name, pem);
  }
  const under = async (secret: string): Promise<string[]> => {
    const opener = new KeySealer(secret);
    const found = [];
    for (const name of NAMES) {
      const stored = await readFile(join(dataDir, 'certs/client/vpn', name, 'cert.key'), 'utf8');
      try {
        if (opener.open(stored) === keys.get(name)) found.push(name);
      } catch {}
    }
    return found;
  };
  const finished: number[] = [];
  const run = (older = [OLD], finish = async (): Promise<void> => undefined) =>
    reseal({
      dataDir,
      target: NEW,
      older,
      now: new Date(),
      finish: async ({ changed }) => {
        finished.push(changed);
        await finish();
      },
    });
  return { dataDir, run, under, finished, calls: FileCalls.watch(t, dataDir) };
}

const toKey = ({ name, to }: FileCall) => name === 'rename' && to?.endsWith('cert.key') === true;
const toNote = ({ name, to }: FileCall) => name === 'rename' && to?.endsWith('resealing.json') === true;

describe('changing the secret of private keys', () => {
  it('says that it has begun before the first key is written, and that it has ended after the last', async (t) => {
    const { dataDir, run, under, finished, calls } = await threeKeys(t);
    const outcome = await run([OLD], async () => {
      assert.deepEqual(await under(NEW), NAMES, 'the last key is done');
      await assert.rejects(assertNotResealing(dataDir), /between two secrets/);
    });
    assert.deepEqual([outcome.keys, outcome.changed, outcome.damaged, finished], [3, 3, [], [3]]);
    const begun = calls.indexOf(({ name, path }) => name === 'sync' && path === dataDir, calls.indexOf(toNote));
    assert.ok(begun > -1 && begun < calls.indexOf(toKey));
    assert.ok(calls.indexOf(({ name, path }) => name === 'unlink' && path.endsWith('resealing.json')) > 0);
    await assertNotResealing(dataDir);
    assert.equal((await run()).changed, 0, 'done once more it changes nothing');
  });

  it('changes nothing where it cannot say that it has begun, or a key is under neither secret', async (t) => {
    const { dataDir, run, under, finished, calls } = await threeKeys(t);
    const failing = calls.fail(toNote, 'ENOSPC');
    await assert.rejects(run(), { code: 'STORAGE_FULL' });
    failing.stop();
    await assert.rejects(
      run(['some other secret of thirty characters']),
      /none of the secrets opens .*nothing was changed/,
    );
    assert.deepEqual([await under(OLD), finished], [NAMES, []]);
    await assertNotResealing(dataDir);
  });

  it('that stops at a key lets no server start, leaves each key under one of the two, and goes on', async (t) => {
    const { dataDir, run, under, finished, calls } = await threeKeys(t);
    for (const [step, match] of [
      ['datasync', ({ name, path }: FileCall) => name === 'datasync' && path.includes('/vpn/b/')],
      ['rename', (call: FileCall) => toKey(call) && call.to?.includes('/vpn/b/') === true],
      ['sync', ({ name, path }: FileCall) => name === 'sync' && path.endsWith('/vpn/b')],
    ] as const) {
      const failing = calls.fail(match, 'ENOSPC');
      await assert.rejects(run(), { code: 'STORAGE_FULL' }, step);
      failing.stop();
      assert.deepEqual([...(await under(OLD)), ...(await under(NEW))].toSorted(), NAMES);
      await assert.rejects(assertNotResealing(dataDir), /certmate reseal-keys was interrupted/);
      if (step === 'sync') break;
      assert.ok((await under(OLD)).includes('b'));
    }
    assert.deepEqual(finished, []);
    await run();
    assert.deepEqual(await under(NEW), NAMES);
    await assertNotResealing(dataDir);
  });

  it('has not ended where its end could not be recorded, and removes what a crash left half written', async (t) => {
    const { dataDir, run, under, finished } = await threeKeys(t);
    await writeFile(join(dataDir, 'certs/client/vpn/a/.unfinished-0123456789ab'), 'half');
    await assert.rejects(
      run([OLD], () => Promise.reject(new Error('no line could be written'))),
      /no line/,
    );
    await assert.rejects(assertNotResealing(dataDir), /between two secrets/);
    assert.deepEqual(await readdir(join(dataDir, 'certs/client/vpn/a')), ['cert.key']);
    assert.deepEqual([await under(NEW), finished], [NAMES, [3]]);
  });

  it('leaves alone what is no key, and tells of it', async (t) => {
    const { dataDir, run } = await threeKeys(t);
    await mkdir(join(dataDir, 'certs/client/vpn/d'));
    await writeFile(join(dataDir, 'certs/client/vpn/d/cert.key'), 'damaged');
    const { keys, changed, damaged } = await run();
    assert.deepEqual([keys, changed, damaged], [3, 3, ['certs/client/vpn/d/cert.key']]);
    assert.equal(await readFile(join(dataDir, 'certs/client/vpn/d/cert.key'), 'utf8'), 'damaged');
  });
});
