import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { InjectOptions } from 'fastify';
import { readCrl } from '../../../src/pki/crl.js';
import { decodePem } from '../../../src/pki/pem.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { until } from '../../until.js';

const DER = { method: 'GET' as const, url: '/api/crl/download/der' };
const revoke = (identifier: string, payload?: object) => ({
  method: 'POST' as const,
  url: `/api/client-certs/${identifier}/revoke`,
  ...(payload && { payload }),
});

describe('the CRL', () => {
  it('is there from the start, empty, without revokedCertificates', async (t) => {
    const { call } = await build(t);
    const answer = await call('anonymous', DER);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-type'], 'application/pkix-crl');
    assert.equal(answer.headers['content-disposition'], 'attachment; filename="ca.crl"');
    const crl = readCrl(answer.rawPayload);
    assert.equal(crl.count, 0);
    assert.equal(crl.number, 1n);
  });

  it('holds a revocation when the revoke call answers, with date, reason and invalidity date', async (t) => {
    const { issue, call } = await build(t);
    const { identifier, serial_number, not_before } = await issue();
    const answer = await call('admin', revoke(identifier, { reason: 'key_compromise', invalidity_date: not_before }));
    assert.equal(answer.statusCode, 200, answer.body);
    assert.equal(answer.json().status, 'revoked');
    const [entry] = readCrl((await call('anonymous', DER)).rawPayload).entries;
    assert.equal(entry?.serial, serial_number);
    assert.equal(entry?.reason, 'keyCompromise');
    assert.equal(entry?.invalidityDate?.getTime(), Date.parse(String(not_before)));
    assert.equal(entry?.revokedAt.getTime(), Date.parse(answer.json().revocation.revoked_at));
  });

  it('holds a certificate revoked in any of the ways, in both forms, with nothing asked for in between (openbao/openbao#3051)', async (t) => {
    const { issue, call, app } = await build(t);
    const post = (url: string, payload: object) => ({
      method: 'POST' as const,
      url: `/api/client-certs${url}`,
      payload,
    });
    const ways: Record<string, (identifier: string, serial: string) => InjectOptions> = {
      revoke: (identifier) => post(`/${identifier}/revoke`, {}),
      hold: (identifier) => post(`/${identifier}/revoke`, { reason: 'certificateHold' }),
      'by serial number': (_, serial_number) => post('/revoke', { serial_number }),
      'many at once': (identifier) => post('/bulk/revoke', { identifiers: [identifier] }),
      renew: (identifier) => post(`/${identifier}/renew`, { revoke_previous: true }),
      delete: (identifier) => ({ method: 'DELETE', url: `/api/client-certs/${identifier}` }),
    };
    for (const [way, request] of Object.entries(ways)) {
      const { identifier, serial_number = '' } = await issue();
      const before = readCrl((await call('anonymous', DER)).rawPayload).number;
      const { statusCode, body } = await call('admin', request(identifier, serial_number));
      assert.ok(statusCode < 300, `${way}: ${body}`);
      const [pem] = decodePem((await call('anonymous', { url: '/api/crl/download/pem' })).body, ['X509 CRL']);
      for (const der of [(await call('anonymous', DER)).rawPayload, pem as Buffer, app.crl.current.der]) {
        const { number, entries } = readCrl(der);
        assert.ok(number > before, way);
        assert.ok(
          [...entries].some(({ serial }) => serial === serial_number),
          way,
        );
      }
    }
  });

  it('keeps the first date and reason when somebody revokes again (certmate#391)', async (t) => {
    const { issue, call } = await build(t);
    const { identifier } = await issue();
    await call('admin', revoke(identifier, { reason: 'keyCompromise' }));
    const before = (await call('anonymous', DER)).rawPayload;
    const again = await call('admin', revoke(identifier, { reason: 'superseded' }));
    assert.equal(again.statusCode, 409);
    assert.equal(again.json().code, 'ALREADY_REVOKED');
    assert.deepEqual((await call('anonymous', DER)).rawPayload, before);
  });

  it('holds every one of many revocations at once, and never the same number twice (CertMate, openbao)', async (t) => {
    const { issue, call, config } = await build(t);
    const issued = await Promise.all(Array.from({ length: 40 }, () => issue()));
    await Promise.all(
      issued.map(async ({ identifier, serial_number }) => {
        assert.equal((await call('admin', revoke(identifier))).statusCode, 200);
        const { entries } = readCrl((await call('anonymous', DER)).rawPayload);
        assert.ok([...entries].some(({ serial }) => serial === serial_number));
      }),
    );
    const crl = readCrl((await call('anonymous', DER)).rawPayload);
    assert.equal(crl.count, 40);
    const files = await readdir(join(config.dataDir, 'certs', 'crl'));
    assert.ok(files.length <= 10, 'the last ten are kept');
    assert.ok(files.includes(`crl-${crl.number}.der`));
  });

  it('is begun while the last of a change is still being stored, and the caller shares it', async (t) => {
    const { app, issue } = await build(t);
    const { identifier, serial_number } = await issue();
    const before = app.store.inventory.get(identifier);
    assert.ok(before);
    const { number } = app.crl.current;
    const revocation = { ...before.revocation, revoked: true, revoked_at: before.created_at } as const;
    await app.crl.promptly(async () => {
      await nextTurn();
      app.crl.note({ ...before, revocation: { ...revocation, reason_revoked: 'keyCompromise' } }, before);
      // Within the minute after which the scheduler would publish it anyway.
      await until(() => app.crl.current.count > 0, 'the CRL', 20);
      assert.equal(app.crl.current.count, 1, 'it is there before the change is over');
    });
    await app.crl.publishNoted();
    assert.equal(app.crl.current.number, number + 1n);
    assert.deepEqual(
      Array.from(readCrl(app.crl.current.der).entries, ({ serial }) => serial),
      [serial_number],
    );
  });

  it('is not published for a change that does not touch it, even while another one is awaited', async (t) => {
    const { app, issue, call } = await build(t);
    const { number } = app.crl.current;
    await app.crl.promptly(async () => {
      const { identifier } = await issue();
      const url = `/api/client-certs/${identifier}`;
      assert.equal((await call('admin', { method: 'PATCH', url, payload: { notes: 'new' } })).statusCode, 200);
      for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    });
    assert.equal(app.crl.current.number, number);
  });

  it('is the same after a restart, and its number goes on upward', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const a = await first.issue();
    const b = await first.issue();
    await first.call('admin', revoke(a.identifier));
    const before = await first.call('anonymous', DER);
    await first.app.close();
    const second = await build(t, { config });
    const after = await second.call('anonymous', DER);
    assert.deepEqual(after.rawPayload, before.rawPayload);
    assert.equal(after.headers['etag'], before.headers['etag']);
    await second.call('admin', revoke(b.identifier));
    const crl = readCrl((await second.call('anonymous', DER)).rawPayload);
    assert.equal(crl.count, 2);
    assert.ok(crl.number > readCrl(before.rawPayload).number);
  });

  it('is made anew from the records when its file is damaged, with a higher number', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const { identifier, serial_number } = await first.issue();
    await first.call('admin', revoke(identifier));
    const { number } = readCrl((await first.call('anonymous', DER)).rawPayload);
    await first.app.close();
    const file = join(config.dataDir, 'certs', 'crl', `crl-${number}.der`);
    await writeFile(file, (await readFile(file)).subarray(0, 40));
    const second = await build(t, { config });
    const crl = readCrl((await second.call('anonymous', DER)).rawPayload);
    assert.deepEqual(
      [...crl.entries].map(({ serial }) => serial),
      [serial_number],
    );
    assert.ok(crl.number > number);
  });

  it('is refreshed at half its life without a revocation (OpenVPN/easy-rsa#1231, #1257, Nyr/openvpn-install#352)', async (t) => {
    const clock = new MovedClock();
    const { app } = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '10' } });
    const { number } = app.crl.current;
    clock.advance(4.9 * 3600);
    await app.crl.refresh();
    assert.equal(app.crl.current.number, number);
    clock.advance(0.2 * 3600);
    await app.crl.refresh();
    assert.equal(app.crl.current.number, number + 1n);
    assert.equal(+app.crl.current.nextUpdate - Math.floor(+clock.now() / 1000) * 1000, 10 * 3600_000);
  });

  it('holds from a minute ago on, for servers with a slow clock (cchandler/certificate_authority#38, hashicorp/vault#1035, istio/istio#32176)', async (t) => {
    const clock = new MovedClock();
    const { app } = await build(t, { clock });
    await app.crl.publish();
    assert.equal(+app.crl.current.thisUpdate, Math.floor(+clock.now() / 1000) * 1000 - 60_000);
    assert.deepEqual(readCrl((await app.inject(DER)).rawPayload).thisUpdate, app.crl.current.thisUpdate);
  });

  it('is sent again after a revocation that follows a download within the same second or minute, whatever date the caller sends', async (t) => {
    const { call, issue } = await build(t);
    const since = async (date: string) =>
      (await call('anonymous', { ...DER, headers: { 'if-modified-since': date } })).statusCode;
    for (let n = 0; n < 5; n += 1) {
      const { identifier } = await issue();
      const { headers } = await call('anonymous', DER);
      await call('admin', revoke(identifier));
      // The time of the download is what `curl -z FILE` sends.
      assert.equal(await since(String(headers['date'] ?? new Date().toUTCString())), 200);
      assert.equal(await since(String(headers['last-modified'])), 200);
    }
  });

  it('drops an expired certificate only after one CRL issued past its expiry (RFC 5280 §3.3)', async (t) => {
    const clock = new MovedClock();
    const { app, issue, call } = await build(t, { clock });
    const { identifier } = await issue({ days_valid: undefined, hours_valid: 1 });
    await call('admin', revoke(identifier));
    const count = async () => readCrl((await call('anonymous', DER)).rawPayload).count;
    assert.equal(await count(), 1);
    clock.advance(2 * 3600);
    await app.crl.publish();
    assert.equal(await count(), 1);
    await app.crl.publish();
    assert.equal(await count(), 0);
  });

  it('answers 304 to a caller that has it, by entity tag and by date', async (t) => {
    const clock = new MovedClock();
    const { call } = await build(t, { clock });
    clock.advance(10);
    const { headers } = await call('anonymous', DER);
    for (const condition of [
      { 'if-none-match': String(headers['etag']) },
      { 'if-modified-since': String(headers['last-modified']) },
    ]) {
      const answer = await call('anonymous', { ...DER, headers: condition });
      assert.equal(answer.statusCode, 304);
      assert.equal(answer.rawPayload.length, 0);
    }
    assert.equal((await call('anonymous', { ...DER, headers: { 'if-none-match': '"other"' } })).statusCode, 200);
  });

  it('tells its facts', async (t) => {
    const { issue, call } = await build(t);
    const { identifier, serial_number } = await issue();
    await call('admin', revoke(identifier));
    for (const url of ['/api/crl/info', '/api/crl/download/info']) {
      const info = (await call('anonymous', { method: 'GET', url })).json();
      assert.equal(info.status, 'valid');
      assert.equal(info.issuer, 'CN=CertMate CA,O=CertMate');
      assert.deepEqual(info.revoked_serials, [serial_number]);
      assert.equal(info.revoked_count, 1);
    }
  });

  it('comes in PEM with the same bytes', async (t) => {
    const { call } = await build(t);
    const pem = await call('anonymous', { method: 'GET', url: '/api/crl/download/pem' });
    assert.equal(pem.headers['content-type'], 'application/x-pem-file');
    assert.match(pem.body, /^-----BEGIN X509 CRL-----/);
    const der = (await call('anonymous', DER)).rawPayload;
    assert.ok(Buffer.from(pem.body.replace(/-----[^-]+-----|\n/g, ''), 'base64').equals(der));
  });
});
