/** Who and what a request is: its id, and its caller as the audit trail names them. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { Actor, AuditSink, Role } from '../types.js';

/** An authenticated caller. */
export interface Principal {
  /** Stable over the caller's life: limits and audit lines can be tied to it. */
  id: string;
  name: string;
  role: Role;
  kind: 'token' | 'session';
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, once authenticated; null for everybody else. */
    principal: Principal | null;
  }
  interface FastifyInstance {
    /** The audit trail, as routes see it. */
    audit: AuditSink;
  }
}

/** What we accept as somebody else's request id: it goes into logs, the audit trail and back out in a header. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** Fastify's `genReqId`: the caller's `X-Request-Id` where it is a harmless one, else a new UUID. */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** The caller of this request, for the audit trail. */
export function actorOf(request: FastifyRequest): Actor {
  return { user: request.principal?.name ?? 'anonymous', ip_address: request.ip, request_id: request.id };
}

/** Every answer carries `X-Request-Id`; every request has a `principal`, null until someone authenticates it. */
export const requestIdentity = plugin(
  async (app: FastifyInstance) => {
    app.decorateRequest('principal', null);
    app.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
  },
  { name: 'request-identity', fastify: '5.x' },
);
