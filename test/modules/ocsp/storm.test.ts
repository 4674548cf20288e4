// Everything at once: revocations, holds, releases, renewals and deletions, while 100 000 answers are compared with the truth.
import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readCertificate } from '../../../src/pki/certificate.js';
import { readCrl } from '../../../src/pki/crl.js';
import { DerReader } from '../../../src/pki/der.js';
import { build } from '../../build.js';
import { seeded } from '../../pki/mutations.js';
import { certId, ocspRequest } from './request.js';

const ANSWERS = 100_000;
const CERTIFICATES = 150;
const ASKERS = 16;

type State = 'good' | 'revoked' | 'unknown';

/** What a serial number was, step by step, as somebody sees it who makes the calls. Steps of one follow one another. */
class Truth {
  readonly #steps: { state: State; began: number; done: number }[];

  constructor(first: State) {
    this.#steps = [{ state: first, began: 0, done: 0 }];
  }

  get now(): State {
    return this.#steps.at(-1)?.state ?? 'unknown';
  }

  begin(state: State, time: number): (time: number) => void {
    const step = { state, began: time, done: Number.POSITIVE_INFINITY };
    this.#steps.push(step);
    return (end) => {
      step.done = end;
    };
  }

  /** What may be answered to whoever asked at `from` and had the answer at `to`. */
  allowed(from: number, to: number): Set<State> {
    const settled = this.#steps.findLast(({ done }) => done < from);
    const under = this.#steps.filter(({ began, done }) => began < to && done >= from);
    return new Set([...(settled ? [settled] : []), ...under].map(({ state }) => state));
  }
}

const STATE: Record<number, State> = { 0x80: 'good', 0xa1: 'revoked', 0x82: 'unknown' };

/** The state that an answer tells of each CertID: the octet behind the CertID itself. */
function statesIn(text: string, ids: readonly Buffer[]): (State | undefined)[] {
  return ids.map((id) => {
    const at = text.indexOf(id.toString('latin1'));
    return at === -1 ? undefined : STATE[text.charCodeAt(at + id.length)];
  });
}

/** @throws AssertionError unless the delegate inside signed it */
function assertSigned(text: string): void {
  const outer = new DerReader(Buffer.from(text, 'latin1')).sequence();
  assert.equal(outer.enumerated(), 0);
  const bytes = outer.constructed(0xa0).sequence();
  bytes.oid();
  const basic = new DerReader(bytes.octetString()).sequence();
  const data = basic.read().raw;
  basic.read();
  const { bytes: signature } = basic.bitString();
  const certificate = readCertificate(basic.constructed(0xa0).sequence().read().raw);
  const key = { key: certificate.subjectPublicKeyInfo, format: 'der' as const, type: 'spki' as const };
  assert.ok(verify('sha256', data, key, signature));
}

