// A power cut at any moment while a CA is made and CRLs are published, on a disk that keeps only what was synced, or every name as well.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { authorityExists, loadAuthority } from '../../../src/modules/ca/establish.js';
import { CrlPublisher } from '../../../src/modules/crl/publisher.js';
import { readCrl } from '../../../src/pki/crl.js';
import { Folder } from '../../../src/store/folder.js';
import { type Luck, NOTHING_MORE, recordScript } from '../../power-cut/recording.js';
import { NOW, recordingLog, revoked, sampleRecord, temporaryDirectory } from '../../store/records.js';
import { serialsOf } from './publisher-alone.js';

test('whenever the power is cut, the CA is whole or not there, nothing published is lost, and no number names two CRLs', async (t) => {
  if (!existsSync('/proc/self/fd')) return t.skip('open files can be read by their numbers on Linux only');
  const folder = await temporaryDirectory(t);
  const [below, into] = [join(folder, 'below'), join(folder, 'into')];
  for (const path of [below, into]) await mkdir(path);
  const writer = new URL('./power-cut-writer.js', import.meta.url);
  const recording = await recordScript(writer, [below, into], into, below);
  for (let moment = 0; moment <= recording.entries.length; moment += 1) {
    const [made, ...published] = recording.notes(moment);
    const lucks: Luck[] = moment % 3 === 0 ? [NOTHING_MORE, { names: 1, contents: 0 }] : [NOTHING_MORE];
    for (const luck of lucks) {
      const place = join(folder, 'cut');
      recording.restore(moment, luck, place);
      const said = `after ${moment} of ${recording.entries.length}, ${JSON.stringify(luck)}`;
      const caFolder = new Folder(join(place, 'ca'));
      if (made !== undefined || (await authorityExists(caFolder))) {
        const authority = await loadAuthority(caFolder, null, NOW, recordingLog());
        const publisher = await CrlPublisher.open({
          authority,
          revocations: () => [],
          isKnown: () => false,
          crlFolder: new Folder(join(place, 'crl')),
          caFolder,
          clock: { now: () => NOW },
          log: recordingLog(),
          hours: 24,
        });
        const given = new Map(published.map((text) => text.split(' ') as [string, string]));
        const same = given.get(String(publisher.current.number));
        if (same !== undefined) assert.equal(publisher.current.der.toString('base64'), same, said);
        const last = [...given.values()].at(-1);
        const before = last === undefined ? [] : serialsOf(Buffer.from(last, 'base64'));
        assert.deepEqual(serialsOf(publisher.current.der).slice(0, before.length), before, said);
        publisher.note(revoked(sampleRecord(99)), null);
        await publisher.publish();
        const { number, der } = publisher.current;
        assert.ok(!given.has(String(number)), `number ${number} was given out before: ${said}`);
        assert.equal(readCrl(der).number, number);
      }
      await rm(place, { recursive: true, force: true });
    }
  }
});
