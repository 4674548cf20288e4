// Kept answers at their limits, the headers that let caches keep them, and how a state becomes an answer.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerLines, headersOf } from '../../../src/modules/ocsp/headers.js';
import { IssuerHashes } from '../../../src/modules/ocsp/issuer-hashes.js';
import { Periods } from '../../../src/modules/ocsp/period.js';
import { Presigned, PresignedAnswers } from '../../../src/modules/ocsp/presigned.js';
import { isSame, statusFor, statusName } from '../../../src/modules/ocsp/serial-state.js';
import { Tallies } from '../../../src/modules/ocsp/tallies.js';
import type { CertId } from '../../../src/pki/ocsp.js';
import { certId, ocspRequest } from './request.js';
import { type Alone, alone, START } from './responder-alone.js';

const GOOD = { revoked_at: null, reason_revoked: null };
const REVOKED = { revoked_at: '2026-11-21T20:30:00Z', reason_revoked: 'keyCompromise' } as const;
const FAR = new Date('2099-01-01T00:00:00Z');
const later = (seconds: number) => new Date(START.getTime() + seconds * 1000);

describe('answers that are kept', () => {
  /** Answers of some signer; only their order and their times matter. */
  async function maker(t: Parameters<typeof alone>[0]) {
    const { responder } = await alone(t);
    const der = Buffer.from(`x${responder.delegate.tail}`, 'latin1');
    const tally = new Tallies().of('good', 'hit');
    const periods = new Periods(24, FAR);
    return (now: Date, serial = '1') =>
      new Presigned(der, responder.delegate, { serial, state: GOOD, cache: periods.from(now), etag: '"e"', tally });
  }
  const key = (n: number) => Buffer.from([n >> 16, n >> 8, n]);

  test('are 200 000 at most: the one that was signed longest ago goes first', async (t) => {
    const make = await maker(t);
    const answers = new PresignedAnswers();
    const one = make(START);
    for (let n = 0; n < 200_000; n += 1) answers.put(key(n), one);
    assert.equal(answers.size, 200_000);
    answers.put(key(0), one);
    assert.equal(answers.size, 200_000, 'one that is signed again takes no place more');
    answers.put(key(200_000), one);
    assert.equal(answers.size, 200_000);
    assert.equal(answers.get(key(1).toString('latin1')), undefined, 'that of number 0 was signed after it');
    assert.equal(answers.get(key(0).toString('latin1')), one);
  });

  test('by path are 50 000 at most, and long paths and requests are not kept at all', async (t) => {
    const make = await maker(t);
    const answers = new PresignedAnswers();
    const one = make(START);
    for (let n = 0; n < 50_000; n += 1) answers.putPath(`/${n}`, one);
    assert.equal(answers.atPath('/0'), one);
    answers.putPath('/50000', one);
    assert.deepEqual([answers.atPath('/0'), answers.atPath('/50000')], [undefined, one]);
    for (const [length, kept] of [
      [512, one],
      [513, undefined],
    ] as const) {
      answers.putPath('p'.repeat(length), one);
      assert.equal(answers.atPath('p'.repeat(length)), kept);
    }
    for (const [length, kept] of [
      [256, one],
      [257, undefined],
    ] as const) {
      answers.put(Buffer.alloc(length, 7), one);
      assert.equal(answers.get(Buffer.alloc(length, 7).toString('latin1')), kept);
    }
    assert.equal(answers.size, 1);
    answers.clear();
    assert.deepEqual([answers.size, answers.atPath('/50000')], [0, undefined]);
  });

  test('know whether another one to the same request was signed in the same second', async (t) => {
    const make = await maker(t);
    const answers = new PresignedAnswers();
    const [first, second, third] = [make(START), make(START), make(later(1))];
    for (const answer of [first, second, third]) answers.put(key(1), answer);
    assert.deepEqual([first.sharesSecond, second.sharesSecond, third.sharesSecond], [false, true, false]);
  });

  test('are due from a moment on, so many at a time, and those that nobody asked for go', async (t) => {
    const make = await maker(t);
    const answers = new PresignedAnswers();
    for (let n = 0; n < 6; n += 1) answers.put(key(n), make(later(n)));
    const unwanted = make(later(1));
    unwanted.asked = false;
    answers.put(key(1), unwanted);
    const numbers = (found: Buffer[]) => found.map((request) => request[2]);
    assert.deepEqual(numbers(answers.due(later(3).getTime(), 2)), [0, 2]);
    assert.deepEqual(numbers(answers.due(later(2).getTime(), 9)), [0, 2]);
    assert.equal(answers.size, 6, 'the unwanted one was put last, behind others that are not due');
    assert.deepEqual(numbers(answers.due(later(5).getTime(), 9)), [0, 2, 3, 4, 5]);
    assert.equal(answers.size, 5);
  });
});

