/** Keys and users on a folder of their own, without a server around them. */
import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Arrears } from '../../../src/arrears.js';
import { timestamp } from '../../../src/clock.js';
import { openAccounts } from '../../../src/modules/auth/open-accounts.js';
import { SignIn } from '../../../src/modules/auth/sign-in.js';
import { usersFile } from '../../../src/modules/auth/user-records.js';
import { Folder } from '../../../src/store/folder.js';
import type { Actor, AuditEvent, Role } from '../../../src/types.js';
import { MovedClock } from '../../build.js';
import { PASSWORD } from './accounts.js';

export const MAKER = { name: 'system', role: 'admin' } as const;
export const ACTOR: Actor = { user: 'alice', ip_address: '192.0.2.1', request_id: null };

/** PASSWORD as it is stored, at the least cost that is taken: it is checked in milliseconds. */
function cheapHash(): string {
  const salt = randomBytes(16);
  const hash = scryptSync(PASSWORD, salt, 32, { N: 2 ** 14, r: 1, p: 1 });
  return `scrypt$14$1$1$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** The id of one of `people`. */
export const idOf = (name: string): string => `user_${name}`;

/**
 * Opens them; the audit trail is a fake one, which takes every line unless `trail.full` says what stops it.
 * @param people users who are there, all with PASSWORD, which they need not change
 */
export async function openFolder(t: TestContext, people: Readonly<Record<string, Role>> = {}) {
  const path = await mkdtemp(join(tmpdir(), 'certmate-accounts-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const clock = new MovedClock();
  const now = timestamp(clock.now());
  const users = Object.entries(people).map(([name, role]) => ({
    id: idOf(name),
    name,
    role,
    disabled: false,
    must_change_password: false,
    created_at: now,
    created_by: 'system',
    password_changed_at: now,
    password_hash: cheapHash(),
  }));
  await writeFile(join(path, 'users.json'), usersFile.format({ users }));
  const lines: AuditEvent[] = [];
  const ended: string[] = [];
  const trail = { full: null as Error | null };
  const audit = {
    record: async (event: AuditEvent) => {
      if (trail.full !== null) throw trail.full;
      lines.push(event);
    },
  };
  const arrears = new Arrears();
  const open = () =>
    openAccounts({
      files: new Folder(path),
      clock,
      operatorToken: null,
      audit,
      arrears,
      firstKey: false,
      endSessions: (id, except) => {
        ended.push(except === undefined ? id : `${id} but ${except}`);
        return 1;
      },
      countSessions: () => 1,
    });
  const accounts = await open();
  const signIn = new SignIn({ ...accounts, audit, denials: audit, clock, admit: () => 0 });
  return { path, clock, lines, ended, trail, arrears, open, signIn, ...accounts };
}
