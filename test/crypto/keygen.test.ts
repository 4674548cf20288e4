import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { KeyGenerator } from '../../src/crypto/keygen.js';
import { CertMateError } from '../../src/errors.js';
import type { KeyType } from '../../src/types.js';

function unavailable(error: unknown): boolean {
  return error instanceof CertMateError && error.code === 'UNAVAILABLE';
}

function describe(key: KeyObject): string {
  const { modulusLength, publicExponent, namedCurve } = key.asymmetricKeyDetails ?? {};
  return [key.type, key.asymmetricKeyType, modulusLength, publicExponent, namedCurve]
    .filter((x) => x !== undefined)
    .join(' ');
}

/** Whether a key was in stock: one that has to be made takes many turns of the event loop. Waits for it in any case. */
async function isReadyAtOnce(key: Promise<KeyObject>): Promise<boolean> {
  const first = await Promise.race([key, nextTurn('a turn')]);
  await key;
  return first !== 'a turn';
}

test('each type yields a private key of that type, with exponent 65537 or a named curve', async (t) => {
  const keys = new KeyGenerator();
  t.after(() => keys.close());
  const expected: [KeyType, string][] = [
    ['rsa-2048', 'private rsa 2048 65537'],
    ['rsa-3072', 'private rsa 3072 65537'],
    ['ec-p256', 'private ec prime256v1'],
    ['ec-p384', 'private ec secp384r1'],
    ['ed25519', 'private ed25519'],
  ];
  for (const [type, facts] of expected) assert.equal(describe(await keys.generate(type)), facts);
});

test('no two keys are alike', async (t) => {
  const keys = new KeyGenerator();
  t.after(() => keys.close());
  const made = await Promise.all(Array.from({ length: 200 }, () => keys.generate('ec-p256')));
  const spki = made.map((key) => createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('hex'));
  assert.equal(new Set(spki).size, 200);
});

test('RSA-4096 keys in flight delay neither an EC key nor a file read', async () => {
  const keys = new KeyGenerator();
  await keys.generate('ed25519');
  let slowDone = 0;
  const slow = Array.from({ length: 4 }, () =>
    keys.generate('rsa-4096').then(
      () => {
        slowDone += 1;
      },
      (error: unknown) => assert.ok(unavailable(error)),
    ),
  );
  await sleep(50);
  const started = performance.now();
  assert.equal(describe(await keys.generate('ec-p256')), 'private ec prime256v1');
  await readFile(new URL(import.meta.url));
  const elapsed = performance.now() - started;
  assert.equal(slowDone, 0, 'the EC key waited for an RSA key');
  assert.ok(elapsed < 1000, `an EC key and a file read took ${elapsed} ms`);
  await keys.close();
  await Promise.all(slow);
});

test('a warmed type is answered from memory, and the stock is filled up again', async (t) => {
  const keys = new KeyGenerator({ ready: 1 });
  t.after(() => keys.close());
  keys.warm('rsa-2048');
  for (let refill = 0; refill < 2; refill += 1) {
    let stocked = false;
    for (let wait = 200; wait < 10_000 && !stocked; wait *= 2) {
      await sleep(wait);
      stocked = await isReadyAtOnce(keys.generate('rsa-2048'));
    }
    assert.ok(stocked, 'the stock never filled');
  }
});

test('nothing is made ahead for a type that was never warmed', async (t) => {
  const keys = new KeyGenerator();
  t.after(() => keys.close());
  await keys.generate('rsa-2048');
  await sleep(500);
  assert.equal(await isReadyAtOnce(keys.generate('rsa-2048')), false);
});

test('RSA keys are handed out in the order they were asked for', async (t) => {
  const keys = new KeyGenerator();
  t.after(() => keys.close());
  const order: number[] = [];
  await Promise.all([0, 1, 2].map((n) => keys.generate('rsa-2048').then(() => order.push(n))));
  assert.deepEqual(order, [0, 1, 2]);
});

// Found by a stranger: behind another caller's RSA keys a single one waited 107 s.
test('callers who wait for RSA keys take turns, each one’s keys in the order asked for', async (t) => {
  const keys = new KeyGenerator();
  t.after(() => keys.close());
  const order: string[] = [];
  const ask = (caller: string, n: number) => keys.generate('rsa-2048', caller).then(() => order.push(`${caller}${n}`));
  await Promise.all([ask('a', 1), ask('a', 2), ask('a', 3), ask('a', 4), ask('b', 1), ask('b', 2), ask('c', 1)]);
  // The first is begun at once, before anybody else asks.
  assert.deepEqual(order, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('after close every request, waiting or new, is refused as unavailable', async () => {
  const keys = new KeyGenerator();
  const inFlight = assert.rejects(keys.generate('rsa-2048'), unavailable);
  const waiting = assert.rejects(keys.generate('rsa-2048'), unavailable);
  await keys.close();
  await Promise.all([inFlight, waiting]);
  await assert.rejects(keys.generate('rsa-2048'), unavailable);
  await assert.rejects(keys.generate('ec-p256'), unavailable);
});
