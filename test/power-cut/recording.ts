/**
 * What a power cut may leave on a disk: contents are there as far as a sync of the file had ended, names as far as a sync of
 * their directory had. Everything else may be there or not. From what recorder.ts has written down, such a disk can be made
 * for each moment.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

/** The file in the recording's directory that everything is written to, a line each. */
export const LIST = 'list';

export type Entry =
  | { what: 'file'; path: string; fd: number | undefined }
  | { what: 'directory'; path: string; parents: boolean }
  | { what: 'rename' | 'link'; path: string; to: string }
  | { what: 'gone'; path: string }
  | { what: 'written'; fd: number; size: number }
  | { what: 'sync begins'; id: string; fd: number; copy: string | null }
  | { what: 'sync ends'; id: string }
  | { what: 'note'; text: string };

/** Adds to the list of a recording. */
export function write(list: string, entry: Entry): void {
  appendFileSync(list, `${JSON.stringify(entry)}\n`);
}

/** Says something at this moment of the recording, from any process: what has been asked, what has been acknowledged. */
export function note(into: string, text: string): void {
  write(join(into, LIST), { what: 'note', text });
}

/** What makes Node record what a program does below a directory. */
export function recorderOptions(into: string, below: string): string[] {
  const recorder = new URL('./recorder.js', import.meta.url);
  recorder.search = new URLSearchParams({ into, below }).toString();
  return ['--import', recorder.href];
}

