/** The request in a path, in every spelling that clients use (RFC 6960 appendix A.1). */

const NOTHING = Buffer.alloc(0);

/**
 * @param path what follows `/ocsp`: base64, percent-encoded or not, with doubled slashes in front (of a base URL that ends
 *   in one), without padding; a query does not count
 * @returns nothing, which is malformed as well, when it is no base64
 */
export function requestInPath(path: string): Buffer {
  const query = path.indexOf('?');
  let text = query === -1 ? path : path.slice(0, query);
  try {
    if (text.includes('%')) text = decodeURIComponent(text);
  } catch {
    return NOTHING;
  }
  let start = 0;
  while (text.charCodeAt(start) === 0x2f) start += 1;
  if (start > 0) text = text.slice(start);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : NOTHING;
}
