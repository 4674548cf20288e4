import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { legible } from '../../../src/modules/crl/legible-entry.js';
import { readCrl } from '../../../src/pki/crl.js';
import type { Revocation } from '../../../src/types.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { certmate } from '../backup/certmate.js';

/** A store in which a certificate has these dates already, as an earlier version or an import left them. */
async function withDates(t: Parameters<typeof build>[0], dates: Partial<Revocation>) {
  const config = await testConfig(t);
  const first = await build(t, { config });
  const { identifier, serial_number, not_before } = await first.issue();
  await first.app.store.update(identifier, (record) => ({
    ...record,
    revocation: {
      revoked: true,
      revoked_at: record.created_at,
      reason_revoked: 'keyCompromise',
      invalidity_date: null,
      ...dates,
    },
  }));
  await first.app.crl.publish();
  await first.app.close();
  return { config, identifier, serial: String(serial_number), notBefore: String(not_before) };
}

describe('dates that some relying parties cannot read', () => {
  it('an invalidity date of 1969 that a store has already is clamped on the CRL, named by doctor and mended (rustls BadDerTime, found by a stranger)', async (t) => {
    const { config, identifier, notBefore } = await withDates(t, { invalidity_date: '1969-07-20T20:17:40Z' });
    const { app } = await build(t, { config });
    const [entry] = readCrl(app.crl.current.der).entries;
    assert.equal(entry?.invalidityDate?.getTime(), Date.parse(notBefore));
    await app.close();
    const named = await certmate(config, 'doctor');
    assert.equal(named.status, 1);
    assert.match(named.output, /invalidity date 1969-07-20T20:17:40Z lies before the certificate begins/);
    const repaired = await certmate(config, 'doctor', '--repair');
    assert.equal(repaired.status, 0, repaired.output);
    const again = await build(t, { config });
    const { revocation } = again.app.store.inventory.get(identifier) ?? assert.fail();
    assert.equal(revocation.invalidity_date, notBefore);
    assert.equal(revocation.reason_revoked, 'keyCompromise');
  });

  it('a revocation date of 1950 or of the future is clamped on the CRL and in OCSP, and named by doctor', async (t) => {
    for (const [revoked_at, problem] of [
      ['1950-01-01T00:00:00Z', /revocation date 1950-01-01T00:00:00Z lies before 1970/],
      ['0007-01-01T00:00:00Z', /lies before 1970/],
      ['2190-01-01T00:00:00Z', /lies in the future/],
    ] as const) {
      const { config, serial } = await withDates(t, { revoked_at });
      const clock = new MovedClock();
      const { app, call } = await build(t, { config, clock });
      const [entry] = readCrl(app.crl.current.der).entries;
      assert.equal(entry?.serial, serial);
      const time = entry?.revokedAt.getTime() ?? assert.fail();
      assert.ok(time >= 0 && time <= clock.now().getTime(), entry?.revokedAt.toISOString());
      assert.equal(
        (await call('anonymous', { url: `/api/ocsp/status/${serial}` })).json().certificate_status,
        'revoked',
      );
      await app.close();
      const named = await certmate(config, 'doctor');
      assert.match(named.output, problem);
      assert.equal((await certmate(config, 'doctor', '--repair')).status, 0);
    }
  });
});

describe('an entry is given dates that everybody can read', () => {
  const now = new Date('2026-11-21T20:38:00Z');
  const clamped = (revokedAt: Date, invalidityDate: Date | null, notBefore: string | null) => {
    const entry = legible({ serial: '1', reason: 'superseded', revokedAt, invalidityDate }, notBefore, now);
    assert.deepEqual([entry.serial, entry.reason], ['1', 'superseded']);
    return [entry.revokedAt, entry.invalidityDate].map((date) => date?.toISOString().replace('.000', '') ?? null);
  };

  it('no date at all counts as the present moment', () => {
    const none = new Date(Number.NaN);
    assert.deepEqual(clamped(none, none, null), ['2026-11-21T20:38:00Z', '2026-11-21T20:38:00Z']);
  });

  it('an invalidity date lies from the beginning of the certificate to now, where that is known', () => {
    const [early, late] = [new Date('2026-11-01T00:00:00Z'), new Date('2027-01-01T00:00:00Z')];
    const begin = '2026-11-20T00:00:00Z';
    assert.deepEqual(clamped(early, early, begin), ['2026-11-01T00:00:00Z', begin]);
    assert.deepEqual(clamped(early, early, null), ['2026-11-01T00:00:00Z', '2026-11-01T00:00:00Z']);
    assert.deepEqual(clamped(late, late, begin), ['2026-11-21T20:38:00Z', '2026-11-21T20:38:00Z']);
    assert.deepEqual(clamped(early, null, begin), ['2026-11-01T00:00:00Z', null]);
  });

  it('none lies before 1970', () => {
    const old = new Date('1969-07-20T20:17:40Z');
    assert.deepEqual(clamped(old, old, null), ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z']);
    assert.deepEqual(clamped(old, old, '1969-01-01T00:00:00Z'), ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z']);
  });
});
