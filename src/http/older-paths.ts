/** Paths that callers of the Python CertMate and of its design documents use, and those of today that answer them. */
import { withoutTrailingSlash } from './trailing-slash.js';

/** Prefixes that stand for another one; the description of the API names them once. */
const PATH_ALIASES: Readonly<Record<string, string>> = { '/api/client-certificates': '/api/client-certs' };

/** Paths that are read, and nothing more. */
const READ_ONLY: Readonly<Record<string, string>> = {
  '/api/health': '/health',
  '/api/health/ready': '/health/ready',
  '/api/client-certs/ca': '/api/ca/download/pem',
};

/**
 * The URL by which a request is routed: that of the request, without a slash at the end of its path, and of today where it is an
 * older one.
 */
export function routedUrl({
  url = '/',
  method = 'GET',
}: {
  url?: string | undefined;
  method?: string | undefined;
}): string {
  const [path, query] = cut(withoutTrailingSlash(url));
  const present = presentPath(path);
  const reads = method === 'GET' || method === 'HEAD';
  return (reads && Object.hasOwn(READ_ONLY, present) ? READ_ONLY[present] : present) + query;
}

function presentPath(path: string): string {
  for (const [older, present] of Object.entries(PATH_ALIASES)) {
    if (path === older || path.startsWith(`${older}/`)) return present + path.slice(older.length);
  }
  return path;
}

function cut(url: string): [path: string, query: string] {
  const at = url.indexOf('?');
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at)];
}
