import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readCrl } from '../../src/pki/crl.js';
import { type Built, build, MovedClock, testConfig } from '../build.js';
import { certId, ocspRequest } from '../modules/ocsp/request.js';

const DAY = 86_400;
const crlOf = async ({ call }: Built) =>
  readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
const statusOf = async ({ call }: Built, identifier: string): Promise<string> =>
  (await call('viewer', { url: `/api/client-certs/${identifier}` })).json().status;
const revoke = ({ call }: Built, identifier: string) =>
  call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: { reason: 'superseded' } });

describe('a clock that is set back', () => {
  it('does not set CRL numbers back, and a new CRL is published at once', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    const first = await build(t, { config, clock });
    clock.advance(60 * DAY);
    const { identifier } = await first.issue();
    await first.issue({ identifier: 'other' });
    await revoke(first, identifier);
    const before = await crlOf(first);
    clock.advance(-30 * DAY);
    await first.app.crl.refresh();
    const set = await crlOf(first);
    assert.ok(set.number > before.number);
    assert.ok(set.thisUpdate <= clock.now(), 'it is not from the future');
    assert.equal((await revoke(first, 'other')).statusCode, 200);
    assert.ok((await crlOf(first)).number > set.number);
    await first.app.close();
    const second = await build(t, { config, clock });
    assert.ok((await crlOf(second)).number > set.number, 'also after a restart');
    assert.equal((await crlOf(second)).count, 2);
  });

  it('by ten days: CRL, OCSP signer and answers of the future are unhealthy and due at once', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    await (await build(t, { config, clock })).app.close();
    clock.advance(10 * DAY);
    const built = await build(t, { config, clock });
    const { app, call, issue } = built;
    const { serial_number } = await issue();
    const ask = () => app.ocsp.respond(ocspRequest([certId(app.authority.certificate, String(serial_number))]));
    await ask();
    const { serial } = app.ocsp.delegate;
    clock.advance(-10 * DAY);
    const checks = async () => {
      // An outcome is kept for a second.
      await delay(1100);
      return (await call('anonymous', { url: '/health' })).json().checks as Record<string, { ok: boolean }>;
    };
    const wrong = await checks();
    assert.equal(wrong['crl']?.ok, false);
    assert.equal(wrong['ocsp']?.ok, false);
    await app.crl.refresh();
    await app.ocsp.rotateIfDue();
    assert.ok((await crlOf(built)).thisUpdate < clock.now());
    assert.notEqual(app.ocsp.delegate.serial, serial);
    assert.ok(app.ocsp.delegate.notBefore < clock.now());
    assert.ok(((await ask()).cache?.thisUpdate ?? assert.fail()) < clock.now());
    const mended = await checks();
    assert.equal(mended['crl']?.ok, true);
    assert.equal(mended['ocsp']?.ok, true);
  });

  it('by ten days: a CA certificate of the future is unhealthy', async (t) => {
    const clock = new MovedClock();
    const { call } = await build(t, { clock });
    clock.advance(-10 * DAY);
    const { checks } = (await call('anonymous', { url: '/health' })).json();
    assert.deepEqual(checks.ca, { ok: false, detail: 'the CA certificate is not valid yet: check the clock' });
  });

  it('to a time before the CA stops the start, in words', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    await (await build(t, { config, clock })).app.close();
    clock.advance(-DAY);
    await assert.rejects(build(t, { config, clock }), /the CA certificate begins at .*: set the clock/);
  });

  it('brings nothing to an end that has not ended', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    const first = await build(t, { config, clock });
    clock.advance(DAY);
    const { identifier } = await first.issue({ days_valid: 60 });
    clock.advance(-2 * 3600);
    assert.equal(await statusOf(first, identifier), 'active');
    assert.equal((await first.call('anonymous', { url: '/health/ready' })).statusCode, 200);
    await first.app.close();
    const second = await build(t, { config, clock });
    assert.equal(await statusOf(second, identifier), 'active');
    await second.issue({ identifier: 'another' });
  });
});

describe('a clock that is set forward and back again', () => {
  it('makes certificates expire and be valid again, and a revoked one is on the CRL then (also without a restart)', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    const held = await built.issue({ identifier: 'held', days_valid: 10 });
    await built.issue({ identifier: 'used', days_valid: 10 });
    await revoke(built, 'held');
    clock.advance(20 * DAY);
    // The first CRL issued past its expiry still has the entry, the next has not.
    await built.app.crl.publish();
    await built.app.crl.publish();
    assert.equal((await crlOf(built)).count, 0);
    assert.equal(await statusOf(built, 'used'), 'expired');
    const { number } = await crlOf(built);
    clock.advance(-20 * DAY);
    assert.equal(await statusOf(built, 'used'), 'active');
    await built.app.crl.refresh();
    const crl = await crlOf(built);
    assert.ok(crl.number > number);
    assert.deepEqual(
      Array.from(crl.entries, ({ serial }) => serial),
      [held['serial_number']],
    );
  });

  it('leaves numbers going up and revocations in place when the process was restarted in between', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    const first = await build(t, { config, clock });
    const { serial_number } = await first.issue({ identifier: 'held', days_valid: 10 });
    await revoke(first, 'held');
    await first.app.close();
    clock.advance(20 * DAY);
    const ahead = await build(t, { config, clock });
    await ahead.app.crl.publish();
    await ahead.app.crl.publish();
    const { number } = await crlOf(ahead);
    await ahead.app.close();
    clock.advance(-20 * DAY);
    const back = await build(t, { config, clock });
    const crl = await crlOf(back);
    assert.ok(crl.number > number);
    assert.deepEqual(
      Array.from(crl.entries, ({ serial }) => serial),
      [serial_number],
    );
  });
});
