// To another machine, as a user would do it: with the command, a backup and the secrets that are in no backup.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { certmate, place, type Settings } from './stage.js';

const KEYS = 'CERTMATE_KEY_ENCRYPTION_FILE';
const CA = 'CERTMATE_CA_PASSPHRASE_FILE';

async function moved(t: TestContext, secrets: (file: (name: string, text: string) => string) => Settings) {
  const here = place(t);
  const there = place(t);
  mkdirSync(here.folder, { recursive: true });
  const file = (name: string, text: string) => {
    const path = join(here.folder, name);
    writeFileSync(path, `${text}\n`);
    return path;
  };
  const needed = secrets(file);
  const passphrase = ['--passphrase-file', file('passphrase', 'gravel otter basket')];
  const archive = join(here.folder, 'certmate.cmbk');
  const out = join(here.folder, 'out');
  const done = async (settings: Settings, ...args: string[]) => {
    const { status, stdout, stderr } = await certmate(settings, ...args);
    assert.equal(status, 0, stdout + stderr);
    return stdout;
  };
  const before = { ...here.settings, ...needed };
  await done(before, 'init');
  await done(before, 'issue', '--cn', 'alice', '--identifier', 'alice', '--out', out);
  await done(before, 'backup', '--out', archive, ...passphrase);
  const told = await done(there.settings, 'restore', '--from', archive, ...passphrase);
  return { told, settings: there.settings, needed, done, key: readFileSync(join(out, 'alice.key'), 'utf8') };
}

it('a restore names the secrets that are needed, and with them everything works on another machine', async (t) => {
  const { told, settings, needed, done, key } = await moved(t, (file) => ({
    [KEYS]: file('keys', 'a-secret-for-keys-of-36-characters-xx'),
    [CA]: file('ca', 'correct horse'),
  }));
  assert.match(told, /^The key of the CA is encrypted as it was: set CERTMATE_CA_PASSPHRASE\(_FILE\)/m);
  assert.match(told, /^Private keys of certificates are encrypted as they were: set CERTMATE_KEY_ENCRYPTION\(_FILE\)/m);

  const without = await certmate(settings, 'list');
  assert.equal(without.status, 1);
  assert.match(without.stderr, /set CERTMATE_CA_PASSPHRASE or CERTMATE_CA_PASSPHRASE_FILE/);
  const { [CA]: ca = '' } = needed;
  const half = await certmate({ ...settings, [CA]: ca }, 'download', 'alice', '--type', 'key');
  assert.equal(half.status, 1);
  assert.match(half.stderr, /Start CertMate with CERTMATE_KEY_ENCRYPTION/);

  const whole = { ...settings, ...needed };
  assert.match(await done(whole, 'doctor'), /^Everything is in order\.$/m);
  assert.equal(await done(whole, 'download', 'alice', '--type', 'key'), key);
  await done(whole, 'issue', '--cn', 'bob');
});

it('a restore names no secrets where none are needed', async (t) => {
  const { told, settings, done, key } = await moved(t, () => ({}));
  assert.doesNotMatch(told, /set CERTMATE_/);
  assert.equal(await done(settings, 'download', 'alice', '--type', 'key'), key);
});
