/** The headers of an OCSP answer (RFC 5019 §6.2), names and values in turn. */
import type { OcspAnswer } from './responder.js';

export const OCSP_RESPONSE = 'application/ocsp-response';

/** Only what may be cached says so; errors and answers to a nonce say nothing of the kind. */
export function headersOf({ cache, etag }: Pick<OcspAnswer, 'cache' | 'etag'>, now: Date): string[] {
  if (cache === null) return ['content-type', OCSP_RESPONSE];
  // One second less than is left: now + max-age stays before nextUpdate.
  const left = Math.max(0, Math.floor((cache.nextUpdate.getTime() - now.getTime()) / 1000) - 1);
  const headers = ['content-type', OCSP_RESPONSE, 'expires', cache.expires];
  headers.push('cache-control', `max-age=${left}, public, no-transform, must-revalidate`);
  headers.push('last-modified', cache.lastModified, 'etag', etag);
  return headers;
}
