/** Other people's programs: found, run to their end, or missed with a reason. */
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

// Servers live in sbin, which is not in everybody's PATH.
const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const environment = { ...process.env, PATH: folders.join(delimiter), LC_ALL: 'C' };

/** Where a program is, or null if it is not installed. */
function find(program: string): string | null {
  for (const folder of folders) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return join(folder, program);
    } catch {
      // Not in this one.
    }
  }
  return null;
}

/** The path of a program that is installed: ask `missing` before. */
export function pathOf(program: string): string {
  const path = find(program);
  if (path === null) throw new Error(`${program} is not installed`);
  return path;
}

/** The reason to skip a test that needs these programs, else false: `{ skip: missing('openssl') }`. */
export function missing(...programs: string[]): string | false {
  const absent = programs.filter((program) => find(program) === null);
  return absent.length === 0 ? false : `${absent.join(' and ')} not installed`;
}

export interface Outcome {
  /** The exit code; null if a signal ended it. */
  status: number | null;
  /** What it wrote to stdout, then what it wrote to stderr. */
  output: string;
}

/** The words of a command line; a value put into it stays one word whatever it holds. */
function commandLine(text: TemplateStringsArray, values: string[]): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (const [number, part] of text.entries()) {
    for (const piece of part.split(/(\s+)/)) {
      if (/^\s+$/.test(piece)) {
        if (word !== null) words.push(word);
        word = null;
      } else if (piece !== '') {
        word = (word ?? '') + piece;
      }
    }
    const value = values[number];
    if (value !== undefined) word = (word ?? '') + value;
  }
  return word === null ? words : [...words, word];
}

/** Runs a program to its end; it may take at most 60 s: ``await run`openssl crl -in ${path} -noout` ``. */
export async function run(text: TemplateStringsArray, ...values: string[]): Promise<Outcome> {
  const [program = '', ...args] = commandLine(text, values);
  const child = spawn(program, args, { env: environment, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, output: Buffer.concat([...stdout, ...stderr]).toString() };
}

export interface RunningProgram {
  /** Undefined if it could not be started. */
  readonly pid: number | undefined;
  /** Everything it has written so far. */
  output(): string;
  running(): boolean;
  signal(name: NodeJS.Signals): void;
  /** Asks it to end, waits for that, and insists after 10 s. Gives its exit code, null if a signal ended it. */
  stop(): Promise<number | null>;
}

/** Starts a program that stays. With `group`, whatever it has started itself ends with it. */
export function start(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; group?: boolean } = {},
): RunningProgram {
  const { cwd, env, group = false } = options;
  const child = spawn(program, args, {
    cwd,
    env: { ...environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: group,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      output += error.message;
      resolve(null);
    });
    child.on('exit', resolve);
  });
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const killGroup = () => {
    try {
      if (group && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nobody is left in it.
    }
  };
  return {
    pid: child.pid,
    output: () => output,
    running,
    signal: (name) => void child.kill(name),
    async stop() {
      if (running()) child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), 10_000);
      const code = await ended;
      clearTimeout(insist);
      killGroup();
      return code;
    },
  };
}

/** A temporary folder that `remove` takes away again. */
export function temporaryFolder(name: string): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `certmate-${name}-`));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }) };
}
