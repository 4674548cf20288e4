// The delegate that signs OCSP answers: replaced in time whatever the lifetime of an answer, and good for as long as anybody
// may hold an answer of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { localSigner } from '../../../src/crypto/file-signer.js';
import { CertificateAuthority } from '../../../src/modules/ca/authority.js';
import { OcspResponder } from '../../../src/modules/ocsp/responder.js';
import { readCertificate } from '../../../src/pki/certificate.js';
import { doubtOf } from '../../../src/pki/ocsp-client.js';
import { build, MovedClock } from '../../build.js';
import { makeCa } from '../../pki/constrained.js';
import { type Alone, alone, newKey, START } from './responder-alone.js';

const HOUR = 3600;
const issuer = ({ parts }: Alone) => ({
  subject: parts.authority.certificate.subject,
  publicKey: parts.authority.signer.publicKey,
});
const secondsTo = (from: Date, to: Date) => (to.getTime() - from.getTime()) / 1000;

for (const hours of [1, 23, 24, 25, 100, 720]) {
  describe(`with answers that live for ${hours} hours`, () => {
    test('the delegate is replaced a day before an answer could outlive it, not a second earlier, and no answer does', async (t) => {
      const one = await alone(t, { hours });
      const { responder, clock, states, ask } = one;
      states.set('1', { revoked_at: null, reason_revoked: null });
      const serials = new Set([responder.delegate.serial]);
      for (let round = 0; round < 3; round += 1) {
        const { serial, notAfter, keyHash } = responder.delegate;
        assert.equal(secondsTo(clock.now(), notAfter), 2 * (hours + 24) * HOUR);
        clock.advance((hours + 24) * HOUR - 1);
        await responder.rotateIfDue();
        assert.equal(responder.delegate.serial, serial, 'it is not due yet');
        for (const nonce of [undefined, Buffer.alloc(16, 1)]) {
          const answer = await ask('1', nonce);
          assert.equal(doubtOf(answer, issuer(one), clock.now()), null);
          const { notAfter: end } = readCertificate(answer.responder ?? assert.fail());
          assert.deepEqual(end, notAfter);
          assert.ok(answer.nextUpdate !== null && answer.nextUpdate <= end, `${answer.nextUpdate} after ${end}`);
          assert.equal(secondsTo(clock.now(), answer.nextUpdate), hours * HOUR);
        }
        clock.advance(1);
        await responder.rotateIfDue();
        assert.notEqual(responder.delegate.serial, serial);
        assert.ok(!responder.delegate.keyHash.equals(keyHash), 'the key is new as well');
        serials.add(responder.delegate.serial);
      }
      assert.equal(serials.size, 4);
      for (const serial of serials) {
        const { status } = await ask(serial);
        assert.equal(status, 'good', 'the present delegate and every earlier one are good');
      }
    });
  });
}

