/** `import-ca`, `key create` and `user create`: what is done before or beside the first start. */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { CertMateError, StartupError } from '../errors.js';
import { newKeyFrom, newUserFrom } from '../modules/auth/input.js';
import { openAccounts } from '../modules/auth/open-accounts.js';
import { importAuthority } from '../modules/ca/establish.js';
import { Folder } from '../store/folder.js';
import type { Actor, Role } from '../types.js';
import { type Arguments, UsageError } from './arguments.js';
import { locked, print, readSecret, readText, withTrail } from './place.js';

/** Whoever is at the machine itself. */
const ACTOR: Actor = { user: 'system', ip_address: null, request_id: null };
const SYSTEM = { name: 'system', role: 'admin' } as const;

export async function importCa(args: Arguments): Promise<void> {
  const config = readConfig();
  const files = {
    certificate: await readText(args, 'cert'),
    key: await readText(args, 'key'),
    chain: args.optional('chain') === undefined ? '' : await readText(args, 'chain'),
  };
  const sealed = args.optional('key-passphrase-file') !== undefined;
  const keyPassphrase = sealed ? await readSecret(args, 'key-passphrase-file') : null;
  await locked(config.dataDir, async () => {
    const folder = new Folder(join(config.dataDir, 'certs', 'ca'));
    const authority = await importAuthority(folder, files, keyPassphrase, config.caPassphrase, systemClock.now());
    print(`Imported ${authority.subjectText}`, `SHA-256  ${authority.fingerprint}`);
  });
}

export async function createKey(args: Arguments): Promise<void> {
  const name = args.text('name');
  const role = args.text('role');
  if (!isRole(role)) throw new UsageError('--role must be viewer, operator or admin');
  await withAccounts(async ({ keys }) => {
    const { token } = await keys.create(newKeyFrom({ name, role }), SYSTEM, ACTOR);
    print(token);
  });
}

export async function createUser(args: Arguments): Promise<void> {
  const name = args.text('name');
  const role = args.text('role');
  if (!isRole(role)) throw new UsageError('--role must be viewer, operator or admin');
  const given = args.optional('password-file') !== undefined;
  const chosen = given ? { password: await readSecret(args, 'password-file') } : {};
  await withAccounts(async ({ users }) => {
    const { password } = await users.create(newUserFrom({ name, role, ...chosen }), SYSTEM, ACTOR);
    print(password === null ? `Made the user ${name}.` : password);
  });
}

/** Does `work` on keys and users, which nobody else uses meanwhile. What it refuses is shown as it is. */
async function withAccounts(
  work: (accounts: Awaited<ReturnType<typeof openAccounts>>) => Promise<void>,
): Promise<void> {
  const { dataDir, logDir, apiToken: operatorToken } = readConfig();
  await locked(dataDir, () =>
    withTrail({ dataDir, auditLogDir: join(logDir, 'audit') }, async (audit) => {
      const files = new Folder(join(dataDir, 'auth'));
      const options = { files, clock: systemClock, operatorToken, audit, firstKey: false, endSessions: () => 0 };
      try {
        await work(await openAccounts(options));
      } catch (error) {
        throw error instanceof CertMateError ? new StartupError(error.message, { cause: error }) : error;
      }
    }),
  );
}

function isRole(text: string): text is Role {
  return text === 'viewer' || text === 'operator' || text === 'admin';
}
