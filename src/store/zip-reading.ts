/** Reads ZIP archives (APPNOTE.TXT 6.3.10), also large ones (ZIP64), as far as they are stored plainly or deflated. */
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';
import type { FoundFile } from './found-files.js';

/** It is not an archive, or a damaged one. */
export class ZipError extends Error {}

const END = 0x06054b50;
const END_LENGTH = 22;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** The longest comment that may stand behind the end record. */
const LONGEST_COMMENT = 0xffff;
const IN_EXTRA = 0xffffffff;
const LARGEST_DIRECTORY = 64 << 20;
const READ_BYTES = 1 << 18;

interface Entry {
  name: string;
  method: number;
  crc: number;
  compressed: number;
  uncompressed: number;
  offset: number;
}

/** Whether a file begins as an archive does. */
export async function isZip(path: string): Promise<boolean> {
  return withFile(path, async (handle) => {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && (buffer.readUInt32LE(0) === LOCAL || buffer.readUInt32LE(0) === END);
  });
}

/** The files of an archive, in the order of its directory. @throws ZipError */
export async function zipFiles(path: string): Promise<FoundFile[]> {
  const entries = await withFile(path, readDirectory);
  return entries
    .filter(({ name }) => !name.endsWith('/'))
    .map((entry) => ({ name: entry.name, bytes: () => contents(path, entry) }));
}

async function* contents(path: string, entry: Entry): AsyncGenerator<Buffer> {
  const { name, method, compressed, offset } = entry;
  if (method !== 0 && method !== 8) throw new ZipError(`${name} is compressed in an unusual way`);
  const handle = await open(path, 'r');
  try {
    const header = await readAt(handle, offset, 30);
    if (header.readUInt32LE(0) !== LOCAL) throw new ZipError(`${name} is not where the archive says`);
    const start = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const stored = between(handle, start, start + compressed);
    yield* checked(method === 0 ? stored : inflated(stored, name), entry);
  } finally {
    await handle.close();
  }
}

/** Passes on what has the length and the CRC-32 that the directory gives. @throws ZipError at the end, or beyond the length */
async function* checked(pieces: AsyncIterable<Buffer>, { name, crc, uncompressed }: Entry): AsyncGenerator<Buffer> {
  let length = 0;
  let sum = 0;
  for await (const piece of pieces) {
    length += piece.length;
    if (length > uncompressed) break;
    sum = crc32(piece, sum);
    yield piece;
  }
  if (length !== uncompressed || sum !== crc) throw new ZipError(`${name} in the archive is damaged`);
}

async function* inflated(stored: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  // What goes wrong shows where the output is read.
  const output = pipeline(Readable.from(stored), createInflateRaw(), () => undefined);
  try {
    for await (const piece of output) yield piece as Buffer;
  } catch (cause) {
    throw new ZipError(`${name} in the archive is damaged`, { cause });
  }
}

async function* between(handle: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  for (let position = from; position < to; position += READ_BYTES) {
    yield await readAt(handle, position, Math.min(READ_BYTES, to - position));
  }
}

async function readDirectory(handle: FileHandle): Promise<Entry[]> {
  const { size } = await handle.stat();
  const tailAt = Math.max(0, size - END_LENGTH - LONGEST_COMMENT);
  const tail = await readAt(handle, tailAt, size - tailAt);
  let at = tail.length - END_LENGTH;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at -= 1;
  if (at < 0) throw new ZipError('it is not a ZIP archive, or only a part of one');
  let length = tail.readUInt32LE(at + 12);
  let offset = tail.readUInt32LE(at + 16);
  if (at >= 20 && tail.readUInt32LE(at - 20) === LOCATOR_64) {
    const end = await readAt(handle, number64(tail, at - 12), 56);
    if (end.readUInt32LE(0) !== END_64) throw new ZipError('the directory of the archive is damaged');
    length = number64(end, 40);
    offset = number64(end, 48);
  }
  if (length > LARGEST_DIRECTORY) throw new ZipError('the directory of the archive is damaged');
  return parseDirectory(await readAt(handle, offset, length));
}

function parseDirectory(directory: Buffer): Entry[] {
  const entries: Entry[] = [];
  try {
    for (let at = 0; at < directory.length; ) {
      if (directory.readUInt32LE(at) !== ENTRY) throw new RangeError('not an entry');
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((place) => directory.readUInt16LE(at + place));
      const nameEnd = at + 46 + (nameLength ?? 0);
      const extraEnd = nameEnd + (extraLength ?? 0);
      const entry = {
        name: directory.toString('utf8', at + 46, nameEnd),
        method: directory.readUInt16LE(at + 10),
        crc: directory.readUInt32LE(at + 16),
        compressed: directory.readUInt32LE(at + 20),
        uncompressed: directory.readUInt32LE(at + 24),
        offset: directory.readUInt32LE(at + 42),
      };
      entries.push(withExtra(entry, directory.subarray(nameEnd, extraEnd)));
      at = extraEnd + (commentLength ?? 0);
    }
  } catch (cause) {
    throw new ZipError('the directory of the archive is damaged', { cause });
  }
  return entries;
}

/** Numbers that do not fit into 32 bits stand in the extra field 1, in this order, and only those. */
function withExtra(entry: Entry, extra: Buffer): Entry {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let place = at + 4;
    const next = (given: number): number => {
      if (given !== IN_EXTRA) return given;
      place += 8;
      return number64(extra, place - 8);
    };
    const uncompressed = next(entry.uncompressed);
    return { ...entry, uncompressed, compressed: next(entry.compressed), offset: next(entry.offset) };
  }
  return entry;
}

function number64(bytes: Buffer, at: number): number {
  const number = Number(bytes.readBigUInt64LE(at));
  if (!Number.isSafeInteger(number)) throw new ZipError('the directory of the archive is damaged');
  return number;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new ZipError('the archive is cut short');
    done += bytesRead;
  }
  return bytes;
}

async function withFile<Result>(path: string, work: (handle: FileHandle) => Promise<Result>): Promise<Result> {
  const handle = await open(path, 'r');
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}
