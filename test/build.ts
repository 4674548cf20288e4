/** The whole app on a temporary directory, closed and removed after the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { buildApp } from '../src/app.js';
import { type Config, readConfig } from '../src/config.js';
import type { Clock, Role } from '../src/types.js';

/** A clock that stands still until it is moved. */
export class MovedClock implements Clock {
  #now: number;
  constructor(start: Date = new Date()) {
    this.#now = start.getTime();
  }
  now(): Date {
    return new Date(this.#now);
  }
  advance(seconds: number): void {
    this.#now += seconds * 1000;
  }
}

export interface Built {
  app: FastifyInstance;
  config: Config;
  tokens: Record<Role, string>;
  /** Calls the API with the token of a role; `anonymous` sends none. */
  call: (as: Role | 'anonymous', options: InjectOptions) => Promise<LightMyRequestResponse>;
  /** Issues a certificate with an EC key and gives back the answer's body. */
  issue: (body?: Record<string, unknown>) => Promise<Record<string, string> & { identifier: string }>;
}

/** Settings for a test: an EC CA, no rate limits, quiet. */
export async function testConfig(t: TestContext, environment: Record<string, string> = {}): Promise<Config> {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-'));
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  return readConfig({
    CERTMATE_DATA_DIR: join(folder, 'data'),
    CERTMATE_LOG_DIR: join(folder, 'logs'),
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_RATE_LIMITS: 'off',
    CERTMATE_LOG_LEVEL: 'silent',
    ...environment,
  });
}

/** Builds the app. @param options.config reuses the directory of another one */
export async function build(
  t: TestContext,
  options: { environment?: Record<string, string>; config?: Config; clock?: Clock } = {},
): Promise<Built> {
  const config = options.config ?? (await testConfig(t, options.environment));
  const app = await buildApp({ config, ...(options.clock && { clock: options.clock }) });
  t.after(() => app.close());
  const maker = { name: 'test', role: 'admin' as const };
  const suffix = app.auth.list().length;
  const tokenOf = async (role: Role) =>
    (await app.auth.create({ name: `${role}-${suffix}`, role, expires_at: null }, maker)).token;
  const tokens = {
    viewer: await tokenOf('viewer'),
    operator: await tokenOf('operator'),
    admin: await tokenOf('admin'),
  };
  const call: Built['call'] = (as, request) =>
    app.inject({
      ...request,
      headers: { ...(as !== 'anonymous' && { authorization: `Bearer ${tokens[as]}` }), ...request.headers },
    });
  const issue: Built['issue'] = async (body = {}) => {
    const answer = await call('operator', {
      method: 'POST',
      url: '/api/client-certs',
      payload: { common_name: 'alice@example.com', key_type: 'ec-p256', ...body },
    });
    if (answer.statusCode !== 201) throw new Error(`not issued: ${answer.body}`);
    return answer.json();
  };
  return { app, config, tokens, call, issue };
}
