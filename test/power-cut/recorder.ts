/**
 * Loaded before a program (`--import recorder.js?into=…&below=…`), in each of its threads: writes down which names it gives and
 * takes in a directory, and what is in a file whenever it is synced. recording.ts reads that.
 */
import fs from 'node:fs';
import { join, sep } from 'node:path';
import { threadId } from 'node:worker_threads';
import { type FileCall, watchFileSystem } from '../file-layer.js';
import { type Entry, LIST, write } from './recording.js';

const parameters = new URL(import.meta.url).searchParams;
const into = parameters.get('into') as string;
const below = parameters.get('below') as string;
const list = join(into, LIST);

const NAMING = new Set([
  'open',
  'writeFile',
  'appendFile',
  'copyFile',
  'mkdir',
  'rename',
  'link',
  'unlink',
  'rm',
  'rmdir',
]);
const WRITING = new Set(['write', 'writev', 'writeFile', 'truncate']);
const SYNCING = new Set(['sync', 'datasync']);
const syncs = new WeakMap<FileCall, string>();
let count = 0;

const concerns = ({ path, to }: FileCall): boolean =>
  [path, to].some((name) => name === below || name?.startsWith(below + sep) === true);

/** Copies what the disk is told to keep, before it is told. @returns the name of the copy; null for a directory */
function copyOf(fd: number, id: string): string | null {
  if (fs.fstatSync(fd).isDirectory()) return null;
  fs.writeFileSync(join(into, id), fs.readFileSync(`/proc/self/fd/${fd}`));
  return id;
}

watchFileSystem({
  before(call) {
    if (!SYNCING.has(call.name) || !concerns(call) || call.fd === undefined) return;
    count += 1;
    const id = `${process.pid}-${threadId}-${count}`;
    syncs.set(call, id);
    write(list, { what: 'sync begins', id, fd: call.fd, copy: copyOf(call.fd, id) });
  },
  after(call) {
    if (!concerns(call)) return;
    const id = syncs.get(call);
    if (id !== undefined) write(list, { what: 'sync ends', id });
    else if (WRITING.has(call.name) && call.fd !== undefined) {
      write(list, { what: 'written', fd: call.fd, size: fs.fstatSync(call.fd).size });
    } else if (NAMING.has(call.name)) write(list, named(call));
  },
});

function named({ name, path, to, fd, flags }: FileCall): Entry {
  switch (name) {
    case 'mkdir':
      return { what: 'directory', path, parents: flags === true };
    case 'rename':
      return { what: 'rename', path, to: to as string };
    case 'link':
      return { what: 'link', path, to: to as string };
    case 'unlink':
    case 'rm':
    case 'rmdir':
      return { what: 'gone', path };
    default:
      return { what: 'file', path: to ?? path, fd };
  }
}
