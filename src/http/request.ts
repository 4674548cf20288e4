/** Who and what a request is: its id, and its caller as the audit trail names them. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { CertMateError } from '../errors.js';
import type { Actor, AuditSink, Reach, Role } from '../types.js';
import { forwardedAddresses } from './forwarded.js';

/** An authenticated caller. */
export interface Principal {
  /** Stable over the caller's life: limits and audit lines can be tied to it. */
  id: string;
  name: string;
  role: Role;
  kind: 'token' | 'session';
  /** Which certificates they may touch; null: all. */
  reach: Reach | null;
  /** Whether it is somebody who signs in with a password. */
  hasPassword: boolean;
  /** Nothing else is allowed until the password is changed. */
  mustChangePassword: boolean;
}

/** A caller who is known and yet not let in, such as a key used from an address that it is not for. */
export interface Refusal {
  user: string;
  message: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, once authenticated; null for everybody else. */
    principal: Principal | null;
    /** Why whoever calls is not let in although they are known; null otherwise. */
    refusal: Refusal | null;
  }
  interface FastifyInstance {
    /** The audit trail, as routes see it. */
    audit: AuditSink;
  }
}

/** What we accept as somebody else's request id: it goes into logs, the audit trail and back out in a header. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The caller's `X-Request-Id` where it is a harmless one, else a new UUID. */
export function requestId(given: string | string[] | null | undefined): string {
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The caller of this request, for the audit trail. */
export function actorOf({ principal, refusal, ip, id }: FastifyRequest): Actor {
  const user = principal?.name ?? refusal?.user ?? 'anonymous';
  const reach = principal?.reach ?? null;
  return { user, ip_address: ip, request_id: id, ...(reach === null ? {} : { reach }) };
}

/** The caller of a route that is not public. @throws CertMateError UNAUTHENTICATED */
export function callerOf({ principal }: FastifyRequest): Principal {
  if (principal !== null) return principal;
  throw new CertMateError('UNAUTHENTICATED', 'Send an API token: Authorization: Bearer <token>.');
}

/** Every answer carries `X-Request-Id`; every request has a `principal`, null until someone authenticates it. */
export const requestIdentity = plugin(
  async (app: FastifyInstance) => {
    app.decorateRequest('principal', null);
    app.decorateRequest('refusal', null);
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      const { headers } = request.raw;
      const forwarded = headers['x-forwarded-for'];
      // Before anybody asks for `request.ip`.
      if (forwarded !== undefined) headers['x-forwarded-for'] = forwardedAddresses(forwarded).join(',');
      done();
    });
  },
  { name: 'request-identity', fastify: '5.x' },
);
