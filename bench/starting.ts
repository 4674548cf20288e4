/** From the start of the process until it listens. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCertMate } from './certmate.js';
import { fillStore } from './filled-store.js';
import { timed } from './programs.js';
import { mebibytes, median, milliseconds, type Row } from './row.js';

const ROUNDS = 5;
const CERTIFICATES = 100_000;
const MIB = 1_048_576;

export const starting: Row = {
  name: 'start',
  async run(folder) {
    const empty = join(folder, 'empty');
    await startOnce(empty);
    const small: number[] = [];
    const bare: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      small.push((await startOnce(empty)).startedIn);
      bare.push(timed(process.execPath, ['-e', '0']).ms);
    }
    const filled = join(folder, 'filled');
    await fillStore(filled, { count: CERTIFICATES });
    const large: number[] = [];
    const reading: number[] = [];
    const memory: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const start = await startOnce(filled);
      large.push(start.startedIn);
      memory.push(start.memory);
      reading.push(readJournal(filled));
    }
    return [
      {
        work: 'start to ready, existing CA, empty store',
        measured: milliseconds(median(small)),
        peer: `node -e 0 ${milliseconds(median(bare))}`,
        ratio: median(small) / median(bare),
        goal: '≤ 1 s',
        met: median(small) <= 1000,
      },
      {
        work: 'start to ready with 100 000 certificates',
        measured: milliseconds(median(large)),
        peer: `reading the journal's bytes ${milliseconds(median(reading))}`,
        ratio: median(large) / median(reading),
        goal: '≤ 2 s',
        met: median(large) <= 2000,
      },
      {
        work: 'memory when it is ready',
        measured: mebibytes(median(memory)),
        peer: '–',
        ratio: null,
        goal: '≤ 250 MiB',
        met: median(memory) <= 250 * MIB,
      },
    ];
  },
};

async function startOnce(folder: string): Promise<{ startedIn: number; memory: number }> {
  const { startedIn, memory, stop } = await startCertMate(folder);
  await stop();
  return { startedIn, memory };
}

function readJournal(folder: string): number {
  const journal = join(folder, 'data', 'journal');
  const began = performance.now();
  for (const name of readdirSync(journal)) readFileSync(join(journal, name));
  return performance.now() - began;
}
