// What bounds a CRL in time, and what becomes of entries that no record explains.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { timestamp } from '../../../src/clock.js';
import { assembleSigned, signatureAlgorithm } from '../../../src/pki/certificate.js';
import { readCrl } from '../../../src/pki/crl.js';
import { contextExplicit, integer, sequence, time } from '../../../src/pki/der.js';
import { crlNumber, encodeExtensions } from '../../../src/pki/extensions.js';
import { OID } from '../../../src/pki/oids.js';
import { keepRevokedElsewhere } from '../../../src/store/revoked-elsewhere.js';
import type { CertificateRecord } from '../../../src/types.js';
import { NOW, revoked, sampleRecord } from '../../store/records.js';
import { Alone, serialsOf } from './publisher-alone.js';

const DAY = 24 * 3600;

/** A delta CRL (RFC 5280 §5.2.4) without entries, signed by the CA. */
async function deltaOf({ authority }: Alone, number: bigint, from: Date, to: Date): Promise<Buffer> {
  const { certificate, signer } = authority;
  const indicator = { oid: OID.deltaCrlIndicator, critical: true, value: integer(number - 1n) };
  const tbs = sequence(
    integer(1),
    signatureAlgorithm(signer.scheme),
    certificate.subject,
    time(from),
    time(to),
    contextExplicit(0, encodeExtensions([indicator, crlNumber(number)])),
  );
  return assembleSigned(tbs, signer.scheme, await signer.sign(tbs));
}

describe('the end of a CRL', () => {
  test('never lies past that of the CA', async (t) => {
    const one = await Alone.begin(t, { hours: 72, days: 10 });
    const publisher = await one.open();
    const { notAfter } = one.parts.authority.certificate;
    const lifetime = async () => {
      await publisher.publish();
      const { nextUpdate } = readCrl(publisher.current.der);
      assert.deepEqual(nextUpdate, publisher.current.nextUpdate);
      return nextUpdate;
    };
    one.clock.advance(7 * DAY - 1);
    assert.deepEqual(await lifetime(), new Date(notAfter.getTime() - 1000));
    for (const seconds of [1, 1, DAY, DAY]) {
      one.clock.advance(seconds);
      assert.deepEqual(await lifetime(), notAfter);
    }
  });

  test('is that of the CA where a CRL may live longer than the CA from the start', async (t) => {
    const one = await Alone.begin(t, { hours: 8760, days: 10 });
    const { current } = await one.open();
    assert.deepEqual(current.nextUpdate, one.parts.authority.certificate.notAfter);
  });
});

describe('a clock that is set back', () => {
  test('brings back what had left the list because it seemed to have expired, and the list is renewed at once', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const serial = one.revoke(publisher, 1, { expires_at: '2026-11-25T20:00:00Z' });
    const gone = one.revoke(publisher, 2, { expires_at: '2026-11-21T19:30:00Z' });
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), [serial, gone]);
    one.clock.advance(5 * DAY);
    await publisher.publish();
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), []);
    const { number } = publisher.current;
    one.clock.advance(-5 * DAY);
    assert.equal(publisher.isOfTheFuture(one.clock.now()), true);
    await publisher.refresh();
    assert.equal(publisher.current.number, number + 1n);
    assert.equal(publisher.isOfTheFuture(one.clock.now()), false);
    assert.deepEqual(serialsOf(publisher.current.der), [serial]);
  });
});

describe('an expired certificate', () => {
  test('that has left the list does not come back with another change of its record, nor at a start', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    const record = revoked(sampleRecord(1, { expires_at: '2026-11-21T20:30:00Z' }));
    one.change(publisher, record);
    one.clock.advance(3600);
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), [record.serial_number]);
    const { number } = publisher.current;
    const again = await one.open();
    assert.equal(again.current.number, number, 'that it is on the last list makes no other one');
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), []);
    one.change(publisher, { ...record, notes: 'new' });
    await publisher.publish();
    assert.deepEqual(serialsOf(publisher.current.der), []);
    assert.deepEqual(serialsOf((await one.open()).current.der), []);
  });

  test('that is on no list yet is on one, however long ago it was revoked', async (t) => {
    const one = await Alone.begin(t);
    await one.open();
    one.clock.advance(3600);
    // Noted in a store whose last CRL could not be published any more.
    const [valid, past] = [sampleRecord(1), sampleRecord(2, { expires_at: '2026-11-21T20:30:00Z' })].map((record) =>
      revoked(record),
    ) as [CertificateRecord, CertificateRecord];
    for (const record of [valid, past]) one.records.set(record.identifier, record);
    const { current } = await one.open();
    assert.deepEqual(serialsOf(current.der), [valid.serial_number, past.serial_number]);
  });
});

