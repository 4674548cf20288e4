/**
 * How often one caller may call. Each class of the access table has its own allowance a minute for each token, or for
 * each address where there is no valid token. Above all of them stands one ceiling for each address, which no header
 * changes: a token that is not valid buys nothing, and neither does a new one with every call.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import plugin from 'fastify-plugin';
import type { LimitClass } from '../../http/access.js';
import { RateLimitError } from '../../http/problem.js';
import { callerAddress } from './address.js';
import { CallCounter, type Standing } from './windows.js';

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
  /** Milliseconds of a clock that never goes back, even where somebody sets the time. */
  now?: () => number;
}

export const rateLimit = plugin(
  async (app: FastifyInstance, { enabled, limits, now = () => performance.now() }: RateLimitOptions) => {
    app.decorate('rateLimits', { ...DEFAULT_LIMITS, ...limits });
    if (!enabled) return;
    const ceiling = new CallCounter();
    const classes = {
      default: new CallCounter(),
      create: new CallCounter(),
      renew: new CallCounter(),
      batch: new CallCounter(),
      ocsp: new CallCounter(),
      crl: new CallCounter(),
      login: new CallCounter(),
    };
    // Relying parties come by the thousand: nothing here waits, and nothing is made that need not be.
    app.addHook('onRequest', (request, reply, done) => {
      const limitClass = request.routeOptions.config.access?.limit;
      if (limitClass === 'none') return done();
      const address = callerAddress(request.ip);
      const present = now();
      const overall = ceiling.count(address, app.rateLimits.ceiling, present);
      // A path that does not exist belongs to no class; the ceiling alone counts it.
      if (overall.exceeded || limitClass === undefined) return answer(reply, app.rateLimits.ceiling, overall, done);
      const { principal } = request;
      // Whoever guesses passwords may well hold a token.
      const caller = principal === null || limitClass === 'login' ? address : `token ${principal.id}`;
      const max = app.rateLimits[limitClass];
      return answer(reply, max, classes[limitClass].count(caller, max, present), done);
    });
  },
  { name: 'rate-limit', fastify: '5.x', dependencies: ['access', 'auth'] },
);

/** Says in the headers how the caller stands, and refuses if that is too badly. */
function answer(
  reply: FastifyReply,
  max: number,
  { remaining, reset, exceeded }: Standing,
  done: (error?: Error) => void,
): void {
  reply
    .header('ratelimit-limit', max)
    .header('ratelimit-remaining', remaining)
    .header('ratelimit-reset', reset)
    .header('x-ratelimit-limit', max)
    .header('x-ratelimit-remaining', remaining)
    .header('x-ratelimit-reset', reset);
  if (exceeded) done(new RateLimitError(reset));
  else done();
}