describe('a rotation', () => {
  const due = (24 + 24) * HOUR;

  test('takes the kept answers out, so that those of the old key do not leave any more, and is said in the log', async (t) => {
    const { responder, clock, states, ask, log } = await alone(t);
    states.set('1', { revoked_at: null, reason_revoked: null });
    clock.advance(due - 60);
    const before = await ask('1');
    assert.equal(responder.kept, 1);
    clock.advance(60);
    await responder.rotateIfDue();
    assert.equal(responder.kept, 0);
    assert.deepEqual(log.messages, ['OCSP signer rotated']);
    const after = await ask('1');
    assert.ok(!before.responder?.equals(after.responder ?? Buffer.alloc(0)));
    assert.ok(responder.delegate.certificate.equals(after.responder ?? Buffer.alloc(0)));
  });

  test('that fails leaves the delegate that is there at work; the next call tries again', async (t) => {
    const one = await alone(t);
    const { responder, parts, clock, ask } = one;
    const { serial } = responder.delegate;
    clock.advance(due);
    parts.keys.generate = () => Promise.reject(new Error('no entropy'));
    await assert.rejects(responder.rotateIfDue(), /no entropy/);
    assert.equal(responder.delegate.serial, serial);
    assert.equal(doubtOf(await ask(serial), issuer(one), clock.now()), null);
    parts.keys.generate = newKey;
    await responder.rotateIfDue();
    assert.notEqual(responder.delegate.serial, serial);
  });

  test('is one for all who ask for it at the same time, and is waited for', async (t) => {
    const { responder, parts, clock } = await alone(t);
    const { serial } = responder.delegate;
    let made = 0;
    parts.keys.generate = () => {
      made += 1;
      return newKey();
    };
    clock.advance(due);
    await Promise.all([responder.rotateIfDue(), responder.rotateIfDue()]);
    assert.notEqual(responder.delegate.serial, serial);
    await responder.rotateIfDue();
    assert.equal(made, 1);
  });

  test('comes too where the clock was set back to before the delegate begins', async (t) => {
    const one = await alone(t, { start: new Date(START.getTime()) });
    const { responder, clock, ask } = one;
    clock.advance(due);
    await responder.rotateIfDue();
    const { serial, notBefore } = responder.delegate;
    clock.advance(secondsTo(clock.now(), notBefore));
    await responder.rotateIfDue();
    assert.equal(responder.delegate.serial, serial, 'it has just begun');
    clock.advance(-1);
    await responder.rotateIfDue();
    assert.notEqual(responder.delegate.serial, serial);
    assert.equal(doubtOf(await ask(responder.delegate.serial), issuer(one), clock.now()), null);
  });
});

test('a delegate does not begin before its CA does', async (t) => {
  const { parts } = await alone(t);
  const ca = await makeCa('CN=Young', { from: 0 });
  const certificate = readCertificate(ca.der);
  const authority = new CertificateAuthority(certificate, [], localSigner(ca.key));
  const now = new Date(certificate.notBefore.getTime() + 10_000);
  const { delegate } = await OcspResponder.open({ ...parts, authority, clock: { now: () => now } });
  assert.deepEqual(delegate.notBefore, certificate.notBefore);
});

describe('near the end of the CA', () => {
  test('neither a delegate nor an answer outlives it, and the last delegate is not replaced again and again', async (t) => {
    const one = await alone(t, { days: 11 });
    const { responder, parts, clock, states, ask } = one;
    states.set('1', { revoked_at: null, reason_revoked: null });
    const { notAfter, notBefore } = parts.authority.certificate;
    assert.ok(responder.delegate.notBefore >= notBefore);
    const serials = new Set<string>();
    for (let hours = 0; hours < 263; hours += 1) {
      await responder.rotateIfDue();
      serials.add(responder.delegate.serial);
      assert.ok(responder.delegate.notAfter <= notAfter);
      const answer = await ask('1');
      assert.equal(doubtOf(answer, issuer(one), clock.now()), null, `after ${hours} hours`);
      assert.ok(answer.nextUpdate !== null && answer.nextUpdate <= responder.delegate.notAfter, `after ${hours} hours`);
      assert.ok(answer.nextUpdate > clock.now());
      clock.advance(HOUR);
    }
    assert.ok(serials.size <= 6, `${serials.size} delegates in eleven days`);
  });
});

test('a delegate of the future, because the clock was set back, degrades health until there is another one', async (t) => {
  const clock = new MovedClock(START);
  // The CA is older than the delegate of the second start, so that another one can begin earlier.
  const { app: first, config } = await build(t, { clock });
  await first.close();
  clock.advance(HOUR);
  const { app } = await build(t, { clock, config });
  const { notBefore } = app.ocsp.delegate;
  const health = async () => {
    // A report is kept for a second, unless there is one more thing to look at.
    app.health.add('test', () => ({ ok: true }));
    const { status, checks } = (await app.inject('/health')).json();
    return [status, checks.ocsp.ok];
  };
  clock.advance(secondsTo(clock.now(), notBefore));
  assert.deepEqual(await health(), ['healthy', true]);
  clock.advance(-1);
  assert.deepEqual(await health(), ['degraded', false]);
  await app.ocsp.rotateIfDue();
  await app.crl.refresh();
  assert.deepEqual(await health(), ['healthy', true]);
  assert.ok(app.ocsp.delegate.notBefore < notBefore);
});