describe('what HTTP says of an answer', () => {
  const period = new Periods(1, FAR).from(new Date(START.getTime() + 400));

  test('is that it may be kept for one second less than it holds', () => {
    const maxAge = (now: Date) =>
      Number(
        /max-age=(\d+),/.exec(
          String(new Map(headersOf({ cache: period, etag: '"e"' }, now)).get('cache-control')),
        )?.[1],
      );
    assert.equal(maxAge(START), 3599);
    assert.equal(maxAge(later(0.4)), 3598);
    assert.equal(maxAge(later(3598)), 1);
    assert.equal(maxAge(later(3599)), 0);
    assert.equal(maxAge(later(4000)), 0, 'never less than nothing');
  });

  test('is the same in lines, whenever it is asked', () => {
    for (const seconds of [0, 0.001, 0.999, 1, 1.001, 1.5, 2, 10.2, 3599, 5000]) {
      const now = later(seconds);
      const pairs = headersOf({ cache: period, etag: '"e"' }, now);
      const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      assert.equal(headerLines({ cache: period, etag: '"e"' }, now), lines, `${seconds}`);
    }
    const uncached = { cache: null, etag: '' };
    assert.deepEqual(headersOf(uncached, START), [['content-type', 'application/ocsp-response']]);
    assert.equal(headerLines(uncached, START), 'content-type: application/ocsp-response\r\n');
  });
});

describe('the time of an answer', () => {
  test('is one object for all answers of a second, and another one for the next', () => {
    const periods = new Periods(10, FAR);
    const first = periods.from(START);
    assert.equal(periods.from(later(0.999)), first);
    const second = periods.from(later(1));
    assert.notEqual(second, first);
    assert.deepEqual(
      [second.producedAt, second.thisUpdate, second.nextUpdate, second.staleAt],
      [later(1), later(-59), later(36_001), later(18_001).getTime()],
    );
    assert.deepEqual([second.lastModified, second.expires], [later(-59).toUTCString(), later(36_001).toUTCString()]);
  });

  test('does not go past the end that it is given', () => {
    const periods = new Periods(10, later(3600));
    const { nextUpdate, expires, staleAt } = periods.from(START);
    assert.deepEqual([nextUpdate, expires, staleAt], [later(3600), later(3600).toUTCString(), later(1800).getTime()]);
  });
});

describe('a state', () => {
  test('becomes the status that OCSP tells, its date neither of the future nor before 1970', () => {
    assert.equal(statusFor(undefined, START), 'unknown');
    assert.equal(statusFor(GOOD, START), 'good');
    const dated = (revoked_at: string) => {
      const status = statusFor({ ...REVOKED, revoked_at }, START);
      return typeof status === 'string' ? status : status.revokedAt;
    };
    assert.deepEqual(dated('2026-11-21T20:30:00Z'), new Date('2026-11-21T20:30:00Z'));
    assert.deepEqual(dated('2090-01-01T00:00:00Z'), START);
    assert.deepEqual(dated('1950-01-01T00:00:00Z'), new Date(0));
    assert.deepEqual(statusFor({ revoked_at: '2026-11-21T20:30:00Z', reason_revoked: null }, START), {
      revokedAt: new Date('2026-11-21T20:30:00Z'),
      reason: 'unspecified',
    });
    assert.deepEqual([undefined, GOOD, REVOKED].map(statusName), ['unknown', 'good', 'revoked']);
  });

  test('is the same as another only if both make the same answer', () => {
    const states = [
      undefined,
      GOOD,
      REVOKED,
      { ...REVOKED, reason_revoked: 'superseded' } as const,
      { ...REVOKED, revoked_at: '2026-11-21T20:31:00Z' },
    ];
    for (const [i, a] of states.entries())
      for (const [j, b] of states.entries()) assert.equal(isSame(a && { ...a }, b && { ...b }), i === j, `${i} ${j}`);
  });
});

