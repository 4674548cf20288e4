/** A slash at the end of a path means nothing here: people type it, and programs join paths with one. */

/** Below these a path may well end in a slash: base64, and pages whose links are relative to it. */
const OWN = /^\/(?:api\/ocsp|docs)\/./;

/**
 * The URL by which a request is routed: that of the request without the slash at the end of its path, and otherwise as it is.
 * @param url path and query, as the request line has them
 */
export function withoutTrailingSlash(url: string): string {
  const query = url.indexOf('?');
  const end = query === -1 ? url.length : query;
  if (end < 2 || url.charCodeAt(end - 1) !== SLASH || url === DOCS || OWN.test(url)) return url;
  return url.slice(0, end - 1) + url.slice(end);
}

const SLASH = 0x2f;
const DOCS = '/docs/';
