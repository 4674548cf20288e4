/** A CRL of a million entries against what nobody can do without: hashing its bytes, one signature, writing it. */
import { startScript } from './programs.js';
import { mebibytes, median, milliseconds, type Row } from './row.js';

const MIB = 1_048_576;

export const largeCrl: Row = {
  name: 'crl',
  async run(folder) {
    const child = await startScript('crl-child', { BENCH_FOLDER: folder, BENCH_ENTRIES: '1000000' });
    const { build_ms, limit_ms, peak } = child.ready as { build_ms: number[]; limit_ms: number[]; peak: number };
    await child.stop();
    const ratio = median(build_ms) / median(limit_ms);
    return [
      {
        work: 'a CRL of 1 000 000 entries, as DER and PEM on disk',
        measured: milliseconds(median(build_ms)),
        peer: `SHA-256, one signature, writing the DER ${milliseconds(median(limit_ms))}`,
        ratio,
        goal: '≤ 10',
        met: ratio <= 10,
      },
      {
        work: 'memory for it, entries and all, at most',
        measured: mebibytes(peak),
        peer: '–',
        ratio: null,
        goal: '≤ 150 MiB',
        met: peak <= 150 * MIB,
      },
    ];
  },
};
