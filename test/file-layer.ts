/**
 * Stands between the program and Node's file system calls in this thread: whatever the sources call by `import { open } from
 * 'node:fs/promises'` goes through here while a watcher is there. The calls themselves are the real ones.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** One call. Those on an open file carry the path under which it is known now. */
export interface FileCall {
  /** As in Node: `open`, `rename`, `mkdir` …; for open files `write`, `read`, `sync`, `datasync`, `truncate`, `close` … */
  readonly name: string;
  readonly path: string;
  /** Of `rename`, `link` and `copyFile`: where to. */
  readonly to?: string | undefined;
  /** Of calls on open files, and of `open` once it has come back. */
  readonly fd?: number | undefined;
  /** Of `open`: its flags; of `mkdir`: whether parents are made. */
  readonly flags?: string | number | boolean | undefined;
}

export interface Watcher {
  /** Before the call is made. What it throws is what the call throws. Only asynchronous calls wait for a promise. */
  before?(call: FileCall): void | Promise<void>;
  /** Once it has succeeded, before the caller knows. */
  after?(call: FileCall): void;
}

type AnyFunction = (...args: unknown[]) => unknown;
type Functions = Record<string, AnyFunction>;

const watchers = new Set<Watcher>();
/** The paths of open files. */
const open = new Map<number, string>();

/** Calls by path; those with a `to` take it as their second argument. */
const BY_PATH = [
  'open',
  'opendir',
  'rename',
  'link',
  'copyFile',
  'unlink',
  'rm',
  'rmdir',
  'mkdir',
  'writeFile',
  'appendFile',
  'readFile',
  'readdir',
  'stat',
  'lstat',
  'access',
  'chmod',
  'truncate',
  'utimes',
];
const TWO_PATHS = new Set(['rename', 'link', 'copyFile']);
const BY_FD = ['write', 'writev', 'read', 'fsync', 'fdatasync', 'ftruncate', 'fchmod', 'close'];
const OF_HANDLES = ['write', 'writev', 'writeFile', 'read', 'readFile', 'sync', 'datasync', 'truncate', 'chmod'];
const BY_OTHER_NAME: Record<string, string> = {
  fsync: 'sync',
  fdatasync: 'datasync',
  ftruncate: 'truncate',
  fchmod: 'chmod',
};

function pathCall(name: string, args: readonly unknown[]): FileCall {
  const [path, second] = args;
  const flags = name === 'mkdir' ? (second as { recursive?: boolean } | undefined)?.recursive === true : second;
  return {
    // writeFile and readFile also take an open file.
    path: typeof path === 'number' ? (open.get(path) ?? '') : path instanceof URL ? path.pathname : String(path),
    name,
    to: TWO_PATHS.has(name) ? String(second) : undefined,
    fd: typeof path === 'number' ? path : undefined,
    flags: name === 'open' || name === 'mkdir' ? (flags as string | number | boolean | undefined) : undefined,
  };
}

function fdCall(name: string, fd: number): FileCall {
  const path = open.get(fd) ?? '';
  // Its number may belong to another file before this has come back.
  if (name === 'close') open.delete(fd);
  return { name: BY_OTHER_NAME[name] ?? name, path, fd };
}

async function before(call: FileCall): Promise<void> {
  for (const watcher of watchers) await watcher.before?.(call);
}

function beforeSync(call: FileCall): void {
  for (const watcher of watchers) {
    if (watcher.before?.(call) instanceof Promise) throw new Error(`${call.name} ${call.path}: cannot wait`);
  }
}

function after(call: FileCall, fd: number | undefined): void {
  if (call.name === 'open' && fd !== undefined) open.set(fd, call.path);
  if (call.name === 'rename') {
    for (const [known, path] of open) {
      if (path === call.path || path.startsWith(`${call.path}/`)) {
        open.set(known, String(call.to) + path.slice(call.path.length));
      }
    }
  }
  for (const watcher of watchers) watcher.after?.(call.name === 'open' ? { ...call, fd } : call);
}

const isHandle = (value: unknown): value is { fd: number; close: AnyFunction } =>
  typeof value === 'object' && value !== null && 'fd' in value && 'close' in value;

/** A function that gives a promise. */
const promised = (call: (self: unknown, args: unknown[]) => FileCall, original: AnyFunction): AnyFunction =>
  async function (this: unknown, ...args: unknown[]) {
    const made = call(this, args);
    await before(made);
    const result = await (original.apply(this, args) as Promise<unknown>);
    if (made.name === 'open' && isHandle(result)) {
      after(made, result.fd);
      // Each open file has a `close` of its own.
      const { fd, close } = result;
      result.close = promised(() => fdCall('close', fd), close) as typeof close;
    } else after(made, undefined);
    return result;
  };

/** A function that comes back when it is done. */
const synchronous = (call: (args: unknown[]) => FileCall, original: AnyFunction): AnyFunction =>
  function (this: unknown, ...args: unknown[]) {
    const made = call(args);
    beforeSync(made);
    const result = original.apply(this, args);
    after(made, typeof result === 'number' ? result : undefined);
    return result;
  };

/** A function whose last argument is called when it is done. */
const calledBack = (call: (args: unknown[]) => FileCall, original: AnyFunction): AnyFunction =>
  function (this: unknown, ...args: unknown[]) {
    const done = args.at(-1);
    if (typeof done !== 'function') return original.apply(this, args);
    const made = call(args);
    const reply = (error: unknown, ...results: unknown[]): void => {
      if (error === null || error === undefined) after(made, typeof results[0] === 'number' ? results[0] : undefined);
      (done as AnyFunction)(error, ...results);
    };
    before(made).then(() => original.apply(this, [...args.slice(0, -1), reply]), reply);
    return undefined;
  };

/** What was in a place before. */
const replaced: { object: Functions; name: string; original: AnyFunction }[] = [];

function replace(object: Functions, name: string, make: (original: AnyFunction) => AnyFunction): void {
  const original = object[name];
  if (original === undefined) return;
  replaced.push({ object, name, original });
  object[name] = make(original);
}

/** A look at the class of open files needs one that is open. */
const handle = await fs.promises.open(new URL(import.meta.url), 'r');
const handles = Object.getPrototypeOf(handle) as Functions;
await handle.close();

function install(): void {
  const whole = fs as unknown as Functions;
  for (const name of BY_PATH) {
    const call = (args: unknown[]): FileCall => pathCall(name, args);
    replace(fs.promises as unknown as Functions, name, (original) => promised((_, args) => call(args), original));
    replace(whole, name, (original) => calledBack(call, original));
    replace(whole, `${name}Sync`, (original) => synchronous(call, original));
  }
  for (const name of BY_FD) {
    const call = ([fd]: unknown[]): FileCall => fdCall(name, fd as number);
    replace(whole, name, (original) => calledBack(call, original));
    replace(whole, `${name}Sync`, (original) => synchronous(call, original));
  }
  for (const name of OF_HANDLES) {
    replace(handles, name, (original) => promised((self) => fdCall(name, (self as { fd: number }).fd), original));
  }
  syncBuiltinESMExports();
}

/** Watches from now on. @returns what ends it */
export function watchFileSystem(watcher: Watcher): () => void {
  if (watchers.size === 0) install();
  watchers.add(watcher);
  return () => {
    if (!watchers.delete(watcher) || watchers.size > 0) return;
    for (const { object, name, original } of replaced.splice(0).reverse()) object[name] = original;
    syncBuiltinESMExports();
  };
}
