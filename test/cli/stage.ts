// The compiled command as a program, and a place for it: no terminal, and no settings but those that a test gives.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../interop/programs.js';

export const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export type Settings = Record<string, string>;

const { PATH = '' } = process.env;

export function begin(settings: Settings, args: readonly string[], cwd?: string) {
  const child = spawn(process.execPath, ['--enable-source-maps', cli, ...args], {
    env: { PATH, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (written[name] += text));
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...written }));
  });
  return { child, written, ended };
}

/** Runs it to its end. */
export function certmate(settings: Settings, ...args: string[]): Promise<Ended> {
  return begin(settings, args).ended;
}

/** A data directory that is not there yet, and the settings that lead to it. */
export function place(t: { after(work: () => unknown): void }) {
  const temporary = temporaryFolder('cli');
  t.after(() => temporary.remove());
  const settings: Settings = {
    CERTMATE_DATA_DIR: join(temporary.path, 'data'),
    CERTMATE_LOG_DIR: join(temporary.path, 'logs'),
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
  };
  return { folder: temporary.path, settings };
}

/** One JSON value a line. */
export function jsonLines<Value>(text: string): Value[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Value);
}

/** What only terminals understand: control characters that are neither the end of a line nor a tab. */
export const ESCAPES = /[^\P{Cc}\n\t]/u;
