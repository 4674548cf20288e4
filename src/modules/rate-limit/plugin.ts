/**
 * How often one caller may call. Each class of the access table has its own allowance a minute for each token, or for
 * each address where there is no valid token. Above all of them stands one ceiling for each address, which no header
 * changes: a token that is not valid buys nothing, and neither does a new one with every call.
 */
import rateLimiter from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import type { LimitClass } from '../../http/access.js';
import { RateLimitError } from '../../http/problem.js';

/** Requests a minute; `ceiling` is for each address over all classes. */
export type RateLimits = Record<Exclude<LimitClass, 'none'> | 'ceiling', number>;

const DEFAULT_LIMITS: Readonly<RateLimits> = {
  default: 100,
  create: 30,
  renew: 30,
  batch: 10,
  ocsp: 200,
  crl: 60,
  login: 5,
  ceiling: 600,
};

declare module 'fastify' {
  interface FastifyInstance {
    /** The numbers in force. A change holds from the next request on. */
    rateLimits: RateLimits;
  }
}

export interface RateLimitOptions {
  /** `false` switches all of it off. */
  enabled: boolean;
  limits?: Partial<RateLimits>;
}

const MINUTE = 60_000;

export const rateLimit = plugin(
  async (app: FastifyInstance, { enabled, limits }: RateLimitOptions) => {
    app.decorate('rateLimits', { ...DEFAULT_LIMITS, ...limits });
    if (!enabled) return;
    await app.register(rateLimiter, { global: false });
    const { normalizeIP } = rateLimiter;
    // IPv6 callers own a /64 at least, so that is what counts as one address.
    const byAddress = (request: FastifyRequest) => `address ${normalizeIP(request.ip)}`;
    const byCaller = (request: FastifyRequest) =>
      request.principal === null ? byAddress(request) : `token ${request.principal.id}`;
    const limiter = (name: keyof RateLimits, keyGenerator: (request: FastifyRequest) => string) =>
      app.createRateLimit({ max: () => app.rateLimits[name], timeWindow: MINUTE, keyGenerator });

    const ceiling = limiter('ceiling', byAddress);
    const classes = {
      default: limiter('default', byCaller),
      create: limiter('create', byCaller),
      renew: limiter('renew', byCaller),
      batch: limiter('batch', byCaller),
      ocsp: limiter('ocsp', byCaller),
      crl: limiter('crl', byCaller),
      // Whoever guesses passwords may well hold a token.
      login: limiter('login', byAddress),
    };
    app.addHook('onRequest', async (request, reply) => {
      const limitClass = request.routeOptions.config.access?.limit;
      if (limitClass === 'none') return;
      judge(reply, await ceiling(request));
      // A path that does not exist belongs to no class; the ceiling alone counts it.
      if (limitClass !== undefined) judge(reply, await classes[limitClass](request));
    });
  },
  { name: 'rate-limit', fastify: '5.x', dependencies: ['access', 'auth'] },
);

type Outcome = Awaited<ReturnType<ReturnType<FastifyInstance['createRateLimit']>>>;

function judge(reply: FastifyReply, outcome: Outcome): void {
  if (outcome.isAllowed) return;
  const { max, remaining, ttlInSeconds: reset, isExceeded } = outcome;
  for (const prefix of ['ratelimit', 'x-ratelimit']) {
    reply.headers({ [`${prefix}-limit`]: max, [`${prefix}-remaining`]: remaining, [`${prefix}-reset`]: reset });
  }
  if (isExceeded) throw new RateLimitError(reset);
}
