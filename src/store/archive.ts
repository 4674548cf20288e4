/**
 * Many files in one stream.
 *
 * Each file: the length of its head (32 bits, big-endian), the head (JSON: `{"path": …, "mode": …}`), then its contents in
 * pieces, each behind its length (32 bits), and a length of 0 behind the last. At the end of all: the head
 * `{"end": <number of files>}`. Lengths need not be known in advance, so files may grow while they are read.
 */

export interface ArchivedFile {
  /** With `/` between names. */
  path: string;
  /** Permission bits, as 0o600. */
  mode: number;
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** An archive that is not what `writeArchive` writes. */
export class ArchiveError extends Error {}

const LONGEST_HEAD = 1 << 16;
const LONGEST_PIECE = 1 << 20;

export async function* writeArchive(files: AsyncIterable<ArchivedFile>): AsyncGenerator<Buffer> {
  let count = 0;
  for await (const { path, mode, content } of files) {
    yield headOf({ path, mode });
    for await (const bytes of content) {
      for (let at = 0; at < bytes.length; at += LONGEST_PIECE) {
        const piece = bytes.subarray(at, at + LONGEST_PIECE);
        yield lengthOf(piece.length);
        yield Buffer.from(piece.buffer, piece.byteOffset, piece.length);
      }
    }
    yield lengthOf(0);
    count += 1;
  }
  yield headOf({ end: count });
}

/**
 * The files of an archive, in order. The contents of one are read before the next is asked for; what is not read is
 * passed over. Names are given as they are: whoever writes files under them checks them first.
 * @throws ArchiveError if it is cut short, or no archive
 */
export async function* readArchive(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<ArchivedFile & { content: AsyncGenerator<Buffer> }> {
  const octets = new Octets(source);
  for (let count = 0; ; count += 1) {
    const head = parseHead(await octets.take(await octets.length(LONGEST_HEAD)));
    if ('end' in head) {
      if (head.end !== count || !(await octets.ended())) throw new ArchiveError('the archive is not complete');
      return;
    }
    const content = contentOf(octets);
    yield { ...head, content };
    for await (const _passedOver of content);
  }
}

async function* contentOf(octets: Octets): AsyncGenerator<Buffer> {
  for (let length = await octets.length(LONGEST_PIECE); length > 0; length = await octets.length(LONGEST_PIECE)) {
    yield await octets.take(length);
  }
}

function headOf(said: object): Buffer {
  const json = Buffer.from(JSON.stringify(said));
  return Buffer.concat([lengthOf(json.length), json]);
}

function lengthOf(length: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(length);
  return octets;
}

function parseHead(json: Buffer): { path: string; mode: number } | { end: number } {
  let said: Record<string, unknown> = {};
  try {
    said = JSON.parse(json.toString()) as Record<string, unknown>;
  } catch {
    // It has none of the members then.
  }
  const { path, mode, end } = said;
  if (typeof end === 'number') return { end };
  if (typeof path === 'string' && typeof mode === 'number') return { path, mode: mode & 0o777 };
  throw new ArchiveError('this is not an archive of CertMate');
}

/** Takes octets out of a stream in whatever lengths are wanted. */
class Octets {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  async take(length: number): Promise<Buffer> {
    const held = [this.#held];
    let available = this.#held.length;
    while (available < length) {
      const next = await this.#pieces.next();
      if (next.done === true) throw new ArchiveError('the archive is cut short');
      held.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length));
      available += next.value.length;
    }
    const [only] = held;
    const joined = held.length === 1 && only !== undefined ? only : Buffer.concat(held, available);
    this.#held = joined.subarray(length);
    return joined.subarray(0, length);
  }

  async length(longest: number): Promise<number> {
    const length = (await this.take(4)).readUInt32BE();
    if (length > longest) throw new ArchiveError('this is not an archive of CertMate');
    return length;
  }

  async ended(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return true;
      this.#held = Buffer.from(next.value);
    }
    return false;
  }
}
