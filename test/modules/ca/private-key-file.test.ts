import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildApp } from '../../../src/app.js';
import { testConfig } from '../../build.js';

/** The files below a folder that hold a private key, with their permission bits; those that vanish meanwhile are left out. */
function keyFiles(folder: string): { name: string; mode: number }[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
      const path = join(folder, name);
      const found = statSync(path, { throwIfNoEntry: false });
      if (found?.isFile() !== true || !readFileSync(path, 'latin1').includes('PRIVATE KEY')) return [];
      return [{ name, mode: found.mode & 0o777 }];
    });
  } catch {
    return [];
  }
}

// fabriziosalmi/certmate#391: the CA key was written under the umask and restricted afterwards.
test('a private key is readable by nobody else from the moment its file exists, whatever the umask', async (t) => {
  const config = await testConfig(t);
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const seen = new Map<string, number>();
  let looking = true;
  const look = (): void => {
    for (const { name, mode } of keyFiles(config.dataDir)) seen.set(name, (seen.get(name) ?? 0) | mode);
    if (looking) setImmediate(look);
  };
  look();
  const app = await buildApp({ config });
  t.after(() => app.close());
  const actor = { user: 'test', ip_address: null, request_id: null };
  await app.certificates.issue(app.certificates.readRequest({ common_name: 'alice' }), actor);
  await new Promise((resolve) => setImmediate(resolve));
  looking = false;
  assert.ok(seen.has('certs/ca/ca.key'), [...seen.keys()].join());
  assert.ok([...seen.keys()].some((name) => name.endsWith('cert.key')));
  for (const [name, mode] of seen) assert.equal(mode, 0o600, name);
});
