import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { encodePem } from '../../../src/pki/pem.js';
import { serialHex } from '../../../src/pki/serial.js';
import { build, MovedClock } from '../../build.js';
import { run, scratch, without } from '../../pki/programs.js';
import { certId, ocspRequest } from '../ocsp/request.js';
import { life } from './life.js';

const path = scratch();

const HOUR = 3600;

describe('revoking a certificate that has been renewed', () => {
  it('cuts off the replaced ones that are valid still, too, with the same reason', async (t) => {
    const clock = new MovedClock();
    const { issue, renew, revoke, ocsp, crl } = life(await build(t, { clock }));
    const { identifier, serial_number: expired } = await issue({ hours_valid: 1 });
    const { body: second } = await renew(identifier, { days_valid: 2 });
    clock.advance(2 * HOUR);
    const { body: third } = await renew(identifier);
    const { status, body } = await revoke(identifier, 'keyCompromise');
    assert.equal(status, 200);
    for (const serial of [second.serial_number, third.serial_number]) {
      assert.equal(await ocsp(serial), 'keyCompromise');
      assert.equal(crl(serial), 'keyCompromise');
    }
    assert.equal(await ocsp(expired), 'good', 'what has expired needs no revocation');
    assert.deepEqual(
      body.history.map(({ reason_revoked }) => reason_revoked),
      [null, 'keyCompromise'],
    );
  });

  it('keeps the first date and reason for ever (certmate#391)', async (t) => {
    const clock = new MovedClock();
    const { issue, renew, revoke, get } = life(await build(t, { clock }));
    const { identifier } = await issue();
    await renew(identifier, { revoke_previous: true });
    clock.advance(HOUR);
    await revoke(identifier, 'keyCompromise');
    const before = await get(identifier);
    clock.advance(HOUR);
    const again = await revoke(identifier, 'superseded');
    assert.deepEqual([again.status, again.body.code], [409, 'ALREADY_REVOKED']);
    assert.deepEqual(await get(identifier), before);
    assert.equal(before.history[0]?.reason_revoked, 'superseded');
    assert.notEqual(before.history[0]?.revoked_at, before.revocation.revoked_at);
  });

  it('records which serial numbers were cut off', async (t) => {
    const built = await build(t);
    const { issue, renew, revoke } = life(built);
    const { identifier, serial_number: old } = await issue();
    const { body } = await renew(identifier);
    await revoke(identifier);
    const answer = await built.call('admin', { method: 'GET', url: '/api/audit?operation=revoke' });
    const { details } = answer.json().entries[0];
    assert.equal(details.serial_number, body.serial_number);
    assert.deepEqual(details.replaced_serial_numbers, [old]);
    assert.equal(details.reason, 'keyCompromise');
  });
});

describe('what OCSP clients get for a certificate that was replaced', { skip: without('openssl') }, () => {
  it('follows its state at once, through answers signed before: good, held, good again, revoked', async (t) => {
    const built = await build(t);
    const { issue, renew, revoke, unhold } = life(built);
    const { identifier, serial_number } = await issue();
    const payload = ocspRequest([certId(built.app.authority.certificate, serial_number)]);
    const headers = { 'content-type': 'application/ocsp-request' };
    const told = async (): Promise<string> => {
      const answer = await built.call('anonymous', { method: 'POST', url: '/api/ocsp', payload, headers });
      await Promise.all([
        writeFile(path('answer.der'), answer.rawPayload),
        writeFile(path('ca.pem'), built.app.authority.pem),
      ]);
      const { text } = run('openssl', ['ocsp', '-respin', path('answer.der'), '-CAfile', path('ca.pem'), '-resp_text']);
      assert.match(text, /Response verify OK/, text);
      return /Revocation Reason: (\w+)/.exec(text)?.[1] ?? /Cert Status: (\w+)/.exec(text)?.[1] ?? text;
    };
    assert.equal(await told(), 'good');
    await renew(identifier);
    assert.equal(await told(), 'good');
    await revoke(identifier, 'certificateHold');
    assert.equal(await told(), 'certificateHold');
    await unhold(identifier);
    assert.equal(await told(), 'good');
    await revoke(identifier, 'keyCompromise');
    assert.equal(await told(), 'keyCompromise');
  });
});