describe('a storm', () => {
  test('of revocations, holds, renewals, deletions and queries brings not one wrong answer', async (t) => {
    const { app, call, issue } = await build(t);
    const { certificate } = app.authority;
    const truths = new Map<string, Truth>();
    const identifiers: { identifier: string; serials: string[] }[] = [];
    const born = async () => {
      const { identifier, serial_number } = (await issue()) as { identifier: string; serial_number: string };
      truths.set(serial_number, new Truth('good'));
      identifiers.push({ identifier, serials: [serial_number] });
    };
    await Promise.all(Array.from({ length: CERTIFICATES }, born));
    for (let n = 0; n < 20; n += 1) truths.set(String(10n ** 30n + BigInt(n)), new Truth('unknown'));

    let time = 0;
    const tick = () => (time += 1);
    let asked = 0;
    const seen = { good: 0, revoked: 0, unknown: 0 };
    const wrong: string[] = [];

    const asker = async (seed: number): Promise<void> => {
      const random = seeded(seed);
      while (asked < ANSWERS) {
        const serials = [...truths.keys()];
        const chosen = Array.from(
          { length: random(10) === 0 ? 3 : 1 },
          () => serials[random(serials.length)] as string,
        );
        const ids = chosen.map((serial) => certId(certificate, serial, random(4) === 0 ? 'sha256' : 'sha1'));
        const nonce = random(5) === 0 ? Buffer.alloc(32, random(256)) : null;
        const request = ocspRequest(ids, nonce);
        asked += chosen.length;
        const from = tick();
        const answer = app.ocsp.respond(request);
        const { text } = answer instanceof Promise ? await answer : answer;
        const to = tick();
        for (const [index, state] of statesIn(text, ids).entries()) {
          const serial = chosen[index] as string;
          const allowed = (truths.get(serial) as Truth).allowed(from, to);
          if (state === undefined || !allowed.has(state)) wrong.push(`${serial}: ${state}, not ${[...allowed].join()}`);
          else seen[state] += 1;
        }
        if (random(200) === 0) assertSigned(text);
        // Kept answers come at once: the others must get their turn.
        if (random(20) === 0) await nextTurn();
      }
    };

    /** Makes a call that takes serial numbers from what they are to another state. */
    const change = async (serials: readonly string[], state: State, url: string, payload?: object, method = 'POST') => {
      const ends = serials.map((serial) => (truths.get(serial) as Truth).begin(state, tick()));
      const answer = await call('admin', {
        method: method as 'POST',
        url: `/api/client-certs/${url}`,
        ...(payload && { payload }),
      });
      assert.ok(answer.statusCode < 300, `${method} ${url}: ${answer.body}`);
      for (const end of ends) end(tick());
      return answer.json() as { serial_number: string };
    };
    const onCrl = (serial: string) =>
      [...readCrl(app.crl.current.der).entries].some((entry) => entry.serial === serial);

    const changer = async (mine: typeof identifiers, seed: number): Promise<void> => {
      const random = seeded(seed);
      for (const { identifier, serials } of mine) {
        if (asked >= ANSWERS) return;
        const present = () => serials.at(-1) as string;
        const renew = async (revokePrevious: boolean) => {
          const payload = { revoke_previous: revokePrevious };
          const old = present();
          const answer = revokePrevious
            ? await change([old], 'revoked', `${identifier}/renew`, payload)
            : await change([], 'good', `${identifier}/renew`, payload);
          serials.push(answer.serial_number);
          truths.set(answer.serial_number, new Truth('good'));
          if (revokePrevious) assert.ok(onCrl(old));
        };
        const valid = () => serials.filter((serial) => truths.get(serial)?.now === 'good');
        switch (random(5)) {
          case 0:
            await renew(false);
            break;
          case 1:
            await renew(true);
            break;
          case 2:
            await change(valid(), 'revoked', `${identifier}/revoke`, { reason: 'certificateHold' });
            assert.ok(onCrl(present()));
            await change(serials, 'good', `${identifier}/unhold`);
            assert.ok(!onCrl(present()));
            break;
          case 3:
            await renew(false);
            await change(valid(), 'revoked', identifier, undefined, 'DELETE');
            assert.ok(onCrl(present()));
            continue;
          default:
        }
        if (random(2) === 0) {
          await change(valid(), 'revoked', `${identifier}/revoke`, { reason: 'keyCompromise' });
          assert.ok(onCrl(present()));
        }
      }
    };

    const third = Math.ceil(identifiers.length / 3);
    await Promise.all([
      ...Array.from({ length: ASKERS }, (_, index) => asker(index + 1)),
      ...[0, 1, 2].map((part) => changer(identifiers.slice(part * third, (part + 1) * third), 100 + part)),
    ]);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} wrong answers`);
    assert.ok(asked >= ANSWERS);
    // A storm in which nothing changed would prove nothing.
    assert.ok(Math.min(seen.good, seen.revoked, seen.unknown) > ANSWERS / 50, JSON.stringify(seen));
  });
});
