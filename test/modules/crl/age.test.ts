// Never an expired CRL: renewed at half its life, and where that fails somebody is told in good time.
import assert from 'node:assert/strict';
import { copyFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { AgeWarnings } from '../../../src/modules/crl/ageing.js';
import { PublishedCrl } from '../../../src/modules/crl/published-crl.js';
import { CrlPublisher, type PublisherParts } from '../../../src/modules/crl/publisher.js';
import { readCrl } from '../../../src/pki/crl.js';
import { build, MovedClock, testConfig } from '../../build.js';

const HOUR = 3600;
const revoke = (identifier: string) => ({ method: 'POST' as const, url: `/api/client-certs/${identifier}/revoke` });

describe('a CRL that grows old', () => {
  test('is spoken of in /health from 75 % of its life on, and degrades it from 90 % on', async (t) => {
    const clock = new MovedClock();
    const { app, call } = await build(t, { clock, environment: { CERTMATE_CRL_HOURS: '100' } });
    const health = async () => {
      // A report is kept for a second, unless there is one more thing to look at.
      app.health.add('test', () => ({ ok: true }));
      const { status, checks } = (await call('anonymous', { method: 'GET', url: '/health' })).json();
      return [status, checks.crl];
    };
    assert.deepEqual(await health(), ['healthy', { ok: true }]);
    clock.advance(76 * HOUR);
    const detail = 'the CRL is 76 % through its life; see the log for why it is not renewed';
    assert.deepEqual(await health(), ['healthy', { ok: true, detail }]);
    clock.advance(15 * HOUR);
    const [status, crl] = await health();
    assert.deepEqual([status, crl.ok], ['degraded', false]);
    assert.match((await call('viewer', { method: 'GET', url: '/metrics' })).body, /seconds_to_next_update 32\d{3}/);
    await app.crl.refresh();
    assert.deepEqual(await health(), ['healthy', { ok: true }]);
  });

  test('is warned of in the log at 75 %, then as an error from 90 % on, without a line a minute', async (t) => {
    const clock = new MovedClock();
    const { app } = await build(t, { clock });
    const lines: string[] = [];
    const note = (level: string) => (details: object) =>
      lines.push(`${level} ${(details as { used_percent?: number }).used_percent ?? ''}`);
    let broken = false;
    const parts: PublisherParts = {
      authority: {
        subjectText: app.authority.subjectText,
        certificate: app.authority.certificate,
        signer: app.authority.signer,
        signCertList: async (request) => {
          if (broken) throw new Error('the key is out of reach');
          return app.authority.signCertList(request);
        },
      },
      revocations: () => [],
      isKnown: () => true,
      crlFolder: app.folders.crl,
      caFolder: app.folders.ca,
      clock,
      log: { info: () => {}, warn: note('warn'), error: note('error') },
      hours: 100,
    };
    const publisher = await CrlPublisher.open(parts);
    await publisher.publish();
    broken = true;
    for (let minutes = 0; minutes < 102 * 60; minutes += 1) {
      clock.advance(60);
      await publisher.refresh().catch(() => {});
    }
    assert.deepEqual(lines, ['warn 75', 'warn 80', 'warn 85', 'error 90', 'error 95', 'error 100']);
    broken = false;
    await publisher.refresh();
    assert.ok(publisher.current.nextUpdate > clock.now());
  });

  test('is warned of from 75 % on again when it is the next one', () => {
    const lines: string[] = [];
    const note = (level: string) => (details: object) =>
      lines.push(`${level} ${(details as { crl_number: string }).crl_number}`);
    const warnings = new AgeWarnings({ info: () => {}, warn: note('warn'), error: note('error') });
    const start = Date.parse('2026-11-21T20:00:00Z');
    const [first, second] = [1n, 2n].map((number) => {
      const from = start + Number(number - 1n) * 1000_000;
      const dates = { thisUpdate: new Date(from), nextUpdate: new Date(from + 1000_000), changedAt: new Date(from) };
      return new PublishedCrl([], { number, count: 0, ...dates });
    }) as [PublishedCrl, PublishedCrl];
    for (const [crl, seconds] of [
      [first, 749],
      [first, 750],
      [first, 960],
      [second, 1010],
      [second, 1749],
      [second, 1750],
    ] as const)
      warnings.look(crl, new Date(start + seconds * 1000));
    assert.deepEqual(lines, ['warn 1', 'error 1', 'warn 2']);
  });

  test('is replaced at the start, before anybody can ask', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    const first = await build(t, { config, clock });
    const { number } = first.app.crl.current;
    await first.app.close();
    clock.advance(200 * HOUR);
    const second = await build(t, { config, clock });
    assert.equal(second.app.crl.current.number, number + 1n);
    assert.ok(second.app.crl.current.nextUpdate > clock.now());
  });
});

