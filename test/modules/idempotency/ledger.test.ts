import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Action, type Answer, IdempotencyLedger } from '../../../src/modules/idempotency/ledger.js';
import { Folder } from '../../../src/store/folder.js';
import { MovedClock } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { until } from '../../until.js';

const CALL = { caller: 'token-1', key: 'k', request: { common_name: 'alice' } };

/** A ledger on a folder of its own, and a service that makes numbered things. */
async function set(t: TestContext, { most }: { most?: number } = {}) {
  const path = await mkdtemp(join(tmpdir(), 'certmate-ledger-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const clock = new MovedClock();
  const made = new Map<string, Answer>();
  const warnings: string[] = [];
  const log = { info() {}, error() {}, warn: (_: object, message: string) => void warnings.push(message) };
  const open = () =>
    IdempotencyLedger.open({ files: new Folder(path), clock, log, ...(most !== undefined && { most }) });
  /** Makes one thing; `before` and `after` are told when, and may throw. */
  const making = (
    steps: { secret?: Record<string, string>; before?: () => unknown; after?: () => unknown } = {},
  ): Action => ({
    perform: async (announce) => {
      const serial_number = String(made.size + 1);
      await announce({ identifier: `thing-${serial_number}`, serial_number });
      await steps.before?.();
      const answer = { body: { serial_number }, secret: steps.secret ?? {} };
      made.set(serial_number, answer);
      await steps.after?.();
      return answer;
    },
    find: async ({ serial_number }) => {
      const answer = made.get(serial_number);
      return answer ? { body: answer.body, secret: {}, withheld: Object.keys(answer.secret) } : null;
    },
  });
  return { path, clock, made, warnings, open, making, ledger: await open() };
}

describe('a call with an Idempotency-Key', () => {
  it('is done once; a repeated one gets the first answer', async (t) => {
    const { ledger, making, made } = await set(t);
    const first = await ledger.once(CALL, making());
    const second = await ledger.once(CALL, making());
    assert.deepEqual(second.body, first.body);
    assert.deepEqual([first.replayed, second.replayed], [false, true]);
    assert.equal(made.size, 1);
  });

  it('is another one with another key or from another caller', async (t) => {
    const { ledger, making, made } = await set(t);
    await ledger.once(CALL, making());
    await ledger.once({ ...CALL, key: 'l' }, making());
    await ledger.once({ ...CALL, caller: 'token-2' }, making());
    // Nor can a caller and a key be put together so that they read like others.
    await ledger.once({ ...CALL, caller: 'token-1","k', key: '' }, making());
    assert.equal(made.size, 4);
  });

  it('is refused for another request, also while the first still runs', async (t) => {
    const { ledger, making, made } = await set(t);
    const other = { ...CALL, request: { common_name: 'bob' } };
    const first = ledger.once(
      CALL,
      making({
        before: () => assert.rejects(ledger.once(other, making()), { code: 'CONFLICT', message: /another request/ }),
      }),
    );
    await first;
    await assert.rejects(ledger.once(other, making()), { code: 'CONFLICT' });
    assert.equal(made.size, 1);
  });

  it('waits for the same answer while the first runs', async (t) => {
    const { ledger, making, made } = await set(t);
    const all = await Promise.all(Array.from({ length: 5 }, () => ledger.once(CALL, making({ secret: { key: 's' } }))));
    assert.equal(made.size, 1);
    assert.deepEqual(
      all.map(({ replayed }) => replayed),
      [false, true, true, true, true],
    );
    assert.ok(all.every(({ secret, body }) => secret['key'] === 's' && body['serial_number'] === '1'));
  });

  it('that fails is not remembered; those who waited fail with it', async (t) => {
    const { ledger, making, made, path } = await set(t);
    const failing = () =>
      ledger.once(
        CALL,
        making({
          before: () => {
            throw new Error('no luck');
          },
        }),
      );
    const results = await Promise.allSettled([failing(), failing()]);
    assert.ok(results.every(({ status }) => status === 'rejected'));
    assert.equal(ledger.size, 0);
    assert.deepEqual(await readdir(path), []);
    assert.equal((await ledger.once({ ...CALL, request: 'mended' }, making())).replayed, false);
    assert.equal(made.size, 1);
  });

  it('that fails after all was made, is answered with that when repeated', async (t) => {
    const { ledger, making, made, open } = await set(t);
    const failing = making({
      after: () => {
        throw new Error('disk full');
      },
    });
    await assert.rejects(ledger.once(CALL, failing), /disk full/);
    for (const again of [ledger, await open()]) {
      const answer = await again.once(CALL, making());
      assert.equal(answer.replayed, true);
      assert.equal(answer.body['serial_number'], '1');
    }
    assert.equal(made.size, 1);
  });

  it('is remembered over a restart, without its secrets, and tells which', async (t) => {
    const { ledger, making, open, path } = await set(t);
    const secret = { private_key_pem: 'very secret' };
    await ledger.once(CALL, making({ secret }));
    assert.deepEqual((await ledger.once(CALL, making())).secret, secret);
    const [file = ''] = await readdir(path);
    assert.doesNotMatch(await readFile(join(path, file), 'utf8'), /very secret|alice|token-1/);
    assert.equal((await stat(join(path, file))).mode & 0o777, 0o600);
    const answer = await (await open()).once(CALL, making());
    assert.deepEqual(answer, {
      body: { serial_number: '1' },
      secret: {},
      replayed: true,
      withheld: ['private_key_pem'],
    });
  });

  it('that was cut off after all was made, but before that was recorded, is found by its mark', async (t) => {
    const { ledger, making, made, open } = await set(t);
    // The process is gone: what it waits for never comes.
    void ledger.once(CALL, making({ after: () => new Promise(() => {}) }));
    await until(() => made.size > 0, 'it is made');
    const answer = await (await open()).once(CALL, making());
    assert.deepEqual([answer.replayed, answer.body['serial_number']], [true, '1']);
    assert.equal(made.size, 1);
  });

  it('that was cut off before anything was made is done anew', async (t) => {
    const { ledger, making, made, open } = await set(t);
    await new Promise<void>((announced) => {
      const never = () => {
        announced();
        return new Promise(() => {});
      };
      void ledger.once(CALL, making({ before: never }));
    });
    const again = await open();
    assert.equal((await again.once(CALL, making())).replayed, false);
    assert.equal((await again.once(CALL, making())).replayed, true);
    assert.equal(made.size, 1);
  });

  it('is forgotten after 24 hours, on disk too', async (t) => {
    const { ledger, making, made, clock, path, open } = await set(t);
    await ledger.once(CALL, making());
    clock.advance(24 * 3600 - 1);
    assert.equal((await ledger.once(CALL, making())).replayed, true);
    clock.advance(1);
    assert.equal((await ledger.once({ ...CALL, request: 'other' }, making())).replayed, false);
    await ledger.once({ ...CALL, key: 'another' }, making());
    assert.equal(made.size, 3);
    clock.advance(24 * 3600);
    await ledger.sweep();
    assert.equal(ledger.size, 0);
    assert.deepEqual(await readdir(path), []);
    await ledger.once(CALL, making());
    clock.advance(24 * 3600);
    assert.equal((await open()).size, 0);
    assert.deepEqual(await readdir(path), []);
  });

  it('is one of so many at most: the oldest are forgotten first, over a restart too', async (t) => {
    const { ledger, making, clock, path, open } = await set(t, { most: 3 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      await ledger.once({ ...CALL, key }, making());
      clock.advance(1);
    }
    assert.equal((await readdir(path)).length, 3);
    const again = await open();
    assert.equal(again.size, 3);
    assert.equal((await again.once({ ...CALL, key: 'c' }, making())).replayed, true);
    await again.once({ ...CALL, key: 'f' }, making());
    assert.equal((await again.once({ ...CALL, key: 'd' }, making())).replayed, true);
    assert.equal((await again.once({ ...CALL, key: 'c' }, making())).replayed, false);
  });

  it('whose file is damaged is forgotten, and the log says so', async (t) => {
    const { ledger, making, open, path, warnings } = await set(t);
    await ledger.once(CALL, making());
    const [file = ''] = await readdir(path);
    await writeFile(join(path, file), '{"request":');
    assert.equal((await open()).size, 0);
    assert.match(warnings.join(), /damaged/);
    assert.deepEqual(await readdir(path), []);
  });

  it('is answered though its answer cannot be recorded; its mark finds it later', async (t) => {
    const { making, path, clock, made, open, warnings } = await set(t);
    const files = new Folder(path);
    let writes = 0;
    const failing = {
      list: () => files.list(),
      read: (name: string) => files.read(name),
      remove: (name: string) => files.remove(name),
      write: async (name: string, data: string) => {
        writes += 1;
        if (writes === 2) throw new Error('disk full');
        await files.write(name, data);
      },
    };
    const log = { info() {}, error() {}, warn: (_: object, message: string) => void warnings.push(message) };
    const ledger = await IdempotencyLedger.open({ files: failing as unknown as Folder, clock, log });
    assert.equal((await ledger.once(CALL, making())).body['serial_number'], '1');
    assert.match(warnings.join(), /could not be recorded/);
    assert.equal((await (await open()).once(CALL, making())).replayed, true);
    assert.equal(made.size, 1);
  });

  it('makes nothing before its mark is on disk', async (t) => {
    const { ledger, making, made, path } = await set(t);
    const calls = FileCalls.watch(t, path);
    for (const [key, step] of ['datasync', 'rename', 'sync'].entries()) {
      const held = calls.hold(({ name }) => name === step);
      const call = ledger.once({ ...CALL, key: String(key) }, making());
      await held.reached;
      assert.equal(made.size, key, `${step} is to come`);
      held.release();
      await call;
      assert.equal(made.size, key + 1);
    }
  });

  it('makes nothing where its mark cannot be written, and is not remembered', async (t) => {
    const { ledger, making, made, path } = await set(t);
    const calls = FileCalls.watch(t, path);
    for (const step of ['datasync', 'rename', 'sync']) {
      const failing = calls.fail(({ name }) => name === step, 'ENOSPC');
      await assert.rejects(ledger.once(CALL, making()), { code: 'STORAGE_FULL' });
      failing.stop();
      assert.deepEqual([made.size, ledger.size, await readdir(path)], [0, 0, []], step);
    }
    assert.equal((await ledger.once({ ...CALL, request: 'mended' }, making())).replayed, false);
  });

  it('stays remembered where nobody can tell whether it was done', async (t) => {
    const { ledger, making, made, open } = await set(t);
    const failing = making({ after: () => Promise.reject(new Error('no luck')) });
    const find = () => Promise.reject(new Error('the disk reports an error'));
    await assert.rejects(ledger.once(CALL, { ...failing, find }), /no luck/);
    assert.equal(ledger.size, 1);
    for (const same of [ledger, await open()]) assert.equal((await same.once(CALL, making())).replayed, true);
    assert.equal(made.size, 1);
  });

  it('is found by its mark where its answer has been damaged meanwhile', async (t) => {
    const { ledger, making, made, path } = await set(t);
    const secret = { private_key_pem: 'very secret' };
    await ledger.once(CALL, making({ secret }));
    const [file = ''] = await readdir(path);
    await writeFile(join(path, file), '{"request":');
    const answer = await ledger.once(CALL, making());
    assert.deepEqual(
      [answer.replayed, answer.body, answer.withheld],
      [true, { serial_number: '1' }, ['private_key_pem']],
    );
    await rm(join(path, file));
    assert.equal((await ledger.once(CALL, making())).replayed, true);
    assert.equal(made.size, 1);
  });

  it('that is forgotten and cannot be removed is removed by the next start', async (t) => {
    const { ledger, making, path, clock, warnings, open } = await set(t);
    await ledger.once(CALL, making());
    clock.advance(24 * 3600);
    const calls = FileCalls.watch(t, path);
    const failing = calls.fail(({ name }) => name === 'unlink', 'EACCES');
    await ledger.sweep();
    failing.stop();
    assert.deepEqual([ledger.size, (await readdir(path)).length], [0, 1]);
    assert.match(warnings.join(), /could not be removed; the next start does it/);
    await open();
    assert.deepEqual(await readdir(path), []);
  });

  it('that is done again after a day counts as the newest, and is not forgotten in place of an older one', async (t) => {
    const { ledger, making, clock } = await set(t, { most: 2 });
    const call = (key: string) => ledger.once({ ...CALL, key }, making());
    await call('a');
    clock.advance(12 * 3600);
    await call('b');
    clock.advance(12 * 3600);
    assert.equal((await call('a')).replayed, false);
    await call('c');
    assert.equal((await call('a')).replayed, true);
  });
});
