/** Wires API keys: `app.auth`, and a principal on every request that carries a valid token. */
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { Folder } from '../../store/folder.js';
import type { Clock } from '../../types.js';
import { ApiKeys } from './api-keys.js';

declare module 'fastify' {
  interface FastifyInstance {
    auth: ApiKeys;
  }
}

export interface AuthOptions {
  dataDir: string;
  clock: Clock;
  /** `CERTMATE_API_TOKEN`: an admin token that is kept nowhere. */
  apiToken: string | null;
}

export const auth = plugin(
  async (app: FastifyInstance, { dataDir, clock, apiToken }: AuthOptions) => {
    const keys = await ApiKeys.open({ files: new Folder(join(dataDir, 'auth')), clock, operatorToken: apiToken });
    app.decorate('auth', keys);
    app.addHook('onRequest', (request, _reply, done) => {
      const token = bearerToken(request.headers.authorization);
      if (token !== null) request.principal = keys.authenticate(token);
      done();
    });
  },
  { name: 'auth', fastify: '5.x', dependencies: ['request-identity', 'access', 'audit'] },
);

/** The token of an `Authorization: Bearer …` header (RFC 6750 §2.1); the scheme's case does not matter. */
function bearerToken(header: string | undefined): string | null {
  return /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(header ?? '')?.[1] ?? null;
}