describe('a hold', () => {
  it('can be released: off the CRL and good in OCSP when that answers; else 409', async (t) => {
    const { issue, renew, revoke, unhold, ocsp, crl } = life(await build(t));
    const { identifier, serial_number: old } = await issue();
    const { body } = await renew(identifier);
    const early = await unhold(identifier);
    assert.deepEqual([early.status, early.body.code], [409, 'NOT_HELD']);
    assert.equal((await revoke(identifier, 'certificate_hold')).body.status, 'held');
    for (const serial of [old, body.serial_number]) {
      assert.equal(await ocsp(serial), 'certificateHold');
      assert.equal(crl(serial), 'certificateHold');
    }
    const released = await unhold(identifier);
    assert.deepEqual([released.status, released.body.status], [200, 'active']);
    assert.equal(released.body.revocation.revoked_at, null);
    for (const serial of [old, body.serial_number]) {
      assert.equal(await ocsp(serial), 'good');
      assert.equal(crl(serial), null);
    }
    assert.equal((await unhold(identifier)).status, 409);
    assert.equal((await unhold('nobody')).status, 404);
  });

  it('becomes final with another reason, keeps its date, and cannot be released any more', async (t) => {
    const clock = new MovedClock();
    const { issue, revoke, unhold } = life(await build(t, { clock }));
    const { identifier } = await issue();
    const held = await revoke(identifier, 'certificateHold');
    clock.advance(HOUR);
    assert.equal((await revoke(identifier, 'certificateHold')).status, 409);
    const { body } = await revoke(identifier, 'keyCompromise');
    assert.equal(body.revocation.revoked_at, held.body.revocation.revoked_at);
    assert.equal((await unhold(identifier)).body.code, 'NOT_HELD');
  });

  it('is an admin’s to release', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const url = `/api/client-certs/${identifier}/unhold`;
    assert.equal((await built.call('operator', { method: 'POST', url })).statusCode, 403);
  });
});

describe('revoking by what is in hand', () => {
  it('takes the serial number as decimal and as hex in every spelling (ultimate-ca-manager)', async (t) => {
    const { issue, revokeFound, ocsp } = life(await build(t));
    const spellings = [
      (serial: string) => serial,
      (serial: string) => `0x${serialHex(serial)}`,
      (serial: string) => serialHex(serial).toLowerCase(),
      (serial: string) => serialHex(serial).replace(/..(?=.)/g, '$&:'),
    ];
    for (const spell of spellings) {
      const { identifier, serial_number } = await issue();
      const { status, body } = await revokeFound({ serial_number: spell(serial_number), reason: 'key_compromise' });
      assert.deepEqual([status, body.identifier, body.status], [200, identifier, 'revoked']);
      assert.equal(await ocsp(serial_number), 'keyCompromise');
    }
  });

  it('revokes one that was replaced alone', async (t) => {
    const { issue, renew, revokeFound, get, ocsp, crl } = life(await build(t));
    const before = await issue();
    const { body: after } = await renew(before.identifier);
    const answer = await revokeFound({ serial_number: before.serial_number, reason: 'keyCompromise' });
    assert.equal(answer.status, 200);
    assert.equal(await ocsp(before.serial_number), 'keyCompromise');
    assert.equal(crl(before.serial_number), 'keyCompromise');
    assert.equal(await ocsp(after.serial_number), 'good');
    assert.equal((await get(before.identifier)).status, 'active');
    assert.equal((await revokeFound({ serial_number: before.serial_number })).status, 409);
  });

  it('takes the certificate itself, present or replaced, which must be ours byte for byte', async (t) => {
    const built = await build(t);
    const { issue, renew, revokeFound, ocsp } = life(built);
    const before = await issue();
    const { body: after } = await renew(before.identifier);
    const fullchain = `subject=alice\n${before.certificate_pem}${built.app.authority.chainPem}`;
    assert.equal((await revokeFound({ certificate: fullchain })).status, 200);
    assert.equal(await ocsp(before.serial_number), 'unspecified');
    const forged = Buffer.from(after.certificate_pem.replace(/-----[^-]+-----|\n/g, ''), 'base64');
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const refused = await revokeFound({ certificate: encodePem('CERTIFICATE', forged) });
    assert.deepEqual([refused.status, refused.body.code], [404, 'NOT_FOUND']);
    assert.equal(await ocsp(after.serial_number), 'good');
    const stranger = life(await build(t));
    assert.equal((await revokeFound({ certificate: (await stranger.issue()).certificate_pem })).status, 404);
    assert.equal((await revokeFound({ certificate: after.certificate_pem })).body.status, 'revoked');
  });

  it('refuses what is neither, both, unknown or no certificate', async (t) => {
    const { issue, revokeFound } = life(await build(t));
    const { serial_number, certificate_pem } = await issue();
    assert.equal((await revokeFound({})).status, 400);
    assert.equal((await revokeFound({ serial_number, certificate: certificate_pem })).status, 400);
    assert.equal((await revokeFound({ serial_number: 'xyz' })).status, 400);
    assert.equal((await revokeFound({ serial_number: '12345' })).status, 404);
    for (const certificate of ['', 'hello', encodePem('CERTIFICATE', Buffer.from('3003020101', 'hex'))]) {
      assert.equal((await revokeFound({ certificate })).status, 400, certificate);
    }
  });
});

