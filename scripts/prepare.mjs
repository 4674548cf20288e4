// Makes a fresh clone runnable: installs the locked dependencies if they are missing or stale, then compiles what is
// stale. Quick when there is nothing to do. Uses nothing but Node, because nothing else may be installed yet.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const windows = process.platform === 'win32';

/** Runs a program to its end with our terminal; leaves this process with its exit code if it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: windows, ...options });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** The path of a program that a dependency installed. */
export const tool = (name) => join(root, 'node_modules', '.bin', name);

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : undefined;
}

/** True when node_modules lacks a package of the lock file or holds another version of one. */
function dependenciesAreStale() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (!installed) return true;
  return Object.entries(wanted).some(
    ([path, entry]) => path !== '' && !entry.optional && !entry.peer && installed[path]?.version !== entry.version,
  );
}

function* sourceFiles(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (/\.(ts|json)$/.test(entry.name)) yield path;
  }
}

function fingerprint(directories, project) {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', 'tsconfig.json', project]) hash.update(readFileSync(join(root, file)));
  for (const directory of directories) {
    for (const path of sourceFiles(join(root, directory)))
      hash.update(path.slice(root.length)).update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** Compiles `project` into `output` unless the sources are those of the last build. */
function build(project, directories, output) {
  const stamp = join(root, output, '.fingerprint');
  const wanted = fingerprint(directories, project);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  rmSync(join(root, output), { recursive: true, force: true });
  console.error(`Building ${output}/ …`);
  run(tool('tsc'), ['-p', project]);
  mkdirSync(join(root, output), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** Installs the locked dependencies if they are missing or stale. */
export function install() {
  if (!dependenciesAreStale()) return;
  console.error('Installing dependencies …');
  // npm's own chatter goes to stderr: stdout belongs to the program that starts next.
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] });
}

/** Dependencies and `dist/`, ready to run. */
export function prepare() {
  install();
  build('tsconfig.json', ['src'], 'dist');
}

/** Dependencies and `.build/` (sources, tests and benchmarks compiled together), ready to run. */
export function prepareTests() {
  install();
  build('test/tsconfig.json', ['src', 'test', 'bench'], '.build');
}
