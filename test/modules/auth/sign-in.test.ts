import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { timestamp } from '../../../src/clock.js';
import { SignIn } from '../../../src/modules/auth/sign-in.js';
import type { AuditEvent } from '../../../src/types.js';
import { PASSWORD } from './accounts.js';
import { ACTOR, idOf, MAKER, openFolder } from './opened.js';

const KEY = { name: 'key', role: 'operator', expires_at: null } as const;

/** What a line says of a sign-in. */
const said = (line: AuditEvent | undefined) => [line?.operation, line?.status, line?.actor.user, line?.error ?? null];

describe('signing in with a token', () => {
  test('gives its holder, notes the use and leaves a line in its name', async (t) => {
    const { clock, keys, lastUsed, lines, signIn } = await openFolder(t);
    const { key, token } = await keys.create(KEY, MAKER);
    const outcome = await signIn.withToken(token, ACTOR);
    assert.equal('account' in outcome && outcome.account.id, key.id);
    assert.equal(lastUsed.of(key.id), timestamp(clock.now()));
    assert.deepEqual(lines.map(said), [['login', 'success', 'key', null]]);
  });

  test('is refused for a token that nobody holds, from elsewhere, or limited to some certificates', async (t) => {
    const { keys, lastUsed, lines, signIn } = await openFolder(t);
    const elsewhere = await keys.create({ ...KEY, allowed_cidrs: ['198.51.100.0/24'] }, MAKER);
    const limited = await keys.create({ ...KEY, name: 'limited', allowed_usages: ['vpn'] }, MAKER);
    const refusals = [];
    for (const token of ['cm_unknown', elsewhere.token, limited.token]) {
      const outcome = await signIn.withToken(token, ACTOR);
      refusals.push('refusal' in outcome ? outcome.refusal : outcome);
    }
    assert.deepEqual(refusals, [
      'This token is not known, or has expired.',
      'This API key may not be used from here.',
      'This API key is limited to some certificates and works with the API only.',
    ]);
    assert.deepEqual(lines.map(said), [
      ['login', 'failure', 'alice', 'unknown or expired token'],
      ['login', 'failure', 'key', refusals[1]],
      ['login', 'failure', 'limited', refusals[2]],
    ]);
    assert.equal(lastUsed.of(limited.key.id), null);
  });
});

test('whoever signs in too often waits, with a password as with a token, and leaves a denied line', async (t) => {
  const opened = await openFolder(t, { alice: 'viewer' });
  const { keys, users, lastUsed, clock, lines } = opened;
  const audit = { record: async (event: AuditEvent) => void lines.push(event) };
  const asked: string[] = [];
  const admit = (id: string) => {
    asked.push(id);
    return 7;
  };
  const signIn = new SignIn({ users, keys, audit, denials: audit, clock, admit });
  const { key, token } = await keys.create(KEY, MAKER);
  assert.deepEqual(await signIn.withPassword('alice', PASSWORD, ACTOR), { wait: 7 });
  assert.deepEqual(await signIn.withToken(token, ACTOR), { wait: 7 });
  assert.deepEqual(asked, [idOf('alice'), key.id]);
  assert.deepEqual([lastUsed.of(key.id), lastUsed.of(idOf('alice'))], [null, null]);
  assert.deepEqual(lines.map(said), [
    ['login', 'denied', 'alice', 'signed in too often'],
    ['login', 'denied', 'key', 'signed in too often'],
  ]);
  assert.deepEqual(await signIn.withPassword('alice', 'wrong', ACTOR), { refusal: 'User name or password is wrong.' });
  assert.equal(asked.length, 2, 'a wrong one does not count as a sign-in');
});

test('an account is who it is now: a key from where it may be used, a user who is not disabled', async (t) => {
  const { keys, users, signIn } = await openFolder(t, { root: 'admin', alice: 'operator' });
  const { key } = await keys.create({ ...KEY, allowed_cidrs: ['192.0.2.0/24'] }, MAKER);
  assert.equal(signIn.principal(key.id, '192.0.2.1')?.name, 'key');
  assert.equal(signIn.principal(key.id, '198.51.100.1'), null);
  const id = idOf('alice');
  assert.equal(signIn.principal(id, '198.51.100.1')?.role, 'operator');
  await users.update(id, { disabled: true }, MAKER, ACTOR);
  assert.deepEqual(
    [signIn.principal(id, '192.0.2.1'), users.roleOf(id), await users.verify('alice', PASSWORD)],
    [null, null, null],
  );
});

test('operators and administrators may issue; viewers, the disabled and those who are gone may not', async (t) => {
  const { keys, users, signIn } = await openFolder(t, { root: 'admin', alice: 'operator', bob: 'viewer' });
  const { key } = await keys.create(KEY, MAKER);
  const may = () => [...['root', 'alice', 'bob', 'nobody'].map(idOf), key.id].map((id) => signIn.mayIssue(id));
  assert.deepEqual(may(), [true, true, false, false, true]);
  await users.update(idOf('alice'), { disabled: true }, MAKER, ACTOR);
  await keys.create({ ...KEY, name: 'other', role: 'admin' }, MAKER);
  await keys.remove(key.id);
  assert.deepEqual(may(), [true, false, false, false, false]);
});

test('whoever is limited manages no users, and nobody gives more than their own role', async (t) => {
  const { keys, users } = await openFolder(t, { root: 'admin', bob: 'viewer' });
  const { key } = await keys.create({ ...KEY, role: 'admin', allowed_usages: ['vpn'] }, MAKER);
  const limited = { ...MAKER, id: key.id };
  const operator = { name: 'op', role: 'operator' } as const;
  const forbidden = { code: 'FORBIDDEN' };
  const made = { name: 'eve', role: 'viewer', password: PASSWORD } as const;
  await assert.rejects(users.create(made, limited, ACTOR), forbidden);
  await assert.rejects(users.update(idOf('bob'), { role: 'admin' }, limited, ACTOR), forbidden);
  await assert.rejects(async () => users.remove(idOf('bob'), limited, ACTOR), forbidden);
  await assert.rejects(users.endSessions(idOf('bob'), limited, ACTOR), forbidden);
  await assert.rejects(users.create({ ...made, role: 'admin' }, operator, ACTOR), forbidden);
  await assert.rejects(users.update(idOf('bob'), { role: 'admin' }, operator, ACTOR), forbidden);
  await assert.rejects(keys.create({ ...KEY, name: 'more', role: 'admin' }, operator), forbidden);
  const own = { name: 'root', role: 'admin', id: idOf('root') } as const;
  await assert.rejects(users.update(idOf('root'), { random_password: true }, own, ACTOR), forbidden);
  assert.deepEqual(
    users.list().map(({ name, role }) => [name, role]),
    [
      ['root', 'admin'],
      ['bob', 'viewer'],
    ],
  );
});
