/** `npm run bench [row …]`: prints the table, and writes it to bench/results.json when all of it was run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder } from '../test/interop/programs.js';
import { root } from '../test/root.js';
import { alone } from './alone.js';
import { batching } from './batching.js';
import { issuing } from './issuing.js';
import { keyMaking } from './key-making.js';
import { largeCrl } from './large-crl.js';
import { listing } from './listing.js';
import { loadGenerator } from './load.js';
import { nonce } from './nonce.js';
import { presigned } from './presigned.js';
import { programs } from './programs.js';
import { revoking } from './revoking.js';
import type { Figure } from './row.js';
import { starting } from './starting.js';

const rows = [presigned, nonce, alone, issuing, batching, keyMaking, revoking, largeCrl, starting, listing];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !rows.some((row) => row.name === name));
if (unknown.length > 0) {
  process.stderr.write(`No row ${unknown.join(', ')}. There are: ${rows.map(({ name }) => name).join(', ')}.\n`);
  process.exit(1);
}

const figures: Figure[] = [];
for (const row of rows) {
  if (wanted.length > 0 && !wanted.includes(row.name)) continue;
  process.stderr.write(`${row.name} …\n`);
  const folder = temporaryFolder('bench');
  try {
    figures.push(...(await row.run(folder.path)));
  } finally {
    folder.remove();
  }
}

const columns = ['work', 'measured', 'peer', 'ratio', 'goal', 'met'] as const;
const cells = figures.map((figure) => ({
  ...figure,
  ratio: figure.ratio === null ? '–' : figure.ratio.toFixed(2),
  met: figure.met === null ? '–' : figure.met ? 'yes' : 'NO',
}));
const width = (column: (typeof columns)[number]) =>
  Math.max(column.length, ...cells.map((figure) => figure[column].length));
const line = (figure: Record<(typeof columns)[number], string>) =>
  `| ${columns.map((column) => figure[column].padEnd(width(column))).join(' | ')} |`;
const missing = Object.entries(programs).flatMap(([name, isThere]) => (isThere ? [] : [name]));
process.stdout.write(
  [
    `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}; load by ${loadGenerator}`,
    ...(missing.length > 0 ? [`Not installed: ${missing.join(', ')}`] : []),
    '',
    line({ work: 'work', measured: 'measured', peer: 'limit or peer', ratio: 'ratio', goal: 'goal', met: 'met' }),
    `|${columns.map((column) => '-'.repeat(width(column) + 2)).join('|')}|`,
    ...cells.map(line),
    '',
  ].join('\n'),
);

if (wanted.length === 0) {
  mkdirSync(join(root, 'bench'), { recursive: true });
  const results = {
    measured_at: new Date().toISOString(),
    node: process.version,
    processors: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown processor',
    load_generator: loadGenerator,
    missing_peers: missing,
    figures,
  };
  writeFileSync(join(root, 'bench', 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
}