describe('a CertID', () => {
  test('is one of this CA only if both of its hashes are whole and right', async (t) => {
    const { parts } = await alone(t);
    const hashes = new IssuerHashes(parts.authority.certificate);
    const zeros = Buffer.alloc(20);
    const id = (change: Partial<CertId>): CertId => ({
      hash: 'sha1',
      issuerNameHash: zeros,
      issuerKeyHash: zeros,
      serial: '1',
      raw: zeros,
      ...change,
    });
    assert.equal(hashes.match(id({})), false);
    assert.equal(hashes.match(id({ hash: null })), false);
    const { raw } = id({ raw: certId(parts.authority.certificate, '1') });
    const [name, key] = [raw.subarray(15, 35), raw.subarray(37, 57)];
    assert.equal(hashes.match(id({ issuerNameHash: name, issuerKeyHash: key })), true);
    assert.equal(hashes.match(id({ issuerNameHash: name })), false);
    assert.equal(hashes.match(id({ issuerKeyHash: key })), false);
    assert.equal(hashes.match(id({ hash: 'sha256', issuerNameHash: name, issuerKeyHash: key })), false);
    assert.equal(hashes.match(id({ hash: null, issuerNameHash: name, issuerKeyHash: key })), false);
    const more = Buffer.concat([name, Buffer.alloc(1)]);
    assert.equal(hashes.match(id({ issuerNameHash: more, issuerKeyHash: key })), false);
    assert.equal(hashes.match(id({ issuerNameHash: name, issuerKeyHash: key.subarray(0, 19) })), false);
  });
});

describe('a caller who may have no signature', () => {
  test('hears tryLater, unless the answer is there already', async (t) => {
    const { responder, states, request, clock, ask } = await alone(t);
    states.set('1', GOOD);
    const never = () => false;
    const tryLater = '\x30\x03\x0a\x01\x03';
    const certificate = [request('1'), request('1', Buffer.alloc(8, 1)), request('2')];
    for (const asked of certificate) assert.equal((await responder.respond(asked, clock.now(), never)).text, tryLater);
    assert.equal((await ask('1')).status, 'good');
    assert.notEqual((await responder.respond(request('1'), clock.now(), never)).text, tryLater);
    const counted = [...responder.tallies.readings()].filter(({ value }) => value > 0);
    assert.deepEqual(counted.map(({ labels, value }) => `${labels.status} ${labels.cache} ${value}`).toSorted(), [
      'good hit 1',
      'good miss 1',
      'try_later none 3',
    ]);
  });
});

test('answers are signed again in the background two thousand at a time at most, and each only once', async (t) => {
  const one: Alone = await alone(t, { hours: 10 });
  const { responder, states, request, clock } = one;
  const { signer } = responder.delegate;
  const sign = signer.sign.bind(signer);
  let signatures = 0;
  // What is signed does not matter here, and two thousand signatures would take seconds: a fake.
  signer.sign = async () => {
    signatures += 1;
    return Buffer.alloc(70, 1);
  };
  for (let n = 1; n <= 2500; n += 1) {
    states.set(`${n}`, GOOD);
    await responder.respond(request(`${n}`));
  }
  assert.deepEqual([signatures, responder.kept], [2500, 2500]);
  clock.advance(4 * 3600 - 1);
  await responder.refresh();
  assert.equal(signatures, 2500, 'they are not due yet');
  clock.advance(1);
  for (const total of [4500, 5000, 5000]) {
    await responder.refresh();
    assert.equal(signatures, total);
  }
  signer.sign = sign;
  assert.equal(responder.kept, 2500);
});

test('requests that are no request, or of another CA, are counted and never signed', async (t) => {
  const [one, other] = [await alone(t), await alone(t)];
  const { responder, parts } = one;
  parts.onSigned = () => assert.fail('nothing is to be signed');
  assert.equal((await responder.respond(Buffer.from('garbage'))).text, '\x30\x03\x0a\x01\x01');
  assert.equal((await responder.respond(other.request('1'))).text, '\x30\x03\x0a\x01\x06');
  const both = ocspRequest([
    certId(other.parts.authority.certificate, '1'),
    certId(other.parts.authority.certificate, '2'),
  ]);
  assert.equal((await responder.respond(both)).text, '\x30\x03\x0a\x01\x06');
  const counted = [...responder.tallies.readings()].filter(({ value }) => value > 0);
  assert.deepEqual(counted.map(({ labels, value }) => `${labels.status} ${value}`).toSorted(), [
    'malformed 1',
    'unauthorized 2',
  ]);
});
