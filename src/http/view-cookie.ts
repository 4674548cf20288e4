/**
 * Which view of the list of certificates a visitor came from, so that every way back leads there: search, filters, order
 * and page. It is a cookie and not part of the session because it changes with every letter that is searched for.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

const NAME = 'view';
const LIST = '/client-certificates';
/** Browsers keep 4096 octets a cookie. */
const LONGEST = 3000;

/** @param href the address of the view: the list's path, with or without a query */
export function keepView(reply: FastifyReply, href: string): void {
  const query = href.split('?')[1] ?? '';
  if (query === '' || query.length > LONGEST) reply.clearCookie(NAME, { path: '/' });
  else reply.setCookie(NAME, query, { path: '/', httpOnly: true, sameSite: 'strict' });
}

/** The address of the view that was kept last; the whole list if there is none. */
export function keptView({ cookies }: FastifyRequest): string {
  const query = cookies?.[NAME] ?? '';
  return query !== '' && query.length <= LONGEST && /^[\w.~*+%&=-]+$/.test(query) ? `${LIST}?${query}` : LIST;
}
