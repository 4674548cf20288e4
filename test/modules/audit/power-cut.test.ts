// A power cut at any moment in the life of the trail, on a disk that keeps only what was synced, or every name as well.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../http/small-app.js';
import { type Luck, NOTHING_MORE, recordScript } from '../../power-cut/recording.js';
import { allLines, event, LIVE, linesOf, logFilesOf, open, placeIn } from './place.js';

test('whenever the power is cut, every acknowledged line is there, the chain goes on, and closed files have their checkpoints', async (t) => {
  if (!existsSync('/proc/self/fd')) return t.skip('open files can be read by their numbers on Linux only');
  const folder = temporaryDirectory(t);
  const [below, into] = [join(folder, 'below'), join(folder, 'into')];
  for (const path of [below, into]) mkdirSync(path);
  const writer = new URL('./power-cut-writer.js', import.meta.url);
  const recording = await recordScript(writer, [below, into], into, below);
  const moments = Array.from({ length: recording.entries.length + 1 }, (_, moment) => moment);
  let rotated = 0;
  for (const moment of moments) {
    const notes = recording.notes(moment);
    const known = notes.filter((text) => text !== 'closed').length;
    const lucks: Luck[] = moment % 3 === 0 ? [NOTHING_MORE, { names: 1, contents: 0 }] : [NOTHING_MORE];
    for (const luck of lucks) {
      const at = placeIn(join(folder, 'cut'));
      recording.restore(moment, luck, at.directory);
      const said = `after ${moment} of ${moments.length - 1}, ${JSON.stringify(luck)}`;
      const signed = existsSync(at.checkpoints) ? linesOf(at.checkpoints) : [];
      const closed = existsSync(at.logs) ? logFilesOf(at).filter((name) => name !== LIVE) : [];
      for (const name of closed) {
        const { seq } = JSON.parse(linesOf(join(at.logs, name)).at(-1) ?? '{}');
        assert.ok(
          signed.some((line) => JSON.parse(line).seq === seq),
          `${name} ends with line ${seq}, which is not signed: ${said}`,
        );
      }
      rotated = Math.max(rotated, closed.length);
      const trail = await open(t, at, { limits: { bytes: 1000, age: 0 } });
      assert.equal(trail.problem, null, said);
      await trail.record(event('later'));
      const { ok, first_bad } = await trail.verify();
      assert.deepEqual([ok, first_bad], [true, null], said);
      await trail.close();
      const names = allLines(at).map((line) => JSON.parse(line).resource_id);
      assert.ok(names.length >= known + 1, `${names.length - 1} lines of ${known}: ${said}`);
      assert.deepEqual(
        names.slice(0, -1),
        Array.from({ length: names.length - 1 }, (_, n) => `cert-${n + 1}`),
        said,
      );
      rmSync(at.directory, { recursive: true });
    }
  }
  assert.ok(rotated >= 2, `${rotated} closed files`);
});
