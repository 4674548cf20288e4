/**
 * The power goes while a server works, and the disk has kept nothing but what was synced, or that and some of the rest. What the
 * server had acknowledged by then is there when it is started on such a disk.
 *
 * CERTMATE_TEST_CUTS: at how many moments besides those right after an answer; 12 unless set. CERTMATE_TEST_SEED: which.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { readCrl } from '../../src/pki/crl.js';
import { testConfig } from '../build.js';
import { complaints } from '../modules/doctor/doctored.js';
import { type Luck, NOTHING_MORE, note, Recording, recorderOptions } from '../power-cut/recording.js';
import { randomNumbers } from '../random-numbers.js';
import { ownRequest } from './own-request.js';
import { call, fetchCrl, load, TOKEN } from './server.js';

const BEARER = { authorization: `Bearer ${TOKEN}` };
const CUTS = Number(process.env['CERTMATE_TEST_CUTS'] ?? 12);

interface Given {
  status: number;
  /** As the contract has it. */
  body: ReturnType<typeof JSON.parse>;
}

/** A server started on a disk that a power cut has left. */
interface Restarted {
  get(url: string, options?: InjectOptions): Promise<Given>;
  app: FastifyInstance;
  dataDir: string;
}

/** A change, and what has to be so once it was acknowledged, until the next one with the same subject is asked for. */
interface Step {
  subject: string;
  ask: [method: string, path: string, body?: object, headers?: Record<string, string>];
  holds(again: Restarted, given: Given): Promise<void>;
}

/** Wants the answer 200 and gives its body. */
async function found(again: Restarted, url: string): Promise<Given['body']> {
  const { status, body } = await again.get(url);
  assert.equal(status, 200, `${url}: ${JSON.stringify(body)}`);
  return body;
}

const certificate = (again: Restarted, identifier: string) => found(again, `/api/client-certs/${identifier}`);

async function isRevoked(again: Restarted, serial: string): Promise<void> {
  assert.equal((await found(again, `/api/ocsp/status/${serial}`)).certificate_status, 'revoked', `OCSP on ${serial}`);
  const list = readCrl((await again.app.inject('/api/crl/download/der')).rawPayload);
  assert.ok(
    [...list.entries].some((entry) => entry.serial === serial),
    `${serial} is on the CRL`,
  );
}

const works = async (again: Restarted, token: string) =>
  (await again.get('/api/auth/me', { headers: { authorization: `Bearer ${token}` } })).status;

