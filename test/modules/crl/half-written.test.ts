// A publication that fails between its steps: numbers are never used for two CRLs, nothing revoked is lost, and the old CRL
// is given out until there is a new one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CrlPublisher } from '../../../src/modules/crl/publisher.js';
import { readCrl } from '../../../src/pki/crl.js';
import { type FileCall, FileCalls } from '../../file-calls.js';
import { until } from '../../until.js';
import { Alone, serialsOf } from './publisher-alone.js';

const isPem = ({ path, to }: FileCall) => (to ?? path).endsWith('crl.pem');
const isNumbered = ({ path, to }: FileCall) => /crl-\d+\.der$/.test(to ?? path);

const STEPS: [string, (call: FileCall) => boolean][] = [
  ['the contents are written', ({ name, path }) => name === 'writev' && path.includes('.unfinished-')],
  ['the contents are synced', ({ name, path }) => name === 'datasync' && path.includes('.unfinished-')],
  ['the numbered one gets its name', (call) => call.name === 'link' && isNumbered(call)],
  ['crl.pem gets its name', (call) => call.name === 'rename' && isPem(call)],
  ['the folder of the numbered ones is synced', ({ name, path }) => name === 'sync' && path.endsWith('/crl')],
  ['the folder of crl.pem is synced', ({ name, path }) => name === 'sync' && path.endsWith('/ca')],
];

/** Remembers every CRL that was ever on disk or given out. */
class Seen {
  readonly #bytes = new Map<bigint, Buffer>();

