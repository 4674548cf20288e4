// `npm test [area …]`: the whole suite, only the areas named (`npm test pki`, `npm run test:interop`), or all but some
// (`npm test '!browser'`).
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { prepareTests, root } from './prepare.mjs';

prepareTests();
const built = join(root, '.build', 'test');
const areas = process.argv.slice(2).filter((word) => !word.startsWith('!'));
const left = process.argv.slice(2).flatMap((word) => (word.startsWith('!') ? [word.slice(1)] : []));
const isIn = (path, names) => names.some((name) => relative(built, path).split(sep).join('/').includes(name));
const files = readdirSync(built, { recursive: true })
  .map((name) => join(built, name))
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => (areas.length === 0 || isIn(path, areas)) && !isIn(path, left))
  .sort();
if (files.length === 0) {
  console.error(`No test matches ${areas.join(' ')}.`);
  process.exit(1);
}
/** A test that hangs fails after so long (ms), with everything else that is in its file; more for more kills than CI does. */
const LIMIT = 900_000 + 10_000 * Number(process.env.CERTMATE_TEST_KILLS ?? 0);
const { status, signal } = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    `--test-timeout=${LIMIT}`,
    ...files,
  ],
  { cwd: root, stdio: 'inherit' },
);
process.exit(status ?? (signal ? 1 : 0));
