// The answers that are kept, and the limits that keep a flood of questions from filling the memory.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Periods } from '../../../src/modules/ocsp/period.js';
import { Presigned, PresignedAnswers } from '../../../src/modules/ocsp/presigned.js';
import { GOOD } from '../../../src/modules/ocsp/serial-state.js';
import { Tallies } from '../../../src/modules/ocsp/tallies.js';
import { readOcspResponse } from '../../../src/pki/ocsp-client.js';
import { alone, START } from './responder-alone.js';

type Signer = Awaited<ReturnType<typeof alone>>['responder']['delegate'];

/** Makes answers that were signed so many seconds after START. */
function answersOf(signer: Signer): (seconds?: number) => Presigned {
  const periods = new Periods(24, new Date('2036-01-01T00:00:00Z'));
  const tally = new Tallies().of('good', 'hit');
  return (seconds = 0) => {
    const cache = periods.from(new Date(START.getTime() + seconds * 1000));
    return new Presigned(Buffer.from(signer.tail, 'latin1'), signer, {
      serial: '1',
      state: GOOD,
      cache,
      etag: '"a"',
      tally,
    });
  };
}

const request = (number: number) => Buffer.from(`request ${number}`);

describe('answers that are kept', () => {
  test('are 200 000 at most: the one signed longest ago goes first', async (t) => {
    const answer = answersOf((await alone(t)).responder.delegate)();
    const kept = new PresignedAnswers();
    for (let number = 0; number < 200_000; number += 1) kept.put(request(number), answer);
    kept.put(request(0), answer);
    assert.equal(kept.size, 200_000, 'one that is signed again takes the place of the one before');
    kept.put(request(200_000), answer);
    assert.equal(kept.size, 200_000);
    const has = (number: number) => kept.get(request(number).toString('latin1')) !== undefined;
    assert.deepEqual([has(0), has(1), has(2), has(200_000)], [true, false, true, true]);
  });

  test('are found by at most 50 000 paths; beyond them all are forgotten, and learned again', async (t) => {
    const answer = answersOf((await alone(t)).responder.delegate)();
    const kept = new PresignedAnswers();
    for (let number = 0; number < 50_000; number += 1) kept.putPath(`/${number}`, answer);
    assert.equal(kept.atPath('/0'), answer);
    kept.putPath('/50000', answer);
    assert.equal(kept.atPath('/0'), undefined);
    assert.equal(kept.atPath('/50000'), answer);
  });

  test('are not kept for requests of more than 256 octets, nor by paths of more than 512', async (t) => {
    const answer = answersOf((await alone(t)).responder.delegate)();
    const kept = new PresignedAnswers();
    for (const length of [256, 257]) kept.put(Buffer.alloc(length, 1), answer);
    for (const length of [512, 513]) kept.putPath('/'.repeat(length), answer);
    assert.equal(kept.size, 1);
    assert.equal(kept.get('\x01'.repeat(256)), answer);
    assert.equal(kept.get('\x01'.repeat(257)), undefined);
    assert.equal(kept.atPath('/'.repeat(512)), answer);
    assert.equal(kept.atPath('/'.repeat(513)), undefined);
  });

  test('that nobody has asked for go when they are due, and the others are named, oldest first', async (t) => {
    const signedAt = answersOf((await alone(t)).responder.delegate);
    const kept = new PresignedAnswers();
    const answers = [0, 1, 2, 3].map((seconds) => signedAt(seconds));
    for (const [number, answer] of answers.entries()) kept.put(request(number), answer);
    (answers[1] as Presigned).asked = false;
    const due = (seconds: number, most: number) =>
      kept.due(START.getTime() + seconds * 1000, most).map((text) => text.toString('latin1'));
    assert.deepEqual(due(-1, 10), []);
    assert.equal(kept.size, 4);
    assert.deepEqual(due(2, 1), ['request 0'], 'no more than are wanted');
    assert.deepEqual(due(2, 10), ['request 0', 'request 2'], 'not those that were signed later');
    assert.equal(kept.size, 3);
  });

  test('are all gone after a change of the signer, by path as well', async (t) => {
    const answer = answersOf((await alone(t)).responder.delegate)();
    const kept = new PresignedAnswers();
    kept.put(request(1), answer);
    kept.putPath('/1', answer);
    kept.clear();
    assert.deepEqual([kept.size, kept.atPath('/1'), kept.get('request 1')], [0, undefined, undefined]);
  });

  test('share their second with one to the same request of the same second, and with no other', async (t) => {
    const signedAt = answersOf((await alone(t)).responder.delegate);
    const kept = new PresignedAnswers();
    const shared = [0, 0, 1].map((seconds) => {
      const answer = signedAt(seconds);
      kept.put(request(1), answer);
      return answer.sharesSecond;
    });
    const other = signedAt(1);
    kept.put(request(2), other);
    assert.deepEqual([...shared, other.sharesSecond], [false, true, false, false]);
  });
});

describe('a kept answer', () => {
  test('that begins in the future, because the clock was set back, is signed again', async (t) => {
    const { states, clock, ask } = await alone(t);
    states.set('1', GOOD);
    const first = await ask('1');
    clock.advance(-60);
    assert.deepEqual((await ask('1')).tbs, first.tbs, 'it holds from a minute before on');
    clock.advance(-1);
    const again = await ask('1');
    assert.notDeepEqual(again.tbs, first.tbs);
    assert.ok(again.thisUpdate <= clock.now() && again.producedAt <= clock.now());
  });

  test('leaves until half its life is over, and is signed again then', async (t) => {
    const { states, clock, ask } = await alone(t, { hours: 10 });
    states.set('1', GOOD);
    const first = await ask('1');
    clock.advance(5 * 3600 - 1);
    assert.deepEqual((await ask('1')).tbs, first.tbs);
    clock.advance(1);
    assert.notDeepEqual((await ask('1')).tbs, first.tbs);
  });

  test('that is signed again in the background goes the next time, unless somebody has asked for it since', async (t) => {
    const { responder, states, clock, ask } = await alone(t, { hours: 10 });
    states.set('1', GOOD).set('2', GOOD);
    await ask('1');
    await ask('2');
    const inTime = 4 * 3600;
    clock.advance(inTime);
    await responder.refresh();
    assert.equal(responder.kept, 2);
    await ask('2');
    clock.advance(inTime);
    await responder.refresh();
    assert.equal(responder.kept, 1);
  });

  test('of the signer before does not leave by its path either', async (t) => {
    const { responder, states, clock, request } = await alone(t);
    states.set('1', GOOD);
    const path = `/${encodeURIComponent(request('1').toString('base64'))}`;
    const signer = async () => {
      const { text } = await responder.respondToPath(path, clock.now(), () => true);
      return readOcspResponse(Buffer.from(text, 'latin1')).responder ?? assert.fail();
    };
    clock.advance(48 * 3600 - 60);
    const before = await signer();
    clock.advance(60);
    await responder.rotateIfDue();
    const after = await signer();
    assert.ok(after.equals(responder.delegate.certificate) && !after.equals(before));
  });
});
