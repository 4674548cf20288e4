// Whatever becomes of a certificate, OCSP says so: on hold, released, replaced by a renewal, deleted.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCrl } from '../../../src/pki/crl.js';
import { sequence } from '../../../src/pki/der.js';
import { type Built, build, MovedClock, testConfig } from '../../build.js';
import { certId, ocspRequest } from './request.js';

const status = async (call: Built['call'], serial: string) => {
  const answer = (await call('anonymous', { method: 'GET', url: `/api/ocsp/status/${serial}` })).json();
  return [answer.certificate_status, answer.revocation_reason];
};
const reasonOnCrl = ({ app }: Built, serial: string) =>
  [...readCrl(app.crl.current.der).entries].find((entry) => entry.serial === serial)?.reason ?? null;
const change = async ({ call }: Built, path: string, payload?: object, method: 'POST' | 'DELETE' = 'POST') => {
  const answer = await call('admin', { method, url: `/api/client-certs/${path}`, ...(payload && { payload }) });
  assert.ok(answer.statusCode < 300, answer.body);
  return answer.json();
};

/** The same over DER, so that the kept answers are what is tested: the octet behind the CertID, and the reason. */
const told = async ({ app }: Built, serial: string) => {
  const id = certId(app.authority.certificate, serial);
  const { text } = await app.ocsp.respond(ocspRequest([id]));
  const bytes = Buffer.from(text, 'latin1');
  const at = bytes.indexOf(id) + id.length;
  if (bytes[at] === 0x80) return 'good';
  if (bytes[at] === 0x82) return 'unknown';
  const info = bytes.subarray(at + 2, at + 2 + (bytes[at + 1] as number));
  return info.length === 17 ? 'revoked' : `revoked ${info.at(-1)}`;
};

describe('OCSP tells the truth about a certificate that', () => {
  it('is on hold (certificateHold), then released, then held and revoked for good', async (t) => {
    const built = await build(t);
    const { identifier, serial_number: serial = '' } = await built.issue();
    assert.equal(await told(built, serial), 'good');
    const hold = { reason: 'certificateHold' };
    await change(built, `${identifier}/revoke`, hold);
    assert.deepEqual(await status(built.call, serial), ['revoked', 'certificateHold']);
    assert.equal(await told(built, serial), 'revoked 6');
    assert.equal(reasonOnCrl(built, serial), 'certificateHold');
    await change(built, `${identifier}/unhold`);
    assert.deepEqual(await status(built.call, serial), ['good', null]);
    assert.equal(await told(built, serial), 'good');
    assert.equal(reasonOnCrl(built, serial), null, 'it is gone from the full CRL');
    await change(built, `${identifier}/revoke`, hold);
    await change(built, `${identifier}/revoke`, { reason: 'keyCompromise' });
    assert.equal(await told(built, serial), 'revoked 1');
    assert.equal(reasonOnCrl(built, serial), 'keyCompromise');
  });

  it('was replaced by a renewal: good until it is revoked, and revoked apart from its successor', async (t) => {
    const built = await build(t);
    const { identifier, serial_number: first = '' } = await built.issue();
    const { serial_number: second } = await change(built, `${identifier}/renew`, {});
    assert.deepEqual([await told(built, first), await told(built, second)], ['good', 'good']);
    const { serial_number: third } = await change(built, `${identifier}/renew`, { revoke_previous: true });
    assert.deepEqual(
      [await told(built, first), await told(built, second), await told(built, third)],
      ['good', 'revoked 4', 'good'],
    );
    assert.equal(reasonOnCrl(built, second), 'superseded');
  });

  it('was deleted: revoked for ever, also after a restart (7ritn/VaulTLS#63)', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const { identifier, serial_number: serial = '' } = await first.issue();
    await change(first, identifier, undefined, 'DELETE');
    assert.equal(await told(first, serial), 'revoked 5');
    await first.app.close();
    const second = await build(t, { config });
    assert.equal(await told(second, serial), 'revoked 5');
    assert.equal(reasonOnCrl(second, serial), 'cessationOfOperation');
  });

  it('was revoked without a reason: the reason is left out', async (t) => {
    const built = await build(t);
    const { identifier, serial_number: serial = '' } = await built.issue();
    await change(built, `${identifier}/revoke`, { reason: 'unspecified' });
    assert.equal(await told(built, serial), 'revoked');
  });
});