/** Runs a compiled script to its end, recorded. @throws Error it failed */
export async function recordScript(script: URL, args: string[], into: string, below: string): Promise<Recording> {
  const child = spawn(process.execPath, [...recorderOptions(into, below), script.pathname, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: 60_000,
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the recorded script ended with ${code}`);
  return new Recording(into, below);
}

/** A file or a directory, whatever its names are. */
interface Item {
  /** Names in it, as they are now; null for a file. */
  readonly names: Map<string, Item> | null;
  /** The copies that were made of its contents, in the order in which their syncs ended. */
  readonly copies: string[];
  /** How long it is, synced or not. */
  size: number;
}

/** A name given or taken. */
interface Change {
  readonly directory: Item;
  readonly name: string;
  /** Null if the name was taken away. */
  readonly item: Item | null;
  /** What takes a name and gives another does both or neither. */
  readonly call: { durable: boolean };
}

/** How much of what was not synced is on the disk all the same. */
export interface Luck {
  /** Names given and taken since: the first so many of them, as a part of all (0 none, 1 all), as a journaling disk keeps them. */
  names: number;
  /** Of what was appended to a file since: this part. */
  contents: number;
}

/** The worst: only what was synced. */
export const NOTHING_MORE: Luck = { names: 0, contents: 0 };

export class Recording {
  readonly entries: readonly Entry[];
  readonly #into: string;
  readonly #below: string;

  /** @param below the directory that was recorded; it was there, and empty */
  constructor(into: string, below: string) {
    this.#into = into;
    this.#below = below;
    const lines = readFileSync(join(into, LIST), 'utf8').trimEnd().split('\n');
    this.entries = lines.map((line) => JSON.parse(line) as Entry);
  }

  /** The notes made before the moment, in their order. */
  notes(moment: number): string[] {
    return this.entries.slice(0, moment).flatMap((entry) => (entry.what === 'note' ? [entry.text] : []));
  }

  /** The moment just after a note. @throws Error there is none like that */
  after(text: string): number {
    const index = this.entries.findIndex((entry) => entry.what === 'note' && entry.text === text);
    if (index === -1) throw new Error(`nothing was noted as ${text}`);
    return index + 1;
  }

  /**
   * Makes the disk as a power cut leaves it.
   * @param moment after so many entries
   * @param place the directory that stands for the one recorded; it must not exist
   */
  restore(moment: number, luck: Luck, place: string): void {
    const disk = new Disk(this.#below);
    for (const entry of this.entries.slice(0, moment)) disk.take(entry);
    const later = this.entries.slice(moment);
    disk.write(luck, place, this.#into, (item) => disk.next(item, later));
  }
}

class Disk {
  readonly #root: Item = { names: new Map(), copies: [], size: 0 };
  readonly #below: string;
  readonly #changes: Change[] = [];
  readonly #open = new Map<number, Item>();
  readonly #syncs = new Map<string, { item: Item; copy: string | null; changes: Change[] }>();

  constructor(below: string) {
    this.#below = below;
  }

  take(entry: Entry): void {
    switch (entry.what) {
      case 'note':
        return;
      case 'file': {
        const item = this.#find(entry.path) ?? this.#make(entry.path, null);
        if (entry.fd !== undefined) this.#open.set(entry.fd, item);
        return;
      }
      case 'directory':
        if (entry.parents && this.#find(dirname(entry.path)) === undefined) {
          this.take({ ...entry, path: dirname(entry.path) });
        }
        if (this.#find(entry.path) === undefined) this.#make(entry.path, new Map());
        return;
      case 'rename':
      case 'link': {
        const item = this.#find(entry.path);
        if (item === undefined) return;
        const call = { durable: false };
        this.#name(entry.to, item, call);
        if (entry.what === 'rename') this.#name(entry.path, null, call);
        return;
      }
      case 'gone':
        if (this.#find(entry.path) !== undefined) this.#name(entry.path, null);
        return;
      case 'written': {
        const item = this.#open.get(entry.fd);
        if (item !== undefined) item.size = entry.size;
        return;
      }
      case 'sync begins': {
        const item = this.#open.get(entry.fd);
        if (item === undefined) return;
        const changes = this.#changes.filter(({ directory }) => directory === item);
        this.#syncs.set(entry.id, { item, copy: entry.copy, changes });
        return;
      }
      case 'sync ends': {
        const sync = this.#syncs.get(entry.id);
        if (sync === undefined) return;
        if (sync.copy !== null) sync.item.copies.push(sync.copy);
        for (const { call } of sync.changes) call.durable = true;
      }
    }
  }

  /** The contents that a file is synced with next. */
  next(item: Item, later: readonly Entry[]): string | null {
    const opened = new Set([...this.#open].flatMap(([fd, other]) => (other === item ? [fd] : [])));
    const running = [...this.#syncs.values()].find(
      ({ item: other, copy }) => other === item && copy !== null && !item.copies.includes(copy),
    );
    if (running !== undefined) return running.copy;
    for (const entry of later) {
      if (entry.what === 'file' && entry.fd !== undefined) opened.delete(entry.fd);
      if (entry.what === 'sync begins' && opened.has(entry.fd)) return entry.copy;
    }
    return null;
  }

  write(luck: Luck, place: string, into: string, next: (item: Item) => string | null): void {
    const pending = [...new Set(this.#changes.map(({ call }) => call).filter(({ durable }) => !durable))];
    const kept = new Set(pending.slice(0, Math.round(pending.length * luck.names)));
    const names = new Map<Item, Map<string, Item>>();
    for (const change of this.#changes) {
      if (!change.call.durable && !kept.has(change.call)) continue;
      const inside = names.get(change.directory) ?? new Map<string, Item>();
      names.set(change.directory, inside);
      if (change.item === null) inside.delete(change.name);
      else inside.set(change.name, change.item);
    }
    const read = (copy: string | null | undefined): Buffer =>
      copy === null || copy === undefined ? Buffer.alloc(0) : readFileSync(join(into, copy));
    const put = (item: Item, path: string): void => {
      if (item.names === null) {
        const contents = read(item.copies.at(-1));
        // The next copy may hold what was written later.
        const more = luck.contents === 0 ? contents : read(next(item)).subarray(0, item.size);
        const appended = more.subarray(0, contents.length).equals(contents)
          ? more.subarray(contents.length)
          : read(null);
        const lucky = appended.subarray(0, Math.round(appended.length * luck.contents));
        writeFileSync(path, Buffer.concat([contents, lucky]), { mode: 0o600 });
        return;
      }
      mkdirSync(path, { recursive: true, mode: 0o700 });
      for (const [name, inside] of names.get(item) ?? []) put(inside, join(path, name));
    };
    put(this.#root, place);
  }

  #find(path: string): Item | undefined {
    const inside = relative(this.#below, path);
    let item: Item | undefined = this.#root;
    for (const name of inside === '' ? [] : inside.split(sep)) item = item?.names?.get(name);
    return item;
  }

  #make(path: string, names: Map<string, Item> | null): Item {
    const item: Item = { names, copies: [], size: 0 };
    this.#name(path, item);
    return item;
  }

  #name(path: string, item: Item | null, call = { durable: false }): void {
    const directory = this.#find(dirname(path));
    // Outside of what is recorded.
    if (directory?.names === undefined || directory.names === null) return;
    const name = basename(path);
    if (item === null) directory.names.delete(name);
    else directory.names.set(name, item);
    this.#changes.push({ directory, name, item, call });
  }
}
