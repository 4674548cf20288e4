// What comes while an answer is being signed: the answer that leaves tells what is true when it leaves.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readOcspResponse } from '../../../src/pki/ocsp-client.js';
import { build } from '../../build.js';
import { until } from '../../until.js';
import { certId, ocspRequest } from './request.js';
import { type Alone, alone } from './responder-alone.js';

const GOOD = { revoked_at: null, reason_revoked: null };
const REVOKED = { revoked_at: '2026-11-21T20:30:00Z', reason_revoked: 'keyCompromise' } as const;
const HELD = { revoked_at: '2026-11-21T20:30:00Z', reason_revoked: 'certificateHold' } as const;

/** Holds up each signature until it is let go; `signatures` says how many were asked for. */
function held({ responder }: Pick<Alone, 'responder'>) {
  const { signer } = responder.delegate;
  const sign = signer.sign.bind(signer);
  const waiting: (() => void)[] = [];
  const state = { signatures: 0, release: () => waiting.shift()?.() };
  signer.sign = async (data) => {
    state.signatures += 1;
    await new Promise<void>((resolve) => waiting.push(resolve));
    return sign(data);
  };
  return state;
}

const CHANGES = [
  ['a revocation', GOOD, REVOKED],
  ['a release from hold', HELD, GOOD],
  ['a revocation of what is on hold', HELD, REVOKED],
  ['an issue', undefined, GOOD],
] as const;

for (const [what, before, after] of CHANGES) {
  for (const [kind, nonce] of [
    ['an answer', undefined],
    ['an answer to a nonce', Buffer.alloc(16, 7)],
  ] as const) {
    test(`${kind} that was being signed when ${what} came tells of it`, async (t) => {
      const one = await alone(t);
      const { states, ask, responder } = one;
      if (before !== undefined) states.set('1', before);
      const signing = held(one);
      const asked = ask('1', nonce);
      await until(() => signing.signatures === 1, 'the first signature');
      states.set('1', after);
      signing.release();
      await until(() => signing.signatures === 2, 'another signature');
      signing.release();
      const { status } = await asked;
      const said = typeof status === 'string' ? status : status.reason;
      assert.equal(said, after === GOOD ? 'good' : after.reason_revoked);
      const counted = [...responder.tallies.readings()].filter(({ value }) => value > 0);
      assert.deepEqual(
        counted.map(({ labels, value }) => [labels.status, labels.cache, value]),
        [[after === GOOD ? 'good' : 'revoked', nonce === undefined ? 'miss' : 'nonce', 1]],
      );
    });
  }
}

test('an answer about several certificates that was being signed when one of them was revoked tells of it', async (t) => {
  const one = await alone(t);
  const { states, responder, parts } = one;
  for (const serial of ['1', '2', '3']) states.set(serial, GOOD);
  const signing = held(one);
  const ids = ['1', '2', '3'].map((serial) => certId(parts.authority.certificate, serial));
  const asked = responder.respond(ocspRequest(ids));
  await until(() => signing.signatures === 1, 'the first signature');
  states.set('2', REVOKED);
  signing.release();
  await until(() => signing.signatures === 2, 'another signature');
  signing.release();
  const bytes = Buffer.from((await asked).text, 'latin1');
  assert.deepEqual(
    ids.map((id) => bytes[bytes.indexOf(id) + id.length]),
    [0x80, 0xa1, 0x80],
  );
});

test('an answer for which nothing has changed is signed once', async (t) => {
  const one = await alone(t);
  one.states.set('1', GOOD);
  one.states.set('2', GOOD);
  const signing = held(one);
  for (const nonce of [undefined, Buffer.alloc(16, 7)]) {
    signing.signatures = 0;
    const asked = one.ask('1', nonce);
    await until(() => signing.signatures === 1, 'the signature');
    one.states.set('2', REVOKED);
    signing.release();
    assert.equal((await asked).status, 'good');
    assert.equal(signing.signatures, 1);
  }
});

test('an answer that was being signed in the background when a revocation came is never given out', async (t) => {
  const one = await alone(t, { hours: 10 });
  const { states, ask, clock, responder } = one;
  states.set('1', GOOD);
  assert.equal((await ask('1')).status, 'good');
  clock.advance(4 * 3600);
  const signing = held(one);
  const refreshing = responder.refresh();
  await until(() => signing.signatures === 1, 'the signature in the background');
  states.set('1', REVOKED);
  signing.release();
  await refreshing;
  const asked = ask('1');
  await until(() => signing.signatures === 2, 'another signature');
  signing.release();
  assert.notEqual((await asked).status, 'good');
});

describe('a rotation that comes while an answer is being signed', () => {
  test('lets it leave, but does not keep it: the next one is of the new delegate', async (t) => {
    const one = await alone(t);
    const { states, ask, clock, responder } = one;
    states.set('1', GOOD);
    const old = responder.delegate;
    const signing = held(one);
    clock.advance(48 * 3600);
    const asked = ask('1');
    await until(() => signing.signatures === 1, 'the signature');
    await responder.rotateIfDue();
    assert.notEqual(responder.delegate, old);
    signing.release();
    assert.ok((await asked).responder?.equals(old.certificate));
    assert.equal(responder.kept, 0);
    assert.ok((await ask('1')).responder?.equals(responder.delegate.certificate));
  });
});

test('a signature that fails is answered with internalError, and the log says why; the next one is tried', async (t) => {
  const { responder, states, request, log, ask } = await alone(t);
  states.set('1', GOOD);
  const { signer } = responder.delegate;
  const sign = signer.sign.bind(signer);
  for (const nonce of [undefined, Buffer.alloc(16, 7)]) {
    const said: unknown[] = [];
    log.error = (details, message) => void said.push([message, (details as { err: Error }).err.message]);
    signer.sign = () => Promise.reject(new Error('out of order'));
    assert.equal((await responder.respond(request('1', nonce))).text, '\x30\x03\x0a\x01\x02');
    assert.deepEqual(said, [['an OCSP request could not be answered', 'out of order']]);
    signer.sign = sign;
    assert.equal((await ask('1', nonce)).status, 'good');
  }
  const failed = [...responder.tallies.readings()].find(({ labels }) => labels.status === 'failed');
  assert.equal(failed?.value, 2);
});

test('over the whole server a revocation that comes while an answer is being signed is told by it', async (t) => {
  const { app, issue, call } = await build(t);
  const { identifier, serial_number: serial = '' } = await issue();
  const signing = held({ responder: app.ocsp });
  const headers = { 'content-type': 'application/ocsp-request' };
  const payload = ocspRequest([certId(app.authority.certificate, serial)]);
  const asked = call('anonymous', { method: 'POST', url: '/api/ocsp', payload, headers });
  await until(() => signing.signatures === 1, 'the signature');
  const revoked = await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke` });
  assert.equal(revoked.statusCode, 200);
  signing.release();
  await until(() => signing.signatures === 2, 'another signature');
  signing.release();
  assert.notEqual(readOcspResponse((await asked).rawPayload).status, 'good');
});
