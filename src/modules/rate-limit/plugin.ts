/**
 * How often one caller may call. Each class of the access table has its own allowance a minute for each token, or for
 * each address where there is no valid token. Above all of them stands one ceiling for each address, which no header
 * changes: a token that is not valid buys nothing, and neither does a new one with every call.
 */
import rateLimiter from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { callerAddress } from '../../address.js';
import type { LimitClass } from '../../http/access.js';
import { RateLimitError } from '../../http/problem.js';
import { CallCounter, type Standing } from './windows.js';

/** Requests a minute; `ceiling` is for each address over all classes. */
export type RateLimits = Record<Exclude<LimitClass, 'none'> | 'ceiling', number>;

export const DEFAULT_LIMITS: Readonly<RateLimits> = {
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
    /** How many calls were refused, for each class and for the ceiling. */
    refusedCalls: Record<keyof RateLimits, number>;
    /**
     * Counts a relying party's call that does not come through the hooks.
     * @returns the header lines that tell how the caller stands, each with its CRLF; null, with nothing counted, where the
     *   call is to be refused
     */
    admission: (ip: string, limitClass: 'ocsp' | 'crl') => string | null;
    /**
     * Counts a sign-in of an account that has shown the right password or token, from any address.
     * @returns whole seconds to wait where that was too often; 0 to let it in
     */
    admitSignIn: (account: string) => number;
  }
}

export interface RateLimitOptions {
  /** `false` switches all of it off. */
  enabled: boolean;
  limits?: Partial<RateLimits>;
  /** Milliseconds of a clock that never goes back, even where somebody sets the time. */
  now?: () => number;
}

const MINUTE = 60_000;

type CallersClass = Exclude<LimitClass, 'none' | 'ocsp' | 'crl'>;

export const rateLimit = plugin(
  async (app: FastifyInstance, { enabled, limits, now = () => performance.now() }: RateLimitOptions) => {
    app.decorate('rateLimits', { ...DEFAULT_LIMITS, ...limits });
    const refused = { default: 0, create: 0, renew: 0, batch: 0, ocsp: 0, crl: 0, login: 0, ceiling: 0 };
    app.decorate('refusedCalls', refused);
    if (!enabled) {
      app.decorate('admission', () => '');
      app.decorate('admitSignIn', () => 0);
      return;
    }
    await app.register(rateLimiter, { global: false });
    const limiter = (name: CallersClass, keyGenerator: (request: FastifyRequest) => string) =>
      app.createRateLimit({ max: () => app.rateLimits[name], timeWindow: MINUTE, keyGenerator });
    const byAddress = (request: FastifyRequest) => callerAddress(request.ip);
    const byCaller = (request: FastifyRequest) =>
      request.principal === null ? byAddress(request) : `token ${request.principal.id}`;
    const callers: Record<CallersClass, ReturnType<typeof limiter>> = {
      default: limiter('default', byCaller),
      create: limiter('create', byCaller),
      renew: limiter('renew', byCaller),
      batch: limiter('batch', byCaller),
      // Whoever guesses passwords may well hold a token.
      login: limiter('login', byAddress),
    };
    const signIns = new CallCounter();
    app.decorate('admitSignIn', (account) => {
      const { exceeded, reset } = signIns.count(account, app.rateLimits.login, now());
      if (exceeded) refused.login += 1;
      return exceeded ? reset : 0;
    });
    const ceiling = new CallCounter();
    const relyingParties = { ocsp: new CallCounter(), crl: new CallCounter() };
    app.decorate('admission', (ip, limitClass) => {
      const address = callerAddress(ip);
      const present = now();
      const { ceiling: most, [limitClass]: max } = app.rateLimits;
      const counter = relyingParties[limitClass];
      if (ceiling.isFull(address, most, present) || counter.isFull(address, max, present)) return null;
      ceiling.count(address, most, present);
      return headerLines(max, counter.count(address, max, present));
    });

    app.addHook('onRequest', (request, reply, done) => {
      const limitClass = request.routeOptions.config.access?.limit;
      if (limitClass === 'none') return done();
      const address = callerAddress(request.ip);
      const present = now();
      const overall = ceiling.count(address, app.rateLimits.ceiling, present);
      // A path that does not exist belongs to no class; the ceiling alone counts it.
      if (overall.exceeded || limitClass === undefined)
        return answer(reply, 'ceiling', app.rateLimits.ceiling, overall, done);
      if (limitClass === 'ocsp' || limitClass === 'crl') {
        // Relying parties come by the thousand: a counter without promises costs a tenth of the library's.
        const max = app.rateLimits[limitClass];
        return answer(reply, limitClass, max, relyingParties[limitClass].count(address, max, present), done);
      }
      callers[limitClass](request).then((outcome) => {
        if (outcome.isAllowed) return done();
        const { max, remaining, ttlInSeconds: reset, isExceeded: exceeded } = outcome;
        return answer(reply, limitClass, max, { remaining, reset, exceeded }, done);
      }, done);
    });
  },
  { name: 'rate-limit', fastify: '5.x', dependencies: ['access', 'auth'] },
);

/** Says in the headers how the caller stands, and refuses if that is too badly. */
function answer(
  reply: FastifyReply,
  limit: keyof RateLimits,
  max: number,
  standing: Standing,
  done: (error?: Error) => void,
): void {
  for (const [name, value] of headersOf(max, standing)) reply.header(name, value);
  if (!standing.exceeded) return done();
  reply.server.refusedCalls[limit] += 1;
  return done(new RateLimitError(standing.reset));
}

/** Names and values, in the spelling of the IETF's draft and in the one that came before it. */
function headersOf(max: number, { remaining, reset }: Standing): [string, string][] {
  return ['ratelimit', 'x-ratelimit'].flatMap((prefix): [string, string][] => [
    [`${prefix}-limit`, String(max)],
    [`${prefix}-remaining`, String(remaining)],
    [`${prefix}-reset`, String(reset)],
  ]);
}

/** The same as lines, written at once: thousands of calls a second have them. */
function headerLines(max: number, { remaining, reset }: Standing): string {
  return (
    `ratelimit-limit: ${max}\r\nratelimit-remaining: ${remaining}\r\nratelimit-reset: ${reset}\r\n` +
    `x-ratelimit-limit: ${max}\r\nx-ratelimit-remaining: ${remaining}\r\nx-ratelimit-reset: ${reset}\r\n`
  );
}
