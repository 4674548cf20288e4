import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Luck, NOTHING_MORE, recordScript } from './recording.js';

test('a power cut leaves contents as far as they were synced, under names as far as their directories were', async (t) => {
  if (!existsSync('/proc/self/fd')) return t.skip('open files can be read by their numbers on Linux only');
  const folder = await mkdtemp(join(tmpdir(), 'certmate-recording-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [below, into] = [join(folder, 'below'), join(folder, 'into')];
  await Promise.all([below, into].map((path) => mkdir(path)));
  const writer = new URL('./careless-writer.js', import.meta.url);
  const recording = await recordScript(writer, [below, into], into, below);
  let count = 0;
  const left = async (after: string, luck: Luck): Promise<Record<string, string>> => {
    count += 1;
    const place = join(folder, `${count}`);
    recording.restore(recording.after(after), luck, place);
    const found = await readdir(place, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    return Object.fromEntries(files.map((path) => [path.slice(place.length + 1), readFileSync(path, 'utf8')]));
  };
  const names: Luck = { names: 1, contents: 0 };
  assert.deepEqual(await left('careless', NOTHING_MORE), {});
  assert.deepEqual(await left('careless', names), { careless: '' });
  assert.deepEqual(await left('nameless', NOTHING_MORE), {});
  assert.deepEqual(await left('nameless', names), { careless: '', nameless: 'synced ' });
  assert.deepEqual(await left('nameless', { names: 1, contents: 0.5 }), { careless: '', nameless: 'synced and ' });
  assert.deepEqual(await left('unreachable', NOTHING_MORE), {});
  const whole = { careless: '', nameless: 'synced and more', 'inner/careful': 'there' };
  assert.deepEqual(await left('careful', NOTHING_MORE), whole);
});
