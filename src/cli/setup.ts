/** `import-ca` and `key create`: what is done before or beside the first start. */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { ApiKeys } from '../modules/auth/api-keys.js';
import { importAuthority } from '../modules/ca/establish.js';
import { Folder } from '../store/folder.js';
import type { Role } from '../types.js';
import { type Arguments, UsageError } from './arguments.js';
import { locked, print, readSecret, readText } from './place.js';

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
  const { dataDir, apiToken: operatorToken } = readConfig();
  await locked(dataDir, async () => {
    const files = new Folder(join(dataDir, 'auth'));
    const keys = await ApiKeys.open({ files, clock: systemClock, operatorToken });
    const { token } = await keys.create({ name, role, expires_at: null }, { name: 'system', role: 'admin' });
    print(token);
  });
}

function isRole(text: string): text is Role {
  return text === 'viewer' || text === 'operator' || text === 'admin';
}
