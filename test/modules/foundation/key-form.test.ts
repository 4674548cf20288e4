import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { CertMateError } from '../../../src/errors.js';
import { keyForm, tryKeys } from '../../../src/modules/foundation/key-form.js';
import { MemoryInventory } from '../../../src/store/memory-inventory.js';
import type { Identifier } from '../../../src/types.js';
import { recordingLog, sampleRecord } from '../../store/records.js';

const PEM = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();
const SECRET = 'the secret of keys at rest';

test('a key under a secret is read with it only, and the error says what to do', () => {
  const stored = keyForm(SECRET).toStored(PEM);
  assert.match(stored, /ENCRYPTED/);
  assert.equal(keyForm(SECRET).fromStored(stored), PEM);
  assert.throws(() => keyForm(null).fromStored(stored), {
    code: 'KEY_LOCKED',
    message: /Start CertMate with CERTMATE_KEY/,
  });
  assert.throws(() => keyForm('another secret').fromStored(stored), {
    code: 'KEY_LOCKED',
    message: /another secret than/,
  });
  const damaged = stored.replace(/[A-Za-z0-9+/]{40}/, '');
  assert.throws(() => keyForm(SECRET).fromStored(damaged), { code: 'KEY_LOCKED' });
  assert.equal(keyForm(null).toStored(PEM), PEM);
  assert.equal(keyForm(null).fromStored(PEM), PEM);
});

/** A store of so many certificates; the keys of `locked` are under another secret. A fake: it only reads. */
function storeOf(count: number, locked: readonly number[], withoutKey: readonly number[] = []) {
  const inventory = new MemoryInventory();
  for (let n = 0; n < count; n += 1) inventory.put(sampleRecord(n, { has_private_key: !withoutKey.includes(n) }));
  const tried: number[] = [];
  const form = keyForm(SECRET);
  const other = keyForm('another secret').toStored(PEM);
  const read = async (identifier: Identifier) => {
    const n = Number(/\d+/.exec(identifier)?.[0]);
    tried.push(n);
    if (withoutKey.includes(n)) throw new CertMateError('NOT_FOUND', 'none');
    return Buffer.from(locked.includes(n) ? form.fromStored(other) : PEM);
  };
  return { inventory, read, tried };
}

test('the oldest eight and the newest eight keys are tried, and those of certificates without one are not', async () => {
  const store = storeOf(40, [], [0, 39]);
  await tryKeys(store, SECRET, recordingLog());
  const expected = [1, 2, 3, 4, 5, 6, 7, 8, 31, 32, 33, 34, 35, 36, 37, 38];
  assert.deepEqual(store.tried, expected);
});

for (const n of [0, 7, 32, 39]) {
  test(`a start with a secret that does not open key ${n} of 40 is refused, and names the certificate`, async () => {
    const log = recordingLog();
    await assert.rejects(tryKeys(storeOf(40, [n]), SECRET, log), {
      name: 'StartupError',
      message: `CERTMATE_KEY_ENCRYPTION does not open the private key of ${sampleRecord(n).identifier}`,
    });
    await tryKeys(storeOf(40, [n]), null, log);
    assert.deepEqual(log.messages, ['there are encrypted private keys, and CERTMATE_KEY_ENCRYPTION is not set']);
  });
}

test('a key that is missing, or cannot be read for another reason, is no reason not to start', async () => {
  const log = recordingLog();
  const { inventory } = storeOf(3, []);
  const read = async (identifier: Identifier) => {
    throw identifier === sampleRecord(0).identifier ? new CertMateError('NOT_FOUND', 'none') : new Error('EIO');
  };
  await tryKeys({ inventory, read }, SECRET, log);
  assert.deepEqual(log.messages, []);
});
