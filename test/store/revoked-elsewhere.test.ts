import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Folder } from '../../src/store/folder.js';
import { keepRevokedElsewhere, type RevokedElsewhere, revokedElsewhere } from '../../src/store/revoked-elsewhere.js';
import { temporaryDirectory } from './records.js';

const one = (reason_revoked: RevokedElsewhere['reason_revoked'], day: number): RevokedElsewhere => ({
  serial_number: '77',
  revoked_at: `2026-11-0${day}T00:00:00Z`,
  reason_revoked,
  invalidity_date: null,
});

test('an import brings more serial numbers without taking any away', async (t) => {
  const folder = new Folder(await temporaryDirectory(t));
  assert.deepEqual(await revokedElsewhere(folder), []);
  const other = { ...one('superseded', 2), serial_number: '78' };
  await keepRevokedElsewhere(folder, [one('keyCompromise', 1)]);
  await keepRevokedElsewhere(folder, [other]);
  await keepRevokedElsewhere(folder, []);
  assert.deepEqual(await revokedElsewhere(folder), [one('keyCompromise', 1), other]);
});

for (const [kept, added, then] of [
  [one('keyCompromise', 1), one('superseded', 2), one('keyCompromise', 1)],
  [one('keyCompromise', 1), one('certificateHold', 2), one('keyCompromise', 1)],
  [one('certificateHold', 1), one('certificateHold', 2), one('certificateHold', 1)],
  [one('certificateHold', 1), one('superseded', 2), one('superseded', 1)],
] as const) {
  test(`${kept.reason_revoked} that is kept, imported as ${added.reason_revoked} later, is ${then.reason_revoked} since the first day`, async (t) => {
    const folder = new Folder(await temporaryDirectory(t));
    await keepRevokedElsewhere(folder, [kept]);
    await keepRevokedElsewhere(folder, [added]);
    assert.deepEqual(await revokedElsewhere(folder), [then]);
  });
}