describe('the date by which callers ask whether they have a CRL', () => {
  test('grows by a second at least from one CRL to the next, whatever the clock does', async (t) => {
    const one = await Alone.begin(t);
    const publisher = await one.open();
    let last = publisher.current.changedAt.getTime();
    assert.equal(last, NOW.getTime() + 1000);
    for (const seconds of [0, 0, 5, -3600]) {
      one.clock.advance(seconds);
      await publisher.publish();
      const at = publisher.current.changedAt.getTime();
      assert.ok(at >= last + 1000, `${at} after ${last}`);
      last = at;
    }
  });

  test('grows also over a restart, be it with a clock that was set back', async (t) => {
    const one = await Alone.begin(t);
    let last = (await one.open()).current.changedAt.getTime();
    for (const seconds of [0, -3600]) {
      one.clock.advance(seconds);
      const publisher = await one.open();
      assert.ok(publisher.current.changedAt.getTime() >= last, 'it is the same CRL, or a later one');
      await publisher.publish();
      const at = publisher.current.changedAt.getTime();
      assert.ok(at >= last + 1000, `${at} after ${last}`);
      last = at;
    }
  });
});

describe('entries of the last CRL that no record calls revoked', () => {
  test('stay where there is no record, are told to OCSP, and are said in the log', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const [kept, lost] = [one.revoke(first, 1), one.revoke(first, 2)];
    await first.publish();
    const { number } = first.current;
    one.records.delete(sampleRecord(2).identifier);
    one.log.messages.length = 0;
    const again = await one.open();
    assert.deepEqual(again.lost(lost), { revoked_at: '2026-11-21T19:00:00Z', reason_revoked: 'keyCompromise' });
    assert.equal(again.lost(kept), undefined);
    assert.deepEqual(one.log.messages, ['revoked serial numbers stay on the CRL although no record of them is left']);
    assert.equal(again.current.number, number, 'the list is as it was');
    one.clock.advance(400 * DAY);
    for (let n = 0; n < 3; n += 1) await again.publish();
    assert.deepEqual(serialsOf(again.current.der), [lost], 'nobody knows when it expires');
  });

  test('go where the record says that they are good', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const serial = one.revoke(first, 1);
    await first.publish();
    one.records.set(sampleRecord(1).identifier, sampleRecord(1));
    const again = await one.open();
    assert.deepEqual([serialsOf(again.current.der), again.lost(serial)], [[], undefined]);
    assert.ok(again.current.number > first.current.number);
  });

  test('are dated now where their date lies in the future, because the clock was set back, and the list is made anew', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const serial = one.revoke(first, 1);
    const { revocation } = revoked(sampleRecord(2));
    const late = { ...sampleRecord(2), revocation: { ...revocation, revoked_at: timestamp(NOW) } };
    one.change(first, late);
    await first.publish();
    one.records.delete(late.identifier);
    one.clock.advance(-30);
    const again = await one.open();
    assert.equal(again.current.number, first.current.number + 1n, 'although that list is not of the future itself');
    assert.deepEqual(
      Array.from(readCrl(again.current.der).entries, (entry) => [entry.serial, entry.revokedAt]),
      [
        [serial, new Date('2026-11-21T19:00:00Z')],
        [late.serial_number, one.clock.now()],
      ],
    );
    assert.equal(again.lost(late.serial_number)?.revoked_at, timestamp(one.clock.now()));
  });

  test('and those that were revoked before this CA came here, are on the list from the start, without a complaint', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const elsewhere = {
      serial_number: '4711',
      revoked_at: '2026-01-02T03:04:05Z',
      reason_revoked: 'superseded',
      invalidity_date: null,
    } as const;
    await keepRevokedElsewhere(one.parts.crlFolder, [elsewhere]);
    one.log.messages.length = 0;
    const again = await one.open();
    assert.deepEqual(serialsOf(again.current.der), ['4711']);
    assert.ok(again.current.number > first.current.number);
    assert.deepEqual(again.lost('4711'), { revoked_at: '2026-01-02T03:04:05Z', reason_revoked: 'superseded' });
    assert.deepEqual(one.log.messages, ['CRL published']);
    const third = await one.open();
    assert.equal(third.current.number, again.current.number, 'which does not make a new one at each start');
  });
});

