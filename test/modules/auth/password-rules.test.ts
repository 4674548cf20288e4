import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { assertGoodPassword, randomPassword } from '../../../src/modules/auth/password-rules.js';

const refused = (password: string, username = 'alice') => {
  try {
    assertGoodPassword(password, username, 'password');
    return null;
  } catch (error) {
    return (error as Error).message;
  }
};

describe('a password', () => {
  test('has at least twelve characters, counted as people count them', () => {
    assert.match(refused('elfzeichenx') ?? '', /at least 12/);
    assert.match(refused('😀😃😄😁😆😅😂🤣🥲😊😇') ?? '', /at least 12/);
    assert.equal(refused('zwölfzeichen'), null);
    assert.match(refused('x'.repeat(257)) ?? '', /at most 256/);
  });

  test('is not the user name', () => {
    assert.match(refused('Wilhelmina.Tell', 'wilhelmina.tell') ?? '', /user name/);
    assert.match(refused('wilhelmina2026!', 'wilhelmina') ?? '', /tried first/);
  });

  for (const common of [
    'password1234',
    'Password1234!',
    'P@ssw0rd2026!!',
    'passwordpassword',
    'adminadmin123',
    'changeme123!',
    'certmateadmin',
    'letmein-letmein',
    '123456789012',
    '1q2w3e4r5t6y',
    'qwertyuiop12',
    'qwertyuiopasdf',
    'lkjhgfdsapoi',
    'abcdefghijkl',
    'aaaaaaaaaaaa',
    'abababababab',
    'summer2026winter',
    'iloveyou123456',
    'correcthorsebatterystaple',
    '2026-11-22 20:38',
    '!!!!!!!!!!!!!',
  ]) {
    test(`is not ${common}`, () => assert.notEqual(refused(common), null));
  }

  for (const good of [
    'gravel otter basket',
    'Tr0mbone/lighthouse',
    'mein Hund frisst Kerzen',
    'kf83-sv02-pq71-xm55',
    'パスワードは長くて安全です',
  ]) {
    test(`may be ${good}`, () => assert.equal(refused(good), null));
  }

  test('that is made here is good, and another one each time', () => {
    const made = new Set(Array.from({ length: 50 }, randomPassword));
    assert.equal(made.size, 50);
    for (const password of made) {
      assert.match(password, /^[A-HJ-NP-Za-km-z2-9]{5}(-[A-HJ-NP-Za-km-z2-9]{5}){3}$/);
      assert.equal(refused(password), null);
    }
  });
});
