// kill -9 while 16 clients issue, renew and revoke. CERTMATE_TEST_KILLS: how many times; 15 unless set, more in CI.
// CERTMATE_TEST_SEED: what they do and when it comes.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type CertificateList, readCrl } from '../../src/pki/crl.js';
import { testConfig } from '../build.js';
import { complaints } from '../modules/doctor/doctored.js';
import { randomNumbers } from '../random-numbers.js';
import { until } from '../until.js';
import { ownRequest } from './own-request.js';
import { call, fetchCrl, type Loaded, load } from './server.js';

const KILLS = Number(process.env['CERTMATE_TEST_KILLS'] ?? 15);
const CLIENTS = 16;
/** A round goes on for up to so many milliseconds once so many certificates have been issued in it. */
const ROUND_MS = 250;
const WARM = 8;
const PATIENCE = 60;
/** One round in so many is killed while it starts. */
const KILLED_STARTING = 8;

/** What has been acknowledged: of whoever is in here, nothing may ever be missing again. */
class Acknowledged {
  /** Serial number → identifier. */
  readonly issued = new Map<string, string>();
  readonly revoked = new Set<string>();
  /** Every CRL that anybody has seen, by number. */
  readonly crls = new Map<bigint, Buffer>();
  highest = 0n;

  /** The CRL that is given out now: never an older one than anybody saw before, never two with one number. */
  async crl(url: string): Promise<CertificateList> {
    const before = this.highest;
    const der = await fetchCrl(url);
    if (der === null) throw new Broken();
    const list = readCrl(der);
    assert.ok(list.number >= before, `CRL ${list.number} after ${before}`);
    assert.deepEqual(this.crls.get(list.number) ?? der, der, `two CRLs with the number ${list.number}`);
    this.crls.set(list.number, der);
    if (list.number > this.highest) this.highest = list.number;
    return list;
  }
}

/** The connection broke: nobody knows what the answer would have been. */
class Broken extends Error {}

/** Issues, renews and revokes until the connection breaks. */
async function work(url: string, csr: string, known: Acknowledged, random: (limit: number) => number): Promise<void> {
  for (;;) {
    // Most bring a key of their own: making keys would be most of the work.
    const own = random(10) < 8;
    const made = await call(url, 'POST', '/api/client-certs', { common_name: 'someone', ...(own && { csr }) });
    if (made === null) return;
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { identifier, serial_number } = made.body as { identifier: string; serial_number: string };
    known.issued.set(serial_number, identifier);
    const path = `/api/client-certs/${identifier}`;
    const choice = random(10);
    if (choice < 3) {
      const asked = { revoke_previous: choice < 1, ...(own && { reuse_key: true }) };
      const renewed = await call(url, 'POST', `${path}/renew`, asked);
      if (renewed === null) return;
      assert.equal(renewed.status, 201, JSON.stringify(renewed.body));
      known.issued.set(renewed.body['serial_number'] as string, identifier);
      if (choice < 1) known.revoked.add(serial_number);
    } else if (choice < 7) {
      const revoked = await call(url, 'POST', `${path}/revoke`, { reason: 'superseded' });
      if (revoked === null) return;
      assert.equal(revoked.status, 200, JSON.stringify(revoked.body));
      known.revoked.add(serial_number);
    }
  }
}

/** Looks at the CRL again and again until the connection breaks. */
async function watch(url: string, known: Acknowledged): Promise<never> {
  for (;;) {
    await known.crl(url);
    await delay(20);
  }
}

/** Everything that had been acknowledged when this was called is there. */
async function assertNothingLost(url: string, known: Acknowledged): Promise<void> {
  const revoked = [...known.revoked];
  const issued = [...known.issued];
  const listed = new Set(Array.from((await known.crl(url)).entries, ({ serial }) => serial));
  for (const serial of revoked) assert.ok(listed.has(serial), `${serial} is revoked and not on the CRL`);
  const found = await records(url);
  for (const [serial, identifier] of issued) {
    const record = found.get(identifier);
    assert.ok(record, `${identifier} was acknowledged and is not there`);
    assert.ok(record.serials.has(serial), `${identifier} has lost ${serial}`);
  }
}

async function records(url: string): Promise<Map<string, { serials: Set<string> }>> {
  const found = new Map<string, { serials: Set<string> }>();
  let cursor: unknown = null;
  do {
    const next = cursor === null ? '' : `&cursor=${cursor}`;
    const page = await call(url, 'GET', `/api/client-certs?limit=1000${next}`);
    if (page === null) throw new Broken();
    assert.equal(page.status, 200);
    const { certificates, next_cursor } = page.body as {
      certificates: { identifier: string; serial_number: string; history: { serial_number: string }[] }[];
      next_cursor: string | null;
    };
    for (const { identifier, serial_number, history } of certificates) {
      found.set(identifier, { serials: new Set([serial_number, ...history.map((old) => old.serial_number)]) });
    }
    cursor = next_cursor;
  } while (cursor !== null);
  return found;
}

test(`after each of ${KILLS} kills everything acknowledged is there, nothing is half there, CRL numbers never go back`, {
  timeout: 120_000 + KILLS * 10_000,
}, async (t) => {
  const random = randomNumbers(t);
  const moments: string[] = [];
  t.after(() => t.diagnostic(`killed after (ms; s: of a start) ${moments.join(' ')}`));
  const config = await testConfig(t);
  const known = new Acknowledged();
  const csr = ownRequest();
  let waiting: Loaded = load(config);
  t.after(() => waiting.kill());
  for (let round = 0; round < KILLS; round += 1) {
    const server = waiting;
    // The next one is loaded while this one works.
    waiting = load(config);
    if (round % KILLED_STARTING === KILLED_STARTING - 1) {
      const starting = server.start();
      const after = random(200);
      moments.push(`${after}s`);
      await delay(after);
      await server.kill();
      await starting;
      continue;
    }
    const running = await server.start();
    assert.ok(running, `round ${round}: the server does not start`);
    const { url } = running;
    const ended = Promise.allSettled([
      watch(url, known),
      ...Array.from({ length: CLIENTS }, () => work(url, csr, known, random)),
      ...(round % 5 === 0 ? [assertNothingLost(url, known)] : []),
    ]);
    const before = known.issued.size;
    await until(() => known.issued.size >= before + WARM, 'certificates', PATIENCE);
    const after = random(ROUND_MS);
    moments.push(`${after}`);
    await delay(after);
    await server.kill();
    for (const result of await ended) {
      // The kill came while somebody looked whether anything was lost: the next one looks again.
      if (result.status === 'rejected' && !(result.reason instanceof Broken)) throw result.reason;
    }
    assert.ok(known.issued.size > before, `round ${round}: nothing was issued`);
  }
  const last = await waiting.start();
  assert.ok(last);
  await assertNothingLost(last.url, known);
  const health = await call(last.url, 'GET', '/health');
  const checks = health?.body['checks'] as Record<string, { ok: boolean }>;
  for (const part of ['ca', 'store', 'crl', 'audit']) assert.deepEqual(checks[part], { ok: true }, part);
  assert.equal((await call(last.url, 'GET', '/api/audit/verify'))?.status, 200);
  await waiting.kill();
  const names = await readdir(config.dataDir, { recursive: true });
  assert.deepEqual(
    names.filter((name) => /(^|\/)\.(new|next|unfinished)/.test(name)),
    [],
    'nothing is half there',
  );
  assert.deepEqual(await complaints(config), []);
  t.diagnostic(
    `${KILLS} kills, ${known.issued.size} certificates, ${known.revoked.size} revocations, CRL ${known.highest}`,
  );
});