describe('a CertID', () => {
  it('is ours only if name and key both are: one of the two is another issuer (RFC 6960 §4.1.1)', async (t) => {
    const built = await build(t);
    const other = (await build(t)).app.authority.certificate;
    const { certificate } = built.app.authority;
    const { serial_number: serial = '' } = await built.issue();
    const unauthorized = Buffer.from('30030a0106', 'hex').toString('latin1');
    const halves = [
      { ...certificate, subjectPublicKeyInfo: other.subjectPublicKeyInfo },
      { ...certificate, subject: sequence() },
    ];
    for (const half of halves) {
      for (const hash of ['sha1', 'sha256', 'sha384', 'sha512'] as const) {
        const { text } = await built.app.ocsp.respond(ocspRequest([certId(half, serial, hash)]));
        assert.equal(text, unauthorized);
      }
    }
  });

  it('of another issuer beside one of ours is unknown', async (t) => {
    const built = await build(t);
    const other = (await build(t)).app.authority.certificate;
    const { serial_number: serial = '' } = await built.issue();
    const ids = [certId(other, serial), certId(built.app.authority.certificate, serial)];
    const { text, cache } = await built.app.ocsp.respond(ocspRequest(ids));
    assert.equal(cache, null);
    const bytes = Buffer.from(text, 'latin1');
    assert.deepEqual(
      ids.map((id) => bytes[bytes.indexOf(id) + id.length]),
      [0x82, 0x80],
    );
  });

  it('made with SHA-512 fits into a GET, percent-encoded', async (t) => {
    const { app, call, issue } = await build(t);
    const { serial_number: serial = '' } = await issue();
    const id = certId(app.authority.certificate, serial, 'sha512');
    const url = `/api/ocsp/${encodeURIComponent(ocspRequest([id]).toString('base64'))}`;
    const answer = await call('anonymous', { method: 'GET', url });
    assert.equal(answer.statusCode, 200);
    assert.ok(answer.rawPayload.includes(id));
    const head = await call('anonymous', { method: 'HEAD', url });
    assert.equal(head.statusCode, 200);
    assert.equal(head.headers['content-length'], String(answer.rawPayload.length));
    assert.equal(head.rawPayload.length, 0);
  });
});

describe('answers signed in advance', () => {
  const hour = 3600;

  it('are signed again in the background before half their life is over, if anybody asks for them', async (t) => {
    const clock = new MovedClock(new Date('2026-11-21T20:38:00Z'));
    const { app, issue } = await build(t, { clock, environment: { CERTMATE_OCSP_HOURS: '10' } });
    const ask = async (serial: string) => app.ocsp.respond(ocspRequest([certId(app.authority.certificate, serial)]));
    const [wanted = '', unwanted = ''] = [(await issue())['serial_number'], (await issue())['serial_number']];
    const first = await ask(wanted);
    await ask(unwanted);
    assert.equal(await ask(wanted), first, 'the very same');

    clock.advance(3.9 * hour);
    await app.ocsp.refresh();
    assert.equal(await ask(wanted), first, 'young still');
    clock.advance(0.2 * hour);
    await app.ocsp.refresh();
    assert.equal(app.ocsp.kept, 2);
    const second = app.ocsp.respond(ocspRequest([certId(app.authority.certificate, wanted)]));
    assert.ok(!(second instanceof Promise), 'nobody waits for a signature');
    assert.notEqual(second, first);
    assert.equal(second.cache?.producedAt.toUTCString(), clock.now().toUTCString());

    clock.advance(4.1 * hour);
    await app.ocsp.refresh();
    assert.equal(app.ocsp.kept, 1, 'nobody has asked for the other one since it was signed again');
  });

  it('are never older than half their life, background or not', async (t) => {
    const clock = new MovedClock(new Date('2026-11-21T20:38:00Z'));
    const { app, issue } = await build(t, { clock, environment: { CERTMATE_OCSP_HOURS: '10' } });
    const request = ocspRequest([certId(app.authority.certificate, (await issue())['serial_number'] ?? '')]);
    const first = await app.ocsp.respond(request);
    clock.advance(5 * hour - 1);
    assert.equal(await app.ocsp.respond(request), first);
    clock.advance(1);
    const second = await app.ocsp.respond(request);
    assert.equal(second.cache?.producedAt.getTime(), clock.now().getTime());
    assert.equal(second.cache?.thisUpdate.getTime(), clock.now().getTime() - 60_000, 'for clients with a slow clock');
    clock.advance(-10 * hour);
    const third = await app.ocsp.respond(request);
    assert.equal(
      third.cache?.producedAt.getTime(),
      clock.now().getTime(),
      'nor from the future, where the clock was set back',
    );
  });

  it('are kept for serial numbers that were issued, and for no other', async (t) => {
    const { app, issue } = await build(t);
    const { certificate } = app.authority;
    await issue();
    for (let n = 1; n <= 50; n += 1) await app.ocsp.respond(ocspRequest([certId(certificate, String(n))]));
    assert.equal(app.ocsp.kept, 0);
  });

  it('do not depend on how a request is wrapped', async (t) => {
    const { app, issue } = await build(t);
    const id = certId(app.authority.certificate, (await issue())['serial_number'] ?? '');
    // The same CertID in a request that writes its version out (RFC 6960 §4.1.1, DEFAULT v1).
    const version = Buffer.from('a003020100', 'hex');
    const wrapped = sequence(sequence(version, sequence(sequence(id))));
    const first = await app.ocsp.respond(wrapped);
    assert.equal(await app.ocsp.respond(ocspRequest([id])), first);
    assert.equal(await app.ocsp.respond(wrapped), first);
    assert.equal(app.ocsp.kept, 1);
  });
});