describe('an invalidity date', () => {
  it('is one that has passed, whatever the zone it is given in; a clock that is a minute ahead does no harm', async (t) => {
    const clock = new MovedClock(new Date('2026-11-22T05:00:00Z'));
    const { call, issue } = await build(t, { clock });
    const { identifier } = await issue();
    const revoke = (invalidity_date: string) =>
      call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload: { invalidity_date } });
    const refused = await revoke('2026-11-22T06:00:00Z');
    assert.equal(refused.statusCode, 400);
    assert.deepEqual(refused.json().details, [{ path: 'invalidity_date', message: 'must not be in the future' }]);
    const { revocation } = (await call('viewer', { url: `/api/client-certs/${identifier}` })).json();
    assert.equal(revocation.revoked, false);
    const taken = await revoke('2026-11-22T10:31:00+05:30');
    assert.equal(taken.json().revocation.invalidity_date, '2026-11-22T05:01:00Z');
  });

  it('before notBefore is refused, single, by serial number and in bulk: 1969 made the CRL unreadable for rustls (found by a stranger)', async (t) => {
    const { app, call, issue } = await build(t);
    const { identifier, serial_number, not_before } = await issue();
    const early = new Date(Date.parse(String(not_before)) - 1000).toISOString();
    for (const invalidity_date of ['1969-07-20T20:17:40Z', '0001-01-01T00:00:00Z', early]) {
      for (const [url, payload] of [
        [`/api/client-certs/${identifier}/revoke`, {}],
        ['/api/client-certs/revoke', { serial_number }],
      ] as const) {
        const refused = await call('admin', { method: 'POST', url, payload: { ...payload, invalidity_date } });
        assert.equal(refused.statusCode, 400, refused.body);
        assert.equal(refused.json().details[0].path, 'invalidity_date');
        assert.match(refused.json().message, /must not be before the certificate's notBefore/);
      }
      for (const dry_run of [true, false]) {
        const payload = { identifiers: [identifier], invalidity_date, dry_run };
        const bulk = await call('admin', { method: 'POST', url: '/api/client-certs/bulk/revoke', payload });
        assert.equal(bulk.json().failed, 1, bulk.body);
        assert.match(bulk.json().results[0].error.message, /notBefore/);
      }
    }
    assert.equal(app.store.inventory.get(identifier)?.revocation.revoked, false);
    const payload = { invalidity_date: not_before };
    const taken = await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke`, payload });
    assert.equal(taken.json().revocation.invalidity_date, not_before);
  });
});

describe('deleting a certificate', () => {
  it('revokes it and what it replaced, destroys every key and hides it; its serials stay (7ritn/VaulTLS#63, certmate#419)', async (t) => {
    const built = await build(t);
    const { issue, renew, remove, ocsp, crl } = life(built);
    const { identifier, serial_number: old } = await issue();
    const { body: present } = await renew(identifier);
    const { status, body } = await remove(identifier);
    assert.equal(status, 200);
    assert.equal(body.status, 'deleted');
    assert.equal(body.has_private_key, false);
    for (const serial of [old, present.serial_number]) {
      assert.equal(await ocsp(serial), 'cessationOfOperation');
      assert.equal(crl(serial), 'cessationOfOperation');
    }
    const folder = join(built.config.dataDir, 'certs/client/api-mtls', identifier);
    const files = await readdir(folder, { recursive: true });
    assert.deepEqual(
      files.filter((file) => file.endsWith('.key')),
      [],
    );
    const list = async (query = '') =>
      (await built.call('viewer', { method: 'GET', url: `/api/client-certs${query}` })).json().total;
    assert.equal(await list(), 0);
    assert.equal(await list('?status=deleted'), 1);
    assert.equal(
      (await built.call('viewer', { method: 'GET', url: `/api/client-certs/${identifier}` })).statusCode,
      404,
    );
    assert.equal((await remove(identifier)).status, 404);
    assert.equal((await issue({ identifier })).identifier, identifier, 'it can be used again');
    await assert.rejects(issue({ identifier }), /IDENTIFIER_TAKEN/);
  });

  it('is remembered after a restart', async (t) => {
    const first = await build(t);
    const { identifier, serial_number } = await life(first).issue();
    await life(first).remove(identifier);
    await first.app.close();
    const { ocsp, crl, remove } = life(await build(t, { config: first.config }));
    assert.equal(await ocsp(serial_number), 'cessationOfOperation');
    assert.equal(crl(serial_number), 'cessationOfOperation');
    assert.equal((await remove(identifier)).status, 404);
  });

  it('leaves the first reason of a revoked one, ends a hold for good, and does not revoke an expired one', async (t) => {
    const clock = new MovedClock();
    const { issue, revoke, remove, ocsp } = life(await build(t, { clock }));
    const [revoked, held, expired] = await Promise.all([issue(), issue(), issue({ hours_valid: 1 })]);
    await revoke(revoked.identifier, 'keyCompromise');
    await revoke(held.identifier, 'certificateHold');
    clock.advance(2 * HOUR);
    for (const { identifier } of [revoked, held, expired]) assert.equal((await remove(identifier)).status, 200);
    assert.equal(await ocsp(revoked.serial_number), 'keyCompromise');
    assert.equal(await ocsp(held.serial_number), 'cessationOfOperation');
    assert.equal(await ocsp(expired.serial_number), 'good');
  });

  it('is an admin’s to do and is recorded', async (t) => {
    const built = await build(t);
    const { identifier, serial_number } = await life(built).issue();
    const url = `/api/client-certs/${identifier}`;
    assert.equal((await built.call('operator', { method: 'DELETE', url })).statusCode, 403);
    await life(built).remove(identifier);
    const answer = await built.call('admin', { method: 'GET', url: '/api/audit?operation=delete' });
    const [line] = answer.json().entries;
    assert.deepEqual([line.resource_id, line.status], [identifier, 'success']);
    assert.deepEqual(line.details.revoked_serial_numbers, [serial_number]);
  });
});

describe('amending a certificate', () => {
  it('changes notes, tags and renewal settings, each by itself, and nothing else', async (t) => {
    const { issue, amend, get } = life(await build(t));
    const { identifier } = await issue({ notes: 'first', tags: ['a'] });
    const before = await get(identifier);
    assert.deepEqual((await amend(identifier, {})).body, before);
    const noted = await amend(identifier, { notes: 'second' });
    assert.deepEqual(noted.body, { ...before, notes: 'second' });
    const tagged = await amend(identifier, { tags: ['b', 'c', 'b'] });
    assert.deepEqual(tagged.body, { ...noted.body, tags: ['b', 'c'] });
    const { body } = await amend(identifier, { renewal: { renewal_enabled: false, renewal_threshold_days: 7 } });
    assert.deepEqual(body.renewal, { ...before.renewal, renewal_enabled: false, renewal_threshold_days: 7 });
    assert.deepEqual(await get(identifier), body);
  });

  it('refuses unknown fields and bad values, viewers, and what is not there', async (t) => {
    const built = await build(t);
    const { issue, amend, remove } = life(built);
    const { identifier } = await issue();
    for (const body of [
      { common_name: 'mallory' },
      { revocation: { revoked: false } },
      { renewal: { renewed_from: '1' } },
      { renewal: { renewal_threshold_days: 0 } },
      { tags: ['a,b'] },
      { notes: 'x'.repeat(2001) },
    ]) {
      const { status, body: answer } = await amend(identifier, body);
      assert.deepEqual([status, answer.code], [400, 'VALIDATION_FAILED'], JSON.stringify(body));
    }
    const url = `/api/client-certs/${identifier}`;
    assert.equal((await built.call('viewer', { method: 'PATCH', url, payload: {} })).statusCode, 403);
    await remove(identifier);
    assert.equal((await amend(identifier, { notes: '' })).status, 404);
  });
});
