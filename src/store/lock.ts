/**
 * One process at a time on a data directory.
 *
 * A file `lock` names its owner by process id, boot and start time, so that a lock whose owner died, or whose process id
 * now belongs to somebody else, is recognised at once. An owner in another container or on another machine cannot be
 * looked up; it is believed alive as long as it keeps touching the file.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, link, open, readdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DirectoryInUse, StartupError } from '../errors.js';
import { discard, makeDirectory, systemCode, writeNewFile } from './durable.js';

const BEAT_MS = 5_000;
/** A foreign owner that has not touched the file for so long is dead. */
const DEAD_AFTER_MS = 4 * BEAT_MS;
/** How long another process may take to put its lock in the place of a dead one, before we look again. */
const RIVAL_MS = 20;

interface Owner {
  pid: number;
  /** Names the process among all that ever had this pid: its start, in clock ticks since boot. Empty where unknown. */
  started: string;
  /** Names the world in which the pid means anything: boot and pid namespace. Empty where unknown. */
  world: string;
}

export interface DirectoryLock {
  /** Lets the next process in. */
  release(): Promise<void>;
}

/** What a directory is for, and the setting that names it: for messages. */
interface Purpose {
  name: string;
  setting: string;
}

const DATA: Purpose = { name: 'data directory', setting: 'CERTMATE_DATA_DIR' };
const LOGS: Purpose = { name: 'log directory', setting: 'CERTMATE_LOG_DIR' };

/**
 * Takes the data directory for this process; makes it (0700) if there is none.
 * @throws DirectoryInUse naming the process that has it; StartupError it cannot be made or written to
 */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  return lock(path, DATA);
}

/**
 * Takes the log directory likewise: two processes that add to one audit trail would tear its chain apart, whichever data
 * they work on. Does nothing where it is the data directory, which is locked already.
 * @throws DirectoryInUse; StartupError
 */
export async function lockLogs(path: string, dataDir: string): Promise<DirectoryLock> {
  return resolve(path) === resolve(dataDir) ? { release: async () => undefined } : lock(path, LOGS);
}

async function lock(path: string, purpose: Purpose): Promise<DirectoryLock> {
  const file = join(path, 'lock');
  const content = JSON.stringify(currentOwner());
  // It appears under its name with its content, so nobody ever reads half a lock.
  const prepared = join(path, `.lock-${randomBytes(6).toString('hex')}`);
  try {
    await makeDirectory(path);
    await writeNewFile(prepared, content, 0o600);
  } catch (error) {
    throw unusable(path, purpose, error);
  }
  try {
    while (!(await placed(prepared, file))) {
      const found = await contentOf(file);
      const owner = parseOwner(found);
      if (await isAlive(owner, file, prepared)) throw inUse(path, purpose, owner);
      if (await takeOver(found, file, prepared)) break;
    }
  } finally {
    await discard(prepared);
  }
  await discardPrepared(path);
  return held(file, content, await open(file, 'r+'));
}

/** Removes what processes have prepared that were killed before they could place it. */
async function discardPrepared(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    if (!/^\.lock-[0-9a-f]{12}$/.test(name)) continue;
    const owner = parseOwner(await contentOf(join(path, name)));
    if (owner?.world === worldOf() && !isRunning(owner)) await discard(join(path, name));
  }
}

async function placed(prepared: string, file: string): Promise<boolean> {
  try {
    await link(prepared, file);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function held(file: string, content: string, handle: FileHandle): DirectoryLock {
  // Writing, rather than setting a time, takes the time from where the file is kept.
  const beat = setInterval(() => void handle.write(content, 0).catch(() => undefined), BEAT_MS).unref();
  return {
    async release() {
      clearInterval(beat);
      await handle.close();
      if ((await readFile(file, 'utf8').catch(() => null)) === content) await discard(file);
    },
  };
}

async function isAlive(owner: Owner | null, file: string, prepared: string): Promise<boolean> {
  if (owner?.world === worldOf()) return isRunning(owner);
  for (let seen = await stat(file).catch(() => null); seen !== null; await delay(BEAT_MS / 5)) {
    // Both times come from the clock of the file system.
    const handle = await open(prepared, 'r+');
    await handle.write('{', 0).finally(() => handle.close());
    const { mtimeMs: now } = await stat(prepared);
    const later = await stat(file).catch(() => null);
    if (later === null || now - later.mtimeMs > DEAD_AFTER_MS) return false;
    if (later.ino === seen.ino && later.mtimeMs > seen.mtimeMs) return true;
    seen = later;
  }
  return false;
}

function isRunning({ pid, started }: Owner): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
  }
  return startOf(pid) === started;
}

/**
 * Puts our lock in the place of a dead owner's; false if somebody else was faster, or has to be waited for. Who may do it
 * is whoever succeeds in making the file named after the dead lock: else, of two processes that found it dead, the slower
 * could replace the lock that the faster has just placed. If that one died in the middle, its file is taken over likewise.
 */
async function takeOver(dead: string, file: string, prepared: string): Promise<boolean> {
  const claim = join(dirname(file), `.lock-after-${createHash('sha256').update(dead).digest('hex').slice(0, 16)}`);
  if (!(await placed(prepared, claim))) {
    const rival = await contentOf(claim);
    if (rival === '') return false;
    if (await isAlive(parseOwner(rival), claim, prepared)) await delay(RIVAL_MS);
    // Ours has become the claim then; it is needed for the lock itself.
    else if (await takeOver(rival, claim, prepared)) await rename(claim, prepared);
    return false;
  }
  try {
    if ((await contentOf(file)) !== dead) return false;
    await rename(prepared, file);
    return true;
  } finally {
    await discard(claim);
  }
}

/** Empty if there is no such file. */
async function contentOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

function parseOwner(content: string): Owner | null {
  try {
    const owner: unknown = JSON.parse(content);
    if (typeof owner !== 'object' || owner === null) return null;
    const { pid, started, world } = owner as Partial<Owner>;
    if (typeof pid !== 'number' || typeof started !== 'string' || typeof world !== 'string') return null;
    return { pid, started, world };
  } catch {
    return null;
  }
}

function inUse(path: string, { name, setting }: Purpose, owner: Owner | null): DirectoryInUse {
  const by = owner === null ? 'another process' : `process ${owner.pid}`;
  return new DirectoryInUse(`the ${name} ${path} is in use by ${by}; stop that one first, or set ${setting}`);
}

/** Whatever the system says: not allowed, read-only, a file, full. */
function unusable(path: string, { name, setting }: Purpose, error: unknown): StartupError {
  const code = systemCode((error as Error).cause) ?? systemCode(error) ?? 'an unknown error';
  return new StartupError(`the ${name} ${path} cannot be written to (${code}); mend that, or set ${setting}`, {
    cause: error,
  });
}

function currentOwner(): Owner {
  return { pid: process.pid, started: startOf(process.pid), world: worldOf() };
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and parentheses. */
function startOf(pid: number): string {
  const text = textOf(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function worldOf(): string {
  const boot = textOf('/proc/sys/kernel/random/boot_id').trim();
  if (boot === '') return '';
  try {
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return boot;
  }
}

/** Empty where there is no /proc. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
