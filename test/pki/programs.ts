/** Programs that judge our bytes with parsers of their own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** For a test's `skip` option: the reason if one of these programs is not installed, else false. */
export function without(...programs: string[]): string | false {
  const missing = programs.find((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing === undefined ? false : `${missing} is not installed`;
}

export interface Run {
  status: number | null;
  stdout: Buffer;
  /** Both outputs as text. */
  text: string;
}

/** Runs a program to its end. */
export function run(program: string, args: readonly string[], input: string | Buffer = ''): Run {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input, maxBuffer: 1 << 28 });
  if (error !== undefined) throw error;
  return { status, stdout, text: `${stdout}${stderr}` };
}

/** Runs a program that must succeed, and gives what it wrote. */
export function output(program: string, args: readonly string[], input: string | Buffer = ''): Buffer {
  const { status, stdout, text } = run(program, args, input);
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${text}`);
  return stdout;
}

/** A folder that is removed after the tests of the file; gives paths inside it. */
export function scratch(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'certmate-pki-'));
  after(() => rmSync(folder, { recursive: true }));
  return (name) => join(folder, name);
}