/** The steps, in their order. What a later one asks may depend on what was given. */
function* steps(csr: string): Generator<Step, void, Given> {
  const certs = '/api/client-certs';
  const issue = (identifier: string, more: object): Step => ({
    subject: identifier,
    ask: ['POST', certs, { identifier, common_name: `${identifier}@example.com`, ...more }],
    async holds(again, { body }) {
      const record = await certificate(again, identifier);
      assert.equal(record.serial_number, body.serial_number);
      const pem = (await again.app.inject({ url: `${certs}/${identifier}/download/crt`, headers: BEARER })).body;
      assert.equal(pem.trim(), body.certificate_pem.trim(), 'the certificate that was given');
      if ('csr' in more) return;
      const key = await again.app.inject({ url: `${certs}/${identifier}/download/key`, headers: BEARER });
      assert.equal(key.statusCode, 200, key.body);
      assert.match(key.body, /PRIVATE KEY/);
    },
  });
  const revoke = (identifier: string, serial: string, reason: string): Step => ({
    subject: identifier,
    ask: ['POST', `${certs}/${identifier}/revoke`, { reason }],
    async holds(again) {
      assert.equal((await certificate(again, identifier)).revocation.reason_revoked, reason);
      await isRevoked(again, serial);
    },
  });

  const own = yield issue('own', { csr });
  const kept = yield issue('kept', {});
  const serials = new Map<string, string>();
  for (const identifier of ['held', 'gone', 'one', 'two']) {
    serials.set(identifier, (yield issue(identifier, { csr })).body.serial_number);
  }
  yield revoke('own', own.body.serial_number, 'superseded');
  yield revoke('held', serials.get('held') as string, 'certificateHold');
  yield {
    subject: 'held',
    ask: ['POST', `${certs}/held/unhold`],
    async holds(again) {
      assert.equal((await certificate(again, 'held')).revocation.revoked, false);
      assert.equal((await found(again, `/api/ocsp/status/${serials.get('held')}`)).certificate_status, 'good');
    },
  };
  yield {
    subject: 'kept',
    ask: ['POST', `${certs}/kept/renew`, { revoke_previous: true }],
    async holds(again, { body }) {
      const record = await certificate(again, 'kept');
      assert.equal(record.serial_number, body.serial_number);
      await isRevoked(again, kept.body.serial_number);
      assert.equal((await again.app.inject({ url: `${certs}/kept/download/key`, headers: BEARER })).statusCode, 200);
    },
  };
  yield {
    subject: 'gone',
    ask: ['DELETE', `${certs}/gone`],
    async holds(again) {
      await isRevoked(again, serials.get('gone') as string);
      const names = await readdir(again.dataDir, { recursive: true });
      assert.ok(!names.some((name) => name.endsWith('gone/cert.key')));
    },
  };
  yield {
    subject: 'one',
    ask: ['POST', `${certs}/bulk/revoke`, { identifiers: ['one', 'two'], reason: 'cessationOfOperation' }],
    async holds(again) {
      for (const identifier of ['one', 'two']) await isRevoked(again, serials.get(identifier) as string);
    },
  };
  yield {
    subject: 'kept',
    ask: ['PATCH', `${certs}/kept`, { notes: 'in the safe', tags: ['vpn'] }],
    async holds(again) {
      const { notes, tags } = await certificate(again, 'kept');
      assert.deepEqual([notes, tags], ['in the safe', ['vpn']]);
    },
  };
  yield {
    subject: 'profile',
    ask: ['PUT', '/api/profiles/lab', { description: 'of the lab' }],
    holds: async (again) => assert.equal((await found(again, '/api/profiles/lab')).description, 'of the lab'),
  };
  yield {
    subject: 'profile',
    ask: ['DELETE', '/api/profiles/lab'],
    holds: async (again) => assert.equal((await again.get('/api/profiles/lab')).status, 404),
  };
  const hash = 'a5'.repeat(32);
  const blocked = async (again: Restarted) =>
    (await found(again, '/api/blocked-keys')).blocked_keys.some((key: Given['body']) => key.public_key_sha256 === hash);
  yield {
    subject: 'blocked',
    ask: ['POST', '/api/blocked-keys', { public_key_sha256: hash }],
    holds: async (again) => assert.equal(await blocked(again), true),
  };
  yield {
    subject: 'blocked',
    ask: ['DELETE', `/api/blocked-keys/${hash}`],
    holds: async (again) => assert.equal(await blocked(again), false),
  };
  yield {
    subject: 'settings',
    ask: ['PATCH', '/api/settings', { issuance: { default_days: 77 } }],
    holds: async (again) => assert.match(JSON.stringify(await found(again, '/api/settings')), /"default_days":77/),
  };
  const user = yield {
    subject: 'user',
    ask: ['POST', '/api/users', { name: 'ursula', role: 'viewer' }],
    async holds(again, { body }) {
      assert.equal((await found(again, `/api/users/${body.id}`)).role, 'viewer');
      assert.equal(await signIn(again, body.password), 200);
    },
  };
  const changed = yield {
    subject: 'user',
    ask: ['PATCH', `/api/users/${user.body.id}`, { role: 'operator', random_password: true }],
    async holds(again, { body }) {
      assert.equal((await found(again, `/api/users/${user.body.id}`)).role, 'operator');
      assert.equal(await signIn(again, user.body.password), 401);
      assert.equal(await signIn(again, body.password), 200);
    },
  };
  yield {
    subject: 'user',
    ask: ['DELETE', `/api/users/${user.body.id}`],
    holds: async (again) => assert.equal(await signIn(again, changed.body.password), 401),
  };
  const key = yield {
    subject: 'key',
    ask: ['POST', '/api/keys', { name: 'robot', role: 'viewer', expires_at: null }],
    holds: async (again, { body }) => assert.equal(await works(again, body.token), 200),
  };
  const rotated = yield {
    subject: 'key',
    ask: ['POST', `/api/keys/${key.body.id}/rotate`],
    async holds(again, { body }) {
      assert.equal(await works(again, key.body.token), 401);
      assert.equal(await works(again, body.token), 200);
    },
  };
  yield {
    subject: 'key',
    ask: ['DELETE', `/api/keys/${key.body.id}`],
    holds: async (again) => assert.equal(await works(again, rotated.body.token), 401),
  };
  const once: Step['ask'] = [
    'POST',
    certs,
    { common_name: 'once@example.com', csr },
    { 'idempotency-key': 'the same one' },
  ];
  yield {
    subject: 'once',
    ask: once,
    async holds(again, { body }) {
      const repeated = await again.app.inject({
        method: 'POST',
        url: certs,
        payload: once[2] as object,
        headers: { ...BEARER, ...once[3] },
      });
      assert.equal(repeated.json().serial_number, body.serial_number, 'the same certificate, not another one');
    },
  };
  const rows = Array.from({ length: 3 }, (_, n) => [`row ${n}`, csr]);
  yield {
    subject: 'batch',
    ask: ['POST', `${certs}/batch`, { headers: ['common_name', 'csr'], rows }, { prefer: 'respond-async' }],
    async holds(again, { body }) {
      for (let look = 0; look < 200; look += 1) {
        const job = await found(again, `${certs}/batch/${body.id}`);
        if (job.state === 'completed') {
          assert.deepEqual([job.successful, job.failed], [rows.length, 0]);
          const { total } = await found(again, `${certs}?search=row`);
          assert.equal(total, rows.length, 'as many certificates as rows');
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      assert.fail('the batch does not end');
    },
  };
}

async function signIn(again: Restarted, password: string): Promise<number> {
  const payload = { username: 'ursula', password };
  return (await again.app.inject({ method: 'POST', url: '/api/auth/login', payload })).statusCode;
}

/** What was noted while the server worked, as far as it is needed to know what has to hold. */
interface Acknowledged {
  step: Step;
  given: Given;
}

/** Lets a server do all the steps while everything it syncs is recorded. It starts twice and stops once in order. */
async function record(t: TestContext): Promise<{ recording: Recording; done: Acknowledged[]; below: string }> {
  const config = await testConfig(t);
  const below = dirname(config.dataDir);
  const into = `${below}-recording`;
  await mkdir(into);
  t.after(() => rm(into, { recursive: true, force: true }));
  const done: Acknowledged[] = [];
  const work = steps(ownRequest());
  let next = work.next();
  for (const until of [8, Number.POSITIVE_INFINITY]) {
    const server = load(config, { nodeOptions: recorderOptions(into, below) });
    t.after(() => server.kill());
    const running = await server.start();
    assert.ok(running, 'the server starts');
    while (next.done !== true && done.length < until) {
      const step = next.value;
      note(into, `asked ${done.length}`);
      const given = await call(running.url, ...step.ask);
      assert.ok(given !== null && given.status < 300, `${step.ask[0]} ${step.ask[1]}: ${JSON.stringify(given)}`);
      note(into, `answered ${done.length}`);
      done.push({ step, given });
      next = work.next(given);
      const crl = await fetchCrl(running.url);
      note(into, `crl ${crl?.toString('base64')}`);
      const audit = await call(running.url, 'GET', '/api/audit?limit=1');
      const entries = (audit?.body['entries'] ?? []) as { seq: number }[];
      note(into, `audit ${entries[0]?.seq ?? 0}`);
    }
    await server.stop();
  }
  return { recording: new Recording(into, below), done, below };
}

/** Starts a server on what a power cut at this moment leaves, and looks whether all that was acknowledged is there. */
async function judge(
  t: TestContext,
  { recording, done, below }: Awaited<ReturnType<typeof record>>,
  moment: number,
  luck: Luck,
): Promise<void> {
  const place = `${below}-cut-${moment}`;
  t.after(() => rm(place, { recursive: true, force: true }));
  recording.restore(moment, luck, place);
  const config = readConfig({
    CERTMATE_DATA_DIR: join(place, 'data'),
    CERTMATE_LOG_DIR: join(place, 'logs'),
    CERTMATE_API_TOKEN: TOKEN,
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_RATE_LIMITS: 'off',
    CERTMATE_LOG_LEVEL: 'silent',
  });
  const app = await buildApp({ config });
  t.after(() => app.close());
  const again: Restarted = {
    app,
    dataDir: config.dataDir,
    async get(url, options = {}) {
      const answer = await app.inject({ url, headers: BEARER, ...options });
      return { status: answer.statusCode, body: answer.json() };
    },
  };
  const notes = recording.notes(moment);
  const noted = (kind: string) =>
    notes.filter((text) => text.startsWith(`${kind} `)).map((text) => text.split(' ')[1] as string);
  const [asked, answered] = [noted('asked').length, noted('answered').length];

  // A later change of the same thing, even one that was only asked for, is what counts then.
  const current = new Map(done.slice(0, asked).map(({ step }, index) => [step.subject, index]));
  for (const index of current.values()) {
    const { step, given } = done[index] as Acknowledged;
    if (index < answered) await step.holds(again, given);
  }

  const der = (await app.inject('/api/crl/download/der')).rawPayload;
  const served = readCrl(der);
  for (const text of noted('crl')) {
    const before = Buffer.from(text, 'base64');
    const { number } = readCrl(before);
    assert.ok(served.number >= number, `CRL ${served.number} after CRL ${number}`);
    if (served.number === number) assert.ok(der.equals(before), `one CRL has the number ${number}`);
  }
  const audit = await again.get('/api/audit/verify');
  assert.equal(audit.status, 200, JSON.stringify(audit.body));
  const { lines } = audit.body;
  assert.ok(lines >= Number(noted('audit').at(-1) ?? 0), `${lines} audit lines`);
  await app.close();
  const names = await readdir(place, { recursive: true });
  assert.deepEqual(
    names.filter((name) => /(^|\/)\.(new|next|unfinished)/.test(name)),
    [],
    'nothing is half there',
  );
  assert.deepEqual(await complaints(config), []);
  await rm(place, { recursive: true, force: true });
}

test('what was acknowledged before the power went is there, whatever of the rest the disk has kept', async (t) => {
  if (!existsSync('/proc/self/fd')) return t.skip('open files can be read by their numbers on Linux only');
  const random = randomNumbers(t);
  const recorded = await record(t);
  const { recording, done } = recorded;
  const part = () => random(101) / 100;
  const moments: [string, number, Luck][] = [
    ...done.map(({ step }, index): [string, number, Luck] => [
      `right after ${step.ask[0]} ${step.ask[1]}`,
      recording.after(`answered ${index}`),
      NOTHING_MORE,
    ]),
    ...Array.from({ length: CUTS }, (): [string, number, Luck] => {
      const moment = random(recording.entries.length + 1);
      return [`after ${moment} steps of ${recording.entries.length}`, moment, { names: part(), contents: part() }];
    }),
  ];
  for (const [when, moment, luck] of moments) {
    await t.test(`${when}, with ${luck.names} of the names and ${luck.contents} of the contents`, async (t) => {
      await judge(t, recorded, moment, luck);
    });
  }
});