describe('the number of a CRL', () => {
  test('goes up whatever the clock does, and never names two CRLs', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    let last = 0n;
    const seen = new Map<bigint, Buffer>();
    for (const hours of [0, 24 * 90, -1000, 5, -24 * 30]) {
      clock.advance(hours * HOUR);
      const { app, call, issue } = await build(t, { config, clock });
      const { identifier } = await issue();
      await call('admin', revoke(identifier));
      await app.crl.publish();
      const { number, der } = app.crl.current;
      assert.ok(number > last, `${number} after ${last}`);
      last = number;
      await app.close();
      for (const name of await readdir(join(config.dataDir, 'certs', 'crl'))) {
        const bytes = await app.folders.crl.read(name);
        if (bytes === null || !name.endsWith('.der')) continue;
        const numbered = readCrl(bytes).number;
        assert.deepEqual(seen.get(numbered) ?? bytes, bytes);
        seen.set(numbered, bytes);
      }
      assert.deepEqual(seen.get(number), der);
    }
  });

  test('goes up also when the numbered files are gone, or crl.pem is', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    for (let n = 0; n < 3; n += 1) await first.app.crl.publish();
    const { number } = first.app.crl.current;
    await first.app.close();
    await rm(join(config.dataDir, 'certs', 'crl'), { recursive: true });
    const second = await build(t, { config });
    assert.equal(second.app.crl.current.number, number + 1n);
    await second.app.close();
    await rm(join(config.dataDir, 'certs', 'ca', 'crl.pem'));
    const third = await build(t, { config });
    assert.equal(third.app.crl.current.number, number + 2n, 'crl.pem is made again');
    await third.app.crl.publish();
    assert.equal(third.app.crl.current.number, number + 3n);
  });

  test('names one of the last ten files', async (t) => {
    const { app, config } = await build(t);
    for (let n = 0; n < 14; n += 1) await app.crl.publish();
    const { number } = app.crl.current;
    const names = (await readdir(join(config.dataDir, 'certs', 'crl'))).sort();
    const expected = Array.from({ length: 10 }, (_, back) => `crl-${number - BigInt(back)}.der`).sort();
    assert.deepEqual(names, expected);
  });

  test('names one of the last ten files also when a crash has left more of them', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    for (let n = 0; n < 14; n += 1) await first.app.crl.publish();
    const { number } = first.app.crl.current;
    await first.app.close();
    const folder = join(config.dataDir, 'certs', 'crl');
    for (const old of [1, 2, 3]) await copyFile(join(folder, `crl-${number}.der`), join(folder, `crl-${old}.der`));
    const second = await build(t, { config });
    await second.app.crl.publish();
    const expected = Array.from({ length: 10 }, (_, back) => `crl-${number + 1n - BigInt(back)}.der`).sort();
    assert.deepEqual((await readdir(folder)).sort(), expected);
  });
});

describe('the CRL at a start', () => {
  test('whose bytes the CA has not signed is made anew, and nothing revoked is lost', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const { identifier, serial_number: serial } = await first.issue();
    await first.call('admin', revoke(identifier));
    const { number, der } = first.app.crl.current;
    await first.app.close();
    const flipped = Buffer.from(der);
    // One bit of the last entry's date: still well-formed, no longer true.
    const at = flipped.lastIndexOf(Buffer.from([0x17, 0x0d])) + 13;
    flipped[at] = (flipped[at] as number) ^ 1;
    await first.app.folders.crl.write(`crl-${number}.der`, flipped);
    const second = await build(t, { config });
    assert.ok(second.app.crl.current.number > number);
    const { entries } = readCrl(second.app.crl.current.der);
    assert.deepEqual(
      [...entries].map((entry) => entry.serial),
      [serial],
    );
  });

  test('does not bring back an expired certificate that has left it (RFC 5280 §3.3)', async (t) => {
    const clock = new MovedClock();
    const config = await testConfig(t);
    const first = await build(t, { config, clock });
    const short = await first.issue({ days_valid: undefined, hours_valid: 1 });
    const long = await first.issue();
    for (const { identifier } of [short, long]) await first.call('admin', revoke(identifier));
    clock.advance(2 * HOUR);
    for (let n = 0; n < 2; n += 1) await first.app.crl.publish();
    assert.equal(first.app.crl.current.count, 1);
    const { number } = first.app.crl.current;
    await first.app.close();
    const second = await build(t, { config, clock });
    assert.deepEqual([second.app.crl.current.number, second.app.crl.current.count], [number, 1]);
    await second.app.crl.publish();
    assert.equal(second.app.crl.current.count, 1);
  });

  test('holds what was revoked while no CRL could be published', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const { identifier, serial_number: serial } = await first.issue();
    await first.app.store.update(identifier, (record) => ({
      ...record,
      revocation: {
        revoked: true,
        revoked_at: '2026-11-21T20:38:00Z',
        reason_revoked: 'keyCompromise',
        invalidity_date: null,
      },
    }));
    await first.app.close();
    const second = await build(t, { config });
    assert.deepEqual([...second.app.crl.serials()], [serial]);
    assert.equal(second.app.crl.current.count, 1);
  });
});
