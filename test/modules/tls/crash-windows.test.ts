// The certificate that the CA signs for the server itself, with a crash or a failing disk between any two of its steps.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, MovedClock, testConfig } from '../../build.js';
import { type FileCall, FileCalls } from '../../file-calls.js';

const DAY = 86_400;
const SELF = { CERTMATE_TLS: 'self' };
const FILES = ['issued.json', 'server.key', 'server.crt'];

test('a server certificate is written after its serial number and its key, and a start that cannot write one of them is made up for', async (t) => {
  const config = await testConfig(t, SELF);
  const folder = join(config.dataDir, 'tls');
  const calls = FileCalls.watch(t, folder);
  const names = (file: string) => (call: FileCall) => call.name === 'rename' && call.to === join(folder, file);
  for (const file of FILES) {
    const failing = calls.fail(names(file), 'ENOSPC');
    await assert.rejects(build(t, { config }), { code: 'STORAGE_FULL' });
    failing.stop();
    assert.equal(failing.count, 1, file);
  }
  const from = calls.made.length;
  const { app } = await build(t, { config });
  const order = FILES.map((file) => calls.indexOf(names(file), from));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  const certificate = new X509Certificate(readFileSync(join(folder, 'server.crt')));
  assert.equal(app.tls?.current.fingerprint, certificate.fingerprint256);
  const { certificates } = JSON.parse(readFileSync(join(folder, 'issued.json'), 'utf8'));
  assert.equal(certificates.length, 3, 'every serial number that a certificate may bear is known');
  for (const { serial_number } of certificates) {
    assert.equal((await app.inject(`/api/ocsp/status/${serial_number}`)).json().certificate_status, 'good');
  }
});

test('a new server certificate that cannot be stored is not shown; the old one stays until it can be', async (t) => {
  const clock = new MovedClock();
  const config = await testConfig(t, SELF);
  const calls = FileCalls.watch(t, join(config.dataDir, 'tls'));
  const { app } = await build(t, { config, clock });
  const before = app.tls?.current.fingerprint;
  clock.advance(61 * DAY);
  for (const file of FILES) {
    const failing = calls.fail(({ name, to }) => name === 'rename' && to?.endsWith(file) === true, 'ENOSPC');
    await app.tls?.refresh();
    failing.stop();
    assert.equal(failing.count, 1, file);
    assert.equal(app.tls?.current.fingerprint, before);
    assert.match(app.tls?.trouble ?? '', /the old one stays: it could not be read; see the log/);
  }
  await app.tls?.refresh();
  assert.notEqual(app.tls?.current.fingerprint, before);
  assert.equal(app.tls?.trouble, null);
});
