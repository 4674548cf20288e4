/** Is it well? Modules add checks; `/health` reports all of them, `/health/ready` says whether to send traffic here. */
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { CertMateError } from '../errors.js';
import { useZod } from './api.js';

export interface CheckResult {
  ok: boolean;
  /** For the public: no path, no name of a certificate. */
  detail?: string;
}

export interface Health {
  /**
   * Adds a check.
   * @param options.vital while it fails the process is not ready; other failures only degrade it
   */
  add(name: string, check: () => Promise<CheckResult> | CheckResult, options?: { vital?: boolean }): void;
  /** The outcome of every check; at most a second old, so that asking often costs nothing. */
  report(): Promise<{ healthy: boolean; ready: boolean; checks: Record<string, CheckResult> }>;
}

declare module 'fastify' {
  interface FastifyInstance {
    health: Health;
  }
}

/** How long one outcome is handed out (ms), and how long a check may take before it counts as failed (ms). */
const KEEP = 1000;
const PATIENCE = 5000;

/** Checks by name; makes nothing but the report. */
function createHealth(): Health {
  const checks = new Map<string, { run: () => Promise<CheckResult> | CheckResult; vital: boolean }>();
  let kept: { until: number; report: ReturnType<Health['report']> } | null = null;

  const run = async () => {
    const outcomes = await Promise.all(
      [...checks].map(async ([name, check]) => ({ name, vital: check.vital, result: await outcomeOf(check.run) })),
    );
    return {
      healthy: outcomes.every(({ result }) => result.ok),
      ready: outcomes.every(({ result, vital }) => result.ok || !vital),
      checks: Object.fromEntries(outcomes.map(({ name, result }) => [name, result])),
    };
  };
  return {
    add(name, check, { vital = false } = {}) {
      checks.set(name, { run: check, vital });
      kept = null;
    },
    report() {
      const now = performance.now();
      if (kept === null || kept.until <= now) kept = { until: now + KEEP, report: run() };
      return kept.report;
    },
  };
}

async function outcomeOf(check: () => Promise<CheckResult> | CheckResult): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(resolve, PATIENCE, { ok: false, detail: 'no answer in time' });
  });
  try {
    return await Promise.race([check(), late]);
  } catch {
    // What went wrong may name a path; the log of the module that owns the check has it.
    return { ok: false, detail: 'the check itself failed' };
  } finally {
    clearTimeout(timer);
  }
}

const checkSchema = z.object({ ok: z.boolean(), detail: z.string().optional() });
const reportSchema = z
  .object({
    status: z.enum(['healthy', 'degraded']),
    version: z.string(),
    uptime_seconds: z.int(),
    checks: z.record(z.string(), checkSchema),
  })
  .meta({ id: 'Health' });

/** Decorates `app.health` and serves it. */
export const health = plugin(
  async (app: FastifyInstance, { version }: { version: string }) => {
    app.decorate('health', createHealth());
    let closing = false;
    app.addHook('preClose', (done) => {
      closing = true;
      done();
    });
    const routes: FastifyPluginAsyncZod = async (scope) => {
      useZod(scope);
      scope.get(
        '/health',
        {
          schema: {
            summary: 'Health of the service and of each of its parts',
            tags: ['Service'],
            response: { 200: reportSchema },
          },
        },
        async (_request, reply) => {
          const { healthy, checks } = await app.health.report();
          reply.header('cache-control', 'no-store');
          const uptime = Math.floor(process.uptime());
          return {
            status: healthy ? ('healthy' as const) : ('degraded' as const),
            version,
            uptime_seconds: uptime,
            checks,
          };
        },
      );
      scope.get(
        '/health/ready',
        {
          config: { errors: [503] },
          schema: {
            summary: 'Whether to send traffic here: 200, or 503 while starting, stopping or unable to serve',
            tags: ['Service'],
            response: { 200: z.object({ status: z.literal('ready'), ready: z.literal(true) }) },
          },
        },
        async (_request, reply) => {
          reply.header('cache-control', 'no-store');
          const { ready } = await app.health.report();
          if (closing || !ready) throw new CertMateError('UNAVAILABLE', 'Not ready to serve. /health says why.');
          return { status: 'ready' as const, ready: true as const };
        },
      );
    };
    await app.register(routes);
  },
  { name: 'health', fastify: '5.x', dependencies: ['access'] },
);