describe('the files at a start', () => {
  test('of another CA do not count, but their numbers are not used', async (t) => {
    const [one, other] = [await Alone.begin(t), await Alone.begin(t)];
    const foreign = await other.open();
    other.revoke(foreign, 9);
    for (let n = 0; n < 5; n += 1) await foreign.publish();
    const { number, der } = foreign.current;
    await one.parts.crlFolder.write(`crl-${number}.der`, der);
    const publisher = await one.open();
    assert.equal(publisher.current.number, number + 1n);
    assert.deepEqual(serialsOf(publisher.current.der), []);
  });

  test('of a CA with another name and the same key do not count either', async (t) => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const [one, other] = [await Alone.begin(t, { key }), await Alone.begin(t, { key, subject: 'CN=Another' })];
    const foreign = await other.open();
    other.revoke(foreign, 9);
    await foreign.publish();
    await one.parts.crlFolder.write(`crl-${foreign.current.number}.der`, foreign.current.der);
    const publisher = await one.open();
    assert.equal(publisher.current.number, foreign.current.number + 1n);
    assert.deepEqual(serialsOf(publisher.current.der), []);
  });

  test('with a number that is not that of their name do not count', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    one.revoke(first, 1);
    await first.publish();
    one.records.clear();
    const { der, number } = first.current;
    await one.parts.crlFolder.write(`crl-${number + 5n}.der`, der);
    const again = await one.open();
    assert.equal(again.current.number, number + 6n);
  });

  test('that end at a number lower than a restore has asked for are followed by a CRL above it, once', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const floor = first.current.number + 1000n;
    await one.parts.crlFolder.write(
      'restored.json',
      JSON.stringify({ schema_version: 1, numbers_above: String(floor) }),
    );
    const second = await one.open();
    assert.equal(second.current.number, floor + 1n);
    const third = await one.open();
    assert.equal(third.current.number, floor + 1n);
    // What BigInt would take is not good enough: an empty text, for one, would count as 0.
    for (const wrong of ['many', '', ' 12', '-12', '0x10', '1'.repeat(49), 12, null]) {
      await one.parts.crlFolder.write('restored.json', JSON.stringify({ schema_version: 1, numbers_above: wrong }));
      await assert.rejects(one.open(), /certs\/crl\/restored\.json/, String(wrong));
    }
  });

  test('make the same list again in crl.pem where that is damaged or gone, with a higher number', async (t) => {
    const one = await Alone.begin(t);
    let last = await one.open();
    const serial = one.revoke(last, 1);
    await last.publish();
    const pem = (await one.parts.caFolder.read('crl.pem')) ?? assert.fail();
    const damaged = [
      Buffer.from('-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n'),
      pem.subarray(0, pem.length / 2),
      Buffer.alloc(0),
      null,
    ];
    for (const content of damaged) {
      one.log.messages.length = 0;
      if (content === null) await one.parts.caFolder.remove('crl.pem');
      else await one.parts.caFolder.write('crl.pem', content);
      const again = await one.open();
      const stored = (await one.stored()).pem ?? assert.fail();
      const said = content === null ? [] : ['crl.pem is damaged; it is written anew'];
      assert.deepEqual(one.log.messages, [...said, 'CRL published']);
      assert.deepEqual(serialsOf(stored), [serial]);
      assert.ok(stored.equals(again.current.der));
      assert.equal(again.current.number, last.current.number + 1n);
      last = again;
    }
    assert.equal((await one.open()).current.number, last.current.number, 'once');
  });

  test('a delta CRL under the name of a full one does not count: nothing that it leaves out becomes good', async (t) => {
    const one = await Alone.begin(t);
    const first = await one.open();
    const serial = one.revoke(first, 1);
    await first.publish();
    // A record that is lost: only the last full CRL tells of it.
    one.records.clear();
    const { number, thisUpdate, nextUpdate } = first.current;
    const delta = await deltaOf(one, number + 1n, thisUpdate, nextUpdate);
    assert.throws(() => readCrl(delta), /critical extension 2\.5\.29\.27/);
    await one.parts.crlFolder.write(`crl-${number + 1n}.der`, delta);
    const again = await one.open();
    assert.ok(again.current.number > number + 1n);
    assert.deepEqual(serialsOf(again.current.der), [serial]);
  });
});

test('a revocation whose reason, date or invalidity date changes is on the next CRL as it is then', async (t) => {
  const one = await Alone.begin(t);
  const publisher = await one.open();
  const record = revoked(sampleRecord(1), 'certificateHold');
  const entry = async () => {
    await publisher.refresh();
    return [...readCrl(publisher.current.der).entries][0];
  };
  one.change(publisher, record);
  assert.equal((await entry())?.reason, 'certificateHold');
  const { revocation } = record;
  one.change(publisher, { ...record, revocation: { ...revocation, reason_revoked: 'keyCompromise' } });
  assert.equal((await entry())?.reason, 'keyCompromise');
  const dated = { ...revocation, reason_revoked: 'keyCompromise', revoked_at: '2026-11-21T19:30:00Z' } as const;
  one.change(publisher, { ...record, revocation: dated });
  assert.deepEqual((await entry())?.revokedAt, new Date('2026-11-21T19:30:00Z'));
  one.change(publisher, { ...record, revocation: { ...dated, invalidity_date: '2026-11-21T00:00:00Z' } });
  assert.deepEqual((await entry())?.invalidityDate, new Date('2026-11-21T00:00:00Z'));
  const { number } = publisher.current;
  one.change(publisher, { ...record, revocation: { ...dated, invalidity_date: '2026-11-21T00:00:00Z' }, notes: 'new' });
  await publisher.refresh();
  assert.equal(publisher.current.number, number, 'what does not concern it does not make one');
});
