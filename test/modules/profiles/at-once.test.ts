import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Profiles } from '../../../src/modules/profiles/registry.js';
import { profileRules } from '../../../src/modules/profiles/schema.js';
import { Folder } from '../../../src/store/folder.js';
import { build } from '../../build.js';
import { FileCalls } from '../../file-calls.js';

test('changes of one profile at the same time follow one another, and the last one is in effect and on disk', async (t) => {
  const { app, config } = await build(t);
  const path = `${config.dataDir}/profiles`;
  const put = (description: string) => app.profiles.put('office', profileRules.parse({ description }));
  const [first, second, gone, last] = await Promise.allSettled([
    put('first'),
    put('second'),
    app.profiles.remove('office'),
    put('last'),
  ]);
  const created = [first, second, last].map((outcome) => outcome.status === 'fulfilled' && outcome.value.created);
  assert.deepEqual([created, gone.status], [[true, false, true], 'fulfilled']);
  assert.equal(app.profiles.get('office').rules.description, 'last');
  assert.equal((await Profiles.open(new Folder(path))).get('office').rules.description, 'last');
});

test('a profile is not in effect before it is on disk, and is until its file is gone', async (t) => {
  const { app, config } = await build(t);
  await app.profiles.put('other', profileRules.parse({}));
  const calls = FileCalls.watch(t, `${config.dataDir}/profiles`);
  const written = calls.hold(({ name }) => name === 'rename');
  const putting = app.profiles.put('office', profileRules.parse({}));
  await written.reached;
  assert.notEqual(app.profiles.forUsage('office').name, 'office');
  written.release();
  await putting;
  const removed = calls.hold(({ name }) => name === 'unlink');
  const removing = app.profiles.remove('office');
  await removed.reached;
  assert.equal(app.profiles.forUsage('office').name, 'office');
  removed.release();
  await removing;
  assert.notEqual(app.profiles.forUsage('office').name, 'office');
});
