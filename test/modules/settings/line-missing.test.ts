// Settings, profiles and blocked keys: changes that are in force while the audit trail cannot be written.
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { build, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';

const KEY = 'a'.repeat(64);

test('a change of settings, profiles or blocked keys whose line cannot be written says that it is in force, and the line follows', async (t) => {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const { app, call } = await build(t, { config });
  const { settings, profiles, blockedKeys } = app;
  const changes = [
    ['PATCH', '/api/settings', { appearance: { instance_name: 'House' } }, 'The settings are changed'],
    ['PUT', '/api/profiles/office', {}, 'The profile office is saved'],
    ['DELETE', '/api/profiles/office', undefined, 'The profile office is removed'],
    ['POST', '/api/blocked-keys', { public_key_sha256: KEY, note: '' }, 'The key is blocked'],
    ['DELETE', `/api/blocked-keys/${KEY}`, undefined, 'The key is no longer blocked'],
  ] as const;
  const state = () => [
    settings.current.appearance.instance_name,
    profiles.list().some(({ name }) => name === 'office'),
    blockedKeys.list().length,
  ];
  const states = [];
  const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/audit/'), 'ENOSPC');
  for (const [method, url, payload, saved] of changes) {
    const answer = await call('admin', { method, url, ...(payload === undefined ? {} : { payload }) });
    const { code, message } = answer.json();
    assert.deepEqual([answer.statusCode, code], [507, 'STORAGE_FULL'], url);
    assert.ok(message.startsWith(`${saved}, but the disk is full: the line in the audit trail follows`), message);
    states.push(state());
  }
  assert.deepEqual(states, [
    ['House', false, 0],
    ['House', true, 0],
    ['House', false, 0],
    ['House', false, 1],
    ['House', false, 0],
  ]);
  failing.stop();
  await app.arrears.settle();
  const { entries } = (await call('admin', { url: '/api/audit?operation=settings_update' })).json();
  assert.equal(entries.length, changes.length);
  assert.ok(entries.every(({ details }: { details: object }) => 'happened_at' in details));
});
