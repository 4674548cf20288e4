import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { test } from 'node:test';
import { hashPassword, isPasswordHash, verifyPassword } from '../../src/crypto/passwords.js';

const PASSWORD = 'correct zebra on a fence';

test('a password is kept as scrypt with its cost and a salt of its own, as OWASP asks', async () => {
  const [one, two] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)]);
  assert.notEqual(one, two);
  const [name, log, r, p, salt = '', hash] = one.split('$');
  assert.deepEqual([name, log, r, p], ['scrypt', '15', '8', '3']);
  const cost = { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 27 };
  const expected = scryptSync(PASSWORD, Buffer.from(salt, 'base64url'), 32, cost).toString('base64url');
  assert.equal(hash, expected);
  assert.ok(isPasswordHash(one));
});

test('only the same password is right, however its characters were typed', async () => {
  const stored = await hashPassword('prüfer über allem');
  assert.equal(await verifyPassword('pru\u0308fer u\u0308ber allem', stored), true);
  assert.equal(await verifyPassword('prufer uber allem', stored), false);
  assert.equal(await verifyPassword('', stored), false);
});

test('a password that was stored at another cost is still known', async () => {
  const salt = Buffer.alloc(16, 7);
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2 ** 14, r: 8, p: 1, maxmem: 2 ** 27 });
  const stored = `scrypt$14$8$1$${salt.toString('base64url')}$${hash.toString('base64url')}`;
  assert.equal(await verifyPassword(PASSWORD, stored), true);
});

test('nobody has no password, and finding that out takes as long', async () => {
  const stored = await hashPassword(PASSWORD);
  const time = async (text: string | null) => {
    const began = performance.now();
    assert.equal(await verifyPassword('wrong', text), false);
    return performance.now() - began;
  };
  const [someone, nobody] = [
    [await time(stored), await time(stored)],
    [await time(null), await time(null)],
  ];
  assert.ok(Math.min(...nobody) > Math.min(...someone) / 3, `${nobody} and ${someone} ms`);
});

test('a cost that nobody would pay is not taken from a file', () => {
  const rest = `${'A'.repeat(22)}$${'A'.repeat(43)}`;
  for (const [cost, sound] of [
    ['15$8$3', true],
    ['31$8$3', false],
    ['15$99$3', false],
    ['4$8$1', false],
  ] as const) {
    assert.equal(isPasswordHash(`scrypt$${cost}$${rest}`), sound, cost);
  }
  assert.equal(isPasswordHash('plain'), false);
  assert.equal(isPasswordHash(undefined), false);
});

test('of too many at once some are told to come back, the others are served', async () => {
  const outcomes = await Promise.allSettled(Array.from({ length: 32 }, () => verifyPassword('x', CHEAP)));
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  assert.equal(refused.length, 2);
  assert.equal(refused[0]?.reason.code, 'UNAVAILABLE');
});

const CHEAP = `scrypt$14$1$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
