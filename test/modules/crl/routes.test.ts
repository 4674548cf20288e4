// The CRL over HTTP: which list a caller gets, and what is said about it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCrl } from '../../../src/pki/crl.js';
import { decodePem } from '../../../src/pki/pem.js';
import { build, MovedClock } from '../../build.js';

const [DER, PEM, INFO] = ['der', 'pem'].map((format) => `/api/crl/download/${format}`).concat('/api/crl/info') as [
  string,
  string,
  string,
];

test('both forms are those of the present list, also for somebody who had the one before', async (t) => {
  const { issue, call } = await build(t);
  const { identifier, serial_number } = await issue();
  const serials = async (url: string) => {
    const { rawPayload, body } = await call('anonymous', { url });
    const [der = assert.fail()] = url === DER ? [rawPayload] : decodePem(body, ['X509 CRL']);
    return [...readCrl(der).entries].map(({ serial }) => serial);
  };
  assert.deepEqual([await serials(DER), await serials(PEM)], [[], []]);
  const revoked = await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke` });
  assert.equal(revoked.statusCode, 200);
  assert.deepEqual([await serials(DER), await serials(PEM)], [[serial_number], [serial_number]]);
});

test('each form has an entity tag of its own', async (t) => {
  const { call } = await build(t);
  const tags = await Promise.all(
    [DER, PEM].map(async (url) => String((await call('anonymous', { url })).headers['etag'])),
  );
  const statuses = async (url: string) =>
    Promise.all(
      tags.map(async (etag) => (await call('anonymous', { url, headers: { 'if-none-match': etag } })).statusCode),
    );
  assert.deepEqual(
    [await statuses(DER), await statuses(PEM)],
    [
      [304, 200],
      [200, 304],
    ],
  );
});

test('the date of its last change is never later than the answer, though it ends the second in which it came', async (t) => {
  const clock = new MovedClock(new Date('2026-11-21T20:38:00.500Z'));
  const { call } = await build(t, { clock });
  const dateAt = async () => String((await call('anonymous', { url: DER })).headers['last-modified']);
  assert.equal(await dateAt(), 'Sat, 21 Nov 2026 20:38:00 GMT');
  clock.advance(1);
  assert.equal(await dateAt(), 'Sat, 21 Nov 2026 20:38:01 GMT');
  clock.advance(60);
  assert.equal(await dateAt(), 'Sat, 21 Nov 2026 20:38:01 GMT');
});

test('it is called expired from the second on that it names as its end', async (t) => {
  const clock = new MovedClock(new Date('2026-11-21T20:38:00Z'));
  const { call } = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '24' } });
  const status = async () => (await call('anonymous', { url: INFO })).json().status;
  clock.advance(24 * 3600 - 1);
  assert.equal(await status(), 'valid');
  clock.advance(1);
  assert.equal(await status(), 'expired');
});

test('the facts name a thousand serial numbers at most, and count them all', async (t) => {
  const { app, issue, call } = await build(t);
  const { identifier } = await issue();
  const record = app.store.inventory.get(identifier) ?? assert.fail();
  const history = Array.from({ length: 1001 }, (_, index) => ({
    serial_number: String(index + 1),
    expires_at: record.expires_at,
    superseded_at: record.created_at,
    revoked_at: record.created_at,
    reason_revoked: 'superseded' as const,
  }));
  app.crl.note({ ...record, history }, record);
  await app.crl.publish();
  const { revoked_count, revoked_serials } = (await call('anonymous', { url: INFO })).json();
  assert.deepEqual([revoked_count, revoked_serials.length], [1001, 1000]);
});
