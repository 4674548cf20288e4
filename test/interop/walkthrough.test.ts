// README's walk-through does what it says: its commands are run by bash, as printed, in a copy of this project without
// anything built or stored. Only the two ports are exchanged for free ones.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../free-port.js';
import { root } from '../root.js';
import { until } from '../until.js';
import { missing, start, temporaryFolder } from './programs.js';

const skip = missing('bash', 'curl', 'openssl', 'nginx');

/** What a clone would not have, and the dependencies, which are linked to save the time of installing them again. */
const LEFT_OUT = /^(\.git|node_modules|dist|\.build[^/]*|demo|data\/.+|logs\/.+)$/;

function walkThrough(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  return [...readme.matchAll(/^```sh walkthrough\n(.*?)^```$/gms)].map(([, commands]) => commands).join('\n');
}

test('the walk-through of the README lets Alice in, and keeps her out once she is revoked', { skip }, async (t) => {
  const temporary = temporaryFolder('walkthrough');
  t.after(temporary.remove);
  const clone = join(temporary.path, 'certmate');
  cpSync(root, clone, { recursive: true, filter: (path) => !LEFT_OUT.test(relative(root, path)) });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));

  const [api, web] = [String(await freePort()), String(await freePort())];
  const script = walkThrough().replaceAll('8000', api).replaceAll('8443', web);
  assert.notEqual(script, '');
  writeFileSync(join(temporary.path, 'walkthrough.sh'), script);
  const bash = start('bash', ['-e', join(temporary.path, 'walkthrough.sh')], {
    cwd: clone,
    env: { CERTMATE_PORT: api, CERTMATE_API_TOKEN: undefined },
    group: true,
  });
  t.after(() => bash.stop());
  await until(async () => !bash.running(), bash.output, 120);
  const output = bash.output();
  const position = (text: RegExp) => {
    assert.match(output, text);
    return output.search(text);
  };
  const welcome = position(/^Welcome, .*CN=alice@example\.com/m);
  const revoked = position(/alice\.crt: revoked/);
  const refused = position(/400 The SSL certificate error/);
  assert.ok(welcome < revoked && revoked < refused, output);
  assert.equal(output.match(/^Welcome/gm)?.length, 1);
  await until(
    async () => (await fetch(`http://127.0.0.1:${api}/health`).catch(() => null)) === null,
    () => 'CertMate still answers after the clean-up.',
  );
  assert.equal(await bash.stop(), 0, output);
});
