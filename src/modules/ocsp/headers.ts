/** The headers of an OCSP answer (RFC 5019 §6.2). */
import type { Period } from './period.js';
import type { OcspAnswer } from './responder.js';

export const OCSP_RESPONSE = 'application/ocsp-response';

/** Names and values. Only what may be cached says so; errors and answers to a nonce say nothing of the kind. */
export function headersOf({ cache, etag }: Pick<OcspAnswer, 'cache' | 'etag'>, now: Date): [string, string][] {
  return cache === null ? [['content-type', OCSP_RESPONSE]] : [...headersFor(cache, now), ['etag', etag]];
}

/** The same as lines, each with its CRLF. */
export function headerLines({ cache, etag }: Pick<OcspAnswer, 'cache' | 'etag'>, now: Date): string {
  if (cache === null) return UNCACHED;
  // They change with each second that begins, and not before; a thousand answers may leave in one.
  const until = Math.ceil(now.getTime() / 1000);
  if (cache.lines?.until !== until) cache.lines = { until, text: lines(headersFor(cache, now)) };
  return `${cache.lines.text}etag: ${etag}\r\n`;
}

function headersFor({ nextUpdate, expires, lastModified }: Period, now: Date): [string, string][] {
  // One second less than is left: now + max-age stays before nextUpdate.
  const left = Math.max(0, Math.floor((nextUpdate.getTime() - now.getTime()) / 1000) - 1);
  return [
    ['content-type', OCSP_RESPONSE],
    ['expires', expires],
    ['cache-control', `max-age=${left}, public, no-transform, must-revalidate`],
    ['last-modified', lastModified],
  ];
}

const lines = (headers: [string, string][]): string => headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');

const UNCACHED = lines([['content-type', OCSP_RESPONSE]]);
