import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { equalHashes, hashToken, newToken } from '../../src/crypto/tokens.js';

test('a token is cm_ and 43 characters of base64url, and no two are alike', () => {
  const tokens = new Set(Array.from({ length: 1000 }, newToken));
  assert.equal(tokens.size, 1000);
  for (const token of tokens) assert.match(token, /^cm_[A-Za-z0-9_-]{43}$/);
});

test("a token's hash is its SHA-256 in lower-case hex", () => {
  const token = newToken();
  assert.equal(hashToken(token), createHash('sha256').update(Buffer.from(token)).digest('hex'));
});

test('equal hashes are equal, others are not, whatever their length', () => {
  const hash = hashToken('cm_one');
  assert.equal(equalHashes(hash, hashToken('cm_one')), true);
  assert.equal(equalHashes(hash, hashToken('cm_two')), false);
  assert.equal(equalHashes(hash, hash.slice(1)), false);
  assert.equal(equalHashes(hash, ''), false);
});
