/**
 * Requests that come from within the process, made by whoever is at the machine itself: the `certmate` command on a data
 * directory that no server uses. They need no credentials, as such a person could read everything anyway; every rule about
 * what is asked for, and the audit trail, are those of the API.
 */
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';

/** Whoever is at the machine, among the ids of keys and users. */
export const AT_THE_MACHINE = 'cli';

/** What such a request carries: credentials of a kind of their own, so that no session is looked for. */
export const MACHINE_HEADERS = { authorization: 'CertMate-Machine' } as const;

/** Its hook must come after those that look for a token or a session. @param user as the audit trail is to name them */
export const atTheMachine = plugin(
  async (app: FastifyInstance, { user }: { user: string }) => {
    app.addHook('onRequest', (request, _reply, done) => {
      const { headers, raw } = request;
      // What has come over a network is never meant, should such an app ever listen.
      if (headers.authorization === MACHINE_HEADERS.authorization && !(raw.socket instanceof Socket)) {
        request.principal = {
          id: AT_THE_MACHINE,
          name: user,
          role: 'admin',
          kind: 'token',
          reach: null,
          hasPassword: false,
          mustChangePassword: false,
        };
      }
      done();
    });
  },
  { name: 'at-the-machine', fastify: '5.x', dependencies: ['auth'] },
);
