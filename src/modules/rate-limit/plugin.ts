/**
 * How often one caller may call. Each class of the access table has its own allowance a minute for each token, or for
 * each address where there is no valid token. Above all of them stands one ceiling for each address, which no header
 * changes: a token that is not valid buys nothing, and neither does a new one with every call. Servers that check
 * certificates have allowances of their own beside it: relying-parties.ts.
 */
import rateLimiter from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import plugin from 'fastify-plugin';
import { callerAddress } from '../../address.js';
import { RateLimitError } from '../../errors.js';
import type { LimitClass } from '../../http/access.js';
import { RelyingParties, type ServersClass } from './relying-parties.js';
import { CallCounter, type Standing } from './windows.js';

/** Requests a minute; `ceiling` is for each address over all classes but those of servers. */
export type RateLimits = Record<Exclude<LimitClass, 'none'> | 'ocsp_signed' | 'ceiling', number>;

export const DEFAULT_LIMITS: Readonly<RateLimits> = {
  default: 100,
  create: 30,
  renew: 30,
  batch: 10,
  ocsp: 200,
  ocsp_der: 30_000,
  ocsp_signed: 3000,
  crl: 60,
  crl_download: 600,
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
     * Counts an OCSP request that does not come through the hooks.
     * @returns the header lines that tell how the caller stands, each with its CRLF; null, with nothing counted, where the
     *   call is to be refused
     */
    admission: (ip: string) => string | null;
    /** Counts an OCSP answer that has to be signed for this address; false where that is one too many. */
    maySign: (ip: string) => boolean;
    /** Counts a download of the CRL, once it is known that it is no 304. @throws RateLimitError */
    countDownload: (request: FastifyRequest, reply: FastifyReply) => void;
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
  /** Addresses and CIDRs of servers that check certificates: they are not limited. */
  relyingParties?: readonly string[];
  /** Milliseconds of a clock that never goes back, even where somebody sets the time. */
  now?: () => number;
}

const MINUTE = 60_000;

type CallersClass = Exclude<LimitClass, 'none' | 'ocsp' | 'crl' | ServersClass>;

export const rateLimit = plugin(
  async (app: FastifyInstance, options: RateLimitOptions) => {
    const { enabled, limits, relyingParties: exempt = [], now = () => performance.now() } = options;
    app.decorate('rateLimits', { ...DEFAULT_LIMITS, ...limits });
    const refused = Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((name) => [name, 0])) as Record<
      keyof RateLimits,
      number
    >;
    app.decorate('refusedCalls', refused);
    const onFirstRefusal = () => app.health.add('relying_parties', () => servers.check());
    const servers = new RelyingParties({ limits: app.rateLimits, refused, exempt, now, log: app.log, onFirstRefusal });
    if (!enabled) {
      app.decorate('admission', () => '');
      app.decorate('maySign', () => true);
      app.decorate('countDownload', () => undefined);
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
    const facts = { ocsp: new CallCounter(), crl: new CallCounter() };
    app.decorate('admission', (ip) => {
      if (servers.isFull(ip, 'ocsp_der')) return null;
      const standing = servers.count(ip, 'ocsp_der');
      return standing === null ? '' : headerLines(app.rateLimits.ocsp_der, standing);
    });
    app.decorate('maySign', (ip) => servers.count(ip, 'ocsp_signed')?.exceeded !== true);
    app.decorate('countDownload', ({ ip }, reply) => {
      const standing = servers.count(ip, 'crl_download');
      if (standing === null) return;
      tell(reply, app.rateLimits.crl_download, standing);
      if (standing.exceeded) throw new RateLimitError(standing.reset);
    });

    app.addHook('onRequest', (request, reply, done) => {
      const { limit: limitClass, role } = request.routeOptions.config.access ?? {};
      // Downloads are counted where it is known that they are no 304.
      if (limitClass === 'none' || limitClass === 'crl_download') return done();
      if (role === 'public' && limitClass !== 'login' && servers.isExempt(request.ip)) return done();
      if (limitClass === 'ocsp_der') {
        const standing = servers.count(request.ip, limitClass);
        if (standing === null) return done();
        tell(reply, app.rateLimits.ocsp_der, standing);
        return standing.exceeded ? done(new RateLimitError(standing.reset)) : done();
      }
      const address = callerAddress(request.ip);
      const present = now();
      const overall = ceiling.count(address, app.rateLimits.ceiling, present);
      // A path that does not exist belongs to no class; the ceiling alone counts it.
      if (overall.exceeded || limitClass === undefined)
        return answer(reply, 'ceiling', app.rateLimits.ceiling, overall, done);
      if (limitClass === 'ocsp' || limitClass === 'crl') {
        const max = app.rateLimits[limitClass];
        return answer(reply, limitClass, max, facts[limitClass].count(address, max, present), done);
      }
      callers[limitClass](request).then((outcome) => {
        if (outcome.isAllowed) return done();
        const { max, remaining, ttlInSeconds: reset, isExceeded: exceeded } = outcome;
        return answer(reply, limitClass, max, { remaining, reset, exceeded }, done);
      }, done);
    });
  },
  { name: 'rate-limit', fastify: '5.x', dependencies: ['access', 'auth', 'health'] },
);

/** Says in the headers how the caller stands, and refuses if that is too badly. */
function answer(
  reply: FastifyReply,
  limit: keyof RateLimits,
  max: number,
  standing: Standing,
  done: (error?: Error) => void,
): void {
  tell(reply, max, standing);
  if (!standing.exceeded) return done();
  reply.server.refusedCalls[limit] += 1;
  return done(new RateLimitError(standing.reset, limit === 'create' ? IN_ONE_CALL : ''));
}

const IN_ONE_CALL = 'To issue many certificates in one call, use POST /api/client-certs/batch.';

/** Says in the headers how the caller stands. */
function tell(reply: FastifyReply, max: number, standing: Standing): void {
  for (const [name, value] of headersOf(max, standing)) reply.header(name, value);
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
