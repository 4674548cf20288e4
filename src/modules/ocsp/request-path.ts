/** The request in a path, in every spelling that clients use (RFC 6960 appendix A.1), and as proxies hand it on. */

/**
 * @param path what follows `/ocsp`: base64, percent-encoded or not, with doubled slashes in front (of a base URL that ends
 *   in one), without padding; a query does not count
 * @returns nothing, which is malformed as well, when it is no base64
 */
export function requestInPath(path: string): Buffer {
  return Buffer.from(base64In(path), 'base64');
}

/** The base64 of a path; empty where it is none. */
function base64In(path: string): string {
  const query = path.indexOf('?');
  let text = query === -1 ? path : path.slice(0, query);
  try {
    if (text.includes('%')) text = decodeURIComponent(text);
  } catch {
    return '';
  }
  let start = 0;
  while (text.charCodeAt(start) === 0x2f) start += 1;
  if (start > 0) text = text.slice(start);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? text : '';
}

/** So many slashes are put back, at so many places at most: 136 candidates. */
const MOST_MISSING = 2;
const MOST_PLACES = 16;

/**
 * The requests that a path may have held before a proxy made one slash of each `//` in it, as nginx does unless
 * `merge_slashes` is off: the length in the DER says how many are missing, and only a slash beside another one can be.
 * @param path as for requestInPath
 */
export function* unmergedRequests(path: string): Generator<Buffer> {
  const text = base64In(path).replace(/=+$/, '');
  const length = derLength(Buffer.from(text.slice(0, 8), 'base64'));
  if (length === null) return;
  const places = [...text.matchAll(/\//g)].map(({ index }) => index);
  const missing = Math.ceil((length * 4) / 3) - text.length;
  if (missing < 1 || missing > MOST_MISSING || places.length > MOST_PLACES) return;
  for (const candidate of inserted(text, places, missing)) yield Buffer.from(candidate, 'base64').subarray(0, length);
}

/** Every text with so many slashes more, beside those at these places; the same place may get several. */
function* inserted(text: string, places: readonly number[], count: number): Generator<string> {
  if (count === 0) {
    yield text;
    return;
  }
  for (const [at, place] of places.entries()) {
    // From the end on, so that the places before stay where they are.
    const grown = `${text.slice(0, place)}/${text.slice(place)}`;
    yield* inserted(grown, places.slice(0, at + 1), count - 1);
  }
}

/** The whole length of a DER value by its first octets; null where they are none. */
function derLength(der: Buffer): number | null {
  const [tag, first = 0x80, second = 0, third = 0] = der;
  if (tag !== 0x30) return null;
  if (first < 0x80) return first + 2;
  if (first === 0x81) return second + 3;
  return first === 0x82 ? second * 256 + third + 4 : null;
}