  async look(one: Alone, publisher: CrlPublisher | null): Promise<void> {
    const { numbered, pem } = await one.stored();
    const all = [...numbered.values(), ...(pem === null ? [] : [pem]), ...(publisher ? [publisher.current.der] : [])];
    for (const der of all) {
      const { number } = readCrl(der);
      assert.ok((this.#bytes.get(number) ?? der).equals(der), `two CRLs with the number ${number}`);
      this.#bytes.set(number, der);
    }
  }

  get highest(): bigint {
    return [...this.#bytes.keys()].reduce((a, b) => (a > b ? a : b), 0n);
  }
}

describe('a publication that fails when', () => {
  for (const [step, match] of STEPS) {
    for (const nth of step.startsWith('the contents') ? [0, 1] : [0]) {
      for (const then of ['goes on', 'starts again'] as const) {
        test(`${step} (${nth + 1}), of a process that ${then}, uses no number twice and loses nothing`, async (t) => {
          const one = await Alone.begin(t);
          const calls = FileCalls.watch(t, one.root);
          const seen = new Seen();
          let publisher = await one.open();
          const serials = [one.revoke(publisher, 1)];
          await publisher.publish();
          await seen.look(one, publisher);
          const before = publisher.current;

          const failing = calls.fail(match, 'ENOSPC', { times: 1, after: nth });
          serials.push(one.revoke(publisher, 2));
          await assert.rejects(publisher.publish(), { code: 'STORAGE_FULL' });
          assert.equal(failing.count, 1);
          assert.equal(publisher.current, before, 'the old one is given out');
          assert.deepEqual([publisher.isFailing, publisher.failures], [true, 1]);
          await seen.look(one, publisher);

          if (then === 'starts again') {
            publisher = await one.open();
            await seen.look(one, publisher);
            const { numbered, pem } = await one.stored();
            assert.ok(
              numbered.get(publisher.current.number)?.equals(pem as Buffer),
              'the start makes both forms alike',
            );
            assert.ok(publisher.current.der.equals(pem as Buffer));
          }
          const { highest } = seen;
          serials.push(one.revoke(publisher, 3));
          await publisher.publish();
          assert.ok(publisher.current.number > highest, `${publisher.current.number} after ${highest}`);
          assert.equal(publisher.isFailing, false);
          await seen.look(one, publisher);
          assert.deepEqual(serialsOf(publisher.current.der), serials);
          const { numbered, pem } = await one.stored();
          assert.ok(numbered.get(publisher.current.number)?.equals(publisher.current.der));
          assert.ok(pem?.equals(publisher.current.der), 'both forms are alike again');
        });
      }
    }
  }

  test('crl.pem gets its name leaves no file behind for good: ten are kept, as ever', async (t) => {
    const one = await Alone.begin(t);
    const calls = FileCalls.watch(t, one.root);
    const publisher = await one.open();
    await publisher.publish();
    calls.fail((call) => call.name === 'rename' && isPem(call), 'ENOSPC', { times: 1 });
    await assert.rejects(publisher.publish());
    for (let n = 0; n < 12; n += 1) await publisher.publish();
    const { numbered } = await one.stored();
    const last = publisher.current.number;
    assert.deepEqual(
      [...numbered.keys()].toSorted((a, b) => Number(b - a)),
      Array.from({ length: 10 }, (_, back) => last - BigInt(back)),
    );
  });

  test('it is signed leaves the old one in force and is tried again until it succeeds', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const { signCertList } = one.parts.authority;
    const before = publisher.current;
    one.parts.authority.signCertList = () => Promise.reject(new Error('the key is out of reach'));
    const serial = one.revoke(publisher, 1);
    await assert.rejects(publisher.publishNoted(), /out of reach/);
    await assert.rejects(publisher.refresh(), /out of reach/);
    await publisher.retry();
    assert.deepEqual([publisher.failures, publisher.isFailing, publisher.current], [3, true, before]);
    one.parts.authority.signCertList = signCertList;
    await publisher.retry();
    assert.deepEqual([publisher.isFailing, serialsOf(publisher.current.der)], [false, [serial]]);
    const { number } = publisher.current;
    await publisher.retry();
    assert.equal(publisher.current.number, number, 'nothing is published while nothing fails');
  });

  test('it is refused to a caller is made good by the next look, whatever the age of the CRL', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const calls = FileCalls.watch(t, one.root);
    calls.fail(({ name }) => name === 'writev', 'ENOSPC', { times: 1 });
    const serial = one.revoke(publisher, 1);
    await assert.rejects(publisher.publishNoted(), { code: 'STORAGE_FULL' });
    await publisher.refresh();
    assert.deepEqual(serialsOf(publisher.current.der), [serial]);
  });
});

describe('a revocation that is noted while a CRL is being signed', () => {
  /** Holds up the next signature. */
  function holdSignature(one: Alone) {
    const { signCertList } = one.parts.authority;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const state = { begun: false, release };
    one.parts.authority.signCertList = async (request) => {
      one.parts.authority.signCertList = signCertList;
      state.begun = true;
      await released;
      return signCertList(request);
    };
    return state;
  }

  test('is waited for with the next one', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const signing = holdSignature(one);
    const first = one.revoke(publisher, 1);
    const publishing = publisher.publishNoted();
    await until(() => signing.begun, 'the signature');
    const second = one.revoke(publisher, 2);
    const noted = publisher.publishNoted();
    signing.release();
    await publishing;
    assert.deepEqual(serialsOf(publisher.current.der), [first]);
    await noted;
    assert.deepEqual(serialsOf(publisher.current.der), [first, second]);
  });

  test('is published by the next look even if nobody waits for it', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const signing = holdSignature(one);
    const first = one.revoke(publisher, 1);
    const publishing = publisher.publishNoted();
    await until(() => signing.begun, 'the signature');
    const second = one.revoke(publisher, 2);
    signing.release();
    await publishing;
    await publisher.refresh();
    assert.deepEqual(serialsOf(publisher.current.der), [first, second]);
  });

  test('does not leave the list for having expired before the list on which it is not yet', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    one.clock.advance(3600);
    const signing = holdSignature(one);
    const publishing = publisher.publish();
    await until(() => signing.begun, 'the signature');
    const serial = one.revoke(publisher, 1, { expires_at: '2026-11-21T20:30:00Z' });
    signing.release();
    await publishing;
    assert.deepEqual(serialsOf(publisher.current.der), []);
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), [serial], 'on one CRL issued past its expiry');
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), []);
  });
});
