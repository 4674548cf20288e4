/**
 * The CSRF token of the login form, before there is a session: an HMAC over a random value in a signed cookie. The server keeps
 * nothing for a visitor, so however many forms are opened, each of them can be sent.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

const COOKIE = 'certmate-form';

/** The token for a form of this visitor; sets the cookie that belongs to it unless it is there. */
export function loginFormToken(request: FastifyRequest, reply: FastifyReply): string {
  const { sessions } = request.server;
  const name = sessions.cookieName(COOKIE);
  const known = readCookie(request.cookies[name], sessions.secret);
  const value = known ?? randomBytes(18).toString('base64url');
  if (known === null) {
    const signed = `${value}.${macOf('cookie', value, sessions.secret)}`;
    reply.setCookie(name, signed, { path: '/', httpOnly: true, sameSite: 'strict' });
  }
  return macOf('form', value, sessions.secret);
}

/** Whether this token was made for this visitor. */
export function isLoginFormToken(request: FastifyRequest, token: unknown): boolean {
  const { sessions } = request.server;
  const value = readCookie(request.cookies[sessions.cookieName(COOKIE)], sessions.secret);
  return value !== null && typeof token === 'string' && isSame(token, macOf('form', value, sessions.secret));
}

/** The random value of a cookie that this process signed; null for any other. */
function readCookie(cookie: string | undefined, secret: string): string | null {
  const [value = '', mac = ''] = (cookie ?? '').split('.');
  return value !== '' && isSame(mac, macOf('cookie', value, secret)) ? value : null;
}

function macOf(use: string, value: string, secret: string): string {
  return createHmac('sha256', secret).update(`${use} ${value}`).digest('base64url');
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
