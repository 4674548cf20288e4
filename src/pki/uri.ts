/**
 * URIs as names (RFC 3986, RFC 5280 §4.2.1.6 and §7.4). One that Go or Java cannot parse makes the whole certificate
 * unreadable there, so what is accepted is what both read (golang/go#69930, #43954, #23995).
 */
import { isIPv4, isIPv6 } from 'node:net';
import { CertMateError } from '../errors.js';
import { domainName } from './domain.js';

/** Most octets of a URI; the SPIFFE ID specification (§2.3) has the same limit. */
const MAX_URI = 2048;
/** Most octets of a trust domain's name (SPIFFE ID §2.1). */
const MAX_TRUST_DOMAIN = 255;

/** RFC 3986 appendix B: scheme, authority, path, query, fragment. */
const PARTS =
  /^(?<scheme>[A-Za-z][A-Za-z\d+.-]*):(?:\/\/(?<authority>[^/?#]*))?(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?:#(?<fragment>.*))?$/su;
/** RFC 3986 §3.3: characters of a path; query and fragment may have `?` as well. */
const PATH = /^(?:[\w.~!$&'()*+,;=:@/-]|%[\dA-Fa-f]{2})*$/;
const QUERY = /^(?:[\w.~!$&'()*+,;=:@/?-]|%[\dA-Fa-f]{2})*$/;
/** Schemes whose URIs name a host. */
const WITH_HOST: ReadonlySet<string> = new Set(['http', 'https', 'ws', 'wss', 'ftp', 'ldap', 'ldaps']);

/**
 * A URI in normal form: an internationalized host as A-labels, other characters beyond ASCII percent-encoded (RFC 3987 §3.1).
 * @throws CertMateError VALIDATION_FAILED that says what is wrong with it
 */
export function uniformResourceIdentifier(value: string): string {
  const parts = PARTS.exec(value)?.groups;
  if (parts === undefined)
    throw invalid('A uri name must be an absolute URI with its scheme, such as spiffe://example.com/device.');
  const { scheme = '', authority } = parts;
  if (scheme.toLowerCase() === 'spiffe') return spiffeId(parts);
  if (authority === undefined && WITH_HOST.has(scheme.toLowerCase()))
    throw invalid(`A uri name must name a host: write ${scheme}://host/….`);
  const [path, query, fragment] = [parts['path'], parts['query'], parts['fragment']].map(encoded);
  if (authority === undefined && path === '') throw invalid('A uri name must have more than its scheme.');
  if (!PATH.test(path ?? '') || !QUERY.test(query ?? '') || !QUERY.test(fragment ?? ''))
    throw invalid('A uri name has characters that a URI must not have. Percent-encode them (RFC 3986), # too.');
  const uri = [
    `${scheme}:`,
    authority === undefined ? '' : `//${hostAndPort(authority)}`,
    path,
    query === undefined ? '' : `?${query}`,
    fragment === undefined ? '' : `#${fragment}`,
  ].join('');
  if (uri.length > MAX_URI) throw invalid(`A uri name must have at most ${MAX_URI} characters.`);
  return uri;
}

/** RFC 5280 §4.2.1.6: an authority must name its host, by a domain name or an IP address. */
function hostAndPort(authority: string): string {
  if (authority.includes('@')) throw invalid('A uri name must not have user information before its host.');
  const { host = '', port } = /^(?<host>\[[^\]]*\]|[^:[\]]*)(?::(?<port>.*))?$/su.exec(authority)?.groups ?? {};
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65_536))
    throw invalid('The port of a uri name must be a number from 1 to 65535.');
  const suffix = port === undefined ? '' : `:${port}`;
  if (isIPv4(host) || (host.startsWith('[') && isIPv6(host.slice(1, -1)) && !host.includes('%'))) return host + suffix;
  const domain = domainName(host);
  if (domain === null)
    throw invalid(
      'The host of a uri name must be a domain name (labels of letters, digits and inner hyphens, no dot at its end) or an IP address ([…] around IPv6), without % escapes.',
    );
  // The case of what is written in ASCII stays as it is.
  return (/[^\p{ASCII}]/u.test(host) ? domain : host) + suffix;
}

/** SPIFFE ID §2: `spiffe://trust-domain/path`, and nothing else of what a URI may have. Java reads labels up to 63 only. */
function spiffeId({ authority = '', path = '', query, fragment }: Record<string, string | undefined>): string {
  const lower = authority.toLowerCase();
  const trustDomain = /[^\p{ASCII}]/u.test(lower) ? domainName(lower) : lower;
  const labels = trustDomain?.split('.') ?? [];
  if (
    trustDomain === null ||
    trustDomain.length > MAX_TRUST_DOMAIN ||
    !labels.every((label) => /^[a-z\d_-]{1,63}$/.test(label))
  )
    throw invalid(
      'The trust domain of a SPIFFE ID must be made of a-z, 0-9, dots, hyphens and underscores, without port or user information, such as spiffe://example.com/device.',
    );
  if (query !== undefined || fragment !== undefined) throw invalid('A SPIFFE ID must not have a query or a fragment.');
  const segments = path.split('/').slice(1);
  if (!segments.every((segment) => /^[\w.-]+$/.test(segment) && segment !== '.' && segment !== '..'))
    throw invalid(
      'Each path segment of a SPIFFE ID must be made of letters, digits, dots, hyphens and underscores; none may be empty, . or ...',
    );
  const id = `spiffe://${trustDomain}${path}`;
  if (id.length > MAX_URI) throw invalid(`A SPIFFE ID must have at most ${MAX_URI} characters.`);
  return id;
}

/** Characters beyond ASCII as the escapes of their UTF-8 (RFC 3987 §3.1); half a surrogate pair stays and is refused. */
function encoded(part: string | undefined): string | undefined {
  return part?.replace(/[^\p{ASCII}\p{Cs}]/gu, encodeURIComponent);
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message);
}
