/**
 * Numbers for Prometheus at `/metrics`. Modules say what to read: their counters are plain numbers that are looked at when
 * somebody asks, so that counting costs the hot paths nothing.
 */
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { z } from 'zod';
import { useZod } from './api.js';

/** One number of a metric, or one for each combination of labels. */
export type Reading = number | Iterable<{ labels: Record<string, string>; value: number }>;

export interface Metrics {
  /** A number that goes up and down; there may be none. @param labels names of the labels that `read` gives */
  gauge(name: string, help: string, read: () => Reading | Promise<Reading>, labels?: string[]): void;
  /** A number that only grows while the process lives; its name ends in `_total`. */
  counter(name: string, help: string, read: () => Reading, labels?: string[]): void;
  /**
   * Durations in seconds.
   * @param buckets upper bounds, ascending
   * @param label the label that tells the durations apart, if there are several kinds
   * @returns takes one duration, and the value of the label
   */
  histogram(name: string, help: string, buckets: number[], label?: string): (seconds: number, kind?: string) => void;
}

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics;
  }
}

/** What Node tells of this process: once for all apps in it. */
let ofProcess: Registry | null = null;

function processRegistry(): Registry {
  if (ofProcess === null) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  return ofProcess;
}

function createMetrics(registry: Registry): Metrics {
  const registers = [registry];
  return {
    gauge(name, help, read, labelNames = []) {
      const gauge: Gauge<string> = new Gauge({ name, help, labelNames, registers, collect });
      async function collect(): Promise<void> {
        const reading = await read();
        gauge.reset();
        // Without labels a reset leaves a zero, which is a reading that nobody has given.
        if (labelNames.length === 0) gauge.remove();
        for (const { labels, value } of samples(reading)) gauge.set(labels, value);
      }
    },
    counter(name, help, read, labelNames = []) {
      const counter: Counter<string> = new Counter({ name, help, labelNames, registers, collect });
      function collect(): void {
        counter.reset();
        for (const { labels, value } of samples(read())) counter.inc(labels, value);
      }
    },
    histogram(name, help, buckets, label) {
      const labelNames = label === undefined ? [] : [label];
      const histogram = new Histogram({ name, help, buckets, labelNames, registers });
      return (seconds, kind) =>
        label === undefined || kind === undefined
          ? histogram.observe(seconds)
          : histogram.observe({ [label]: kind }, seconds);
    },
  };
}

function samples(reading: Reading): Iterable<{ labels: Record<string, string>; value: number }> {
  return typeof reading === 'number' ? [{ labels: {}, value: reading }] : reading;
}

/** What was answered, and how long it took, by the class of the access table: a few series however many routes there are. */
function countAnswers(app: FastifyInstance): void {
  const answers = new Map<string, { labels: { class: string; status: string }; value: number }>();
  const observe = app.metrics.histogram(
    'certmate_http_request_duration_seconds',
    'From the arrival of a request to the end of its answer. The shortest way of OCSP is not among them.',
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    'class',
  );
  app.metrics.counter(
    'certmate_http_responses_total',
    'Answers by class of route and kind of status. The shortest way of OCSP is not among them.',
    () => answers.values(),
    ['class', 'status'],
  );
  app.addHook('onResponse', (request, reply, done) => {
    const limit = request.routeOptions.config.access?.limit ?? 'unknown';
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    const key = `${limit} ${status}`;
    const tally = answers.get(key) ?? { labels: { class: limit, status }, value: 0 };
    tally.value += 1;
    answers.set(key, tally);
    observe(reply.elapsedTime / 1000, limit);
    done();
  });
}

/** Decorates `app.metrics` and serves it. */
export const metrics = plugin(
  async (app: FastifyInstance) => {
    const registry = new Registry();
    app.decorate('metrics', createMetrics(registry));
    countAnswers(app);
    const routes: FastifyPluginAsyncZod = async (scope) => {
      useZod(scope);
      scope.get(
        '/metrics',
        {
          schema: {
            summary: 'Numbers for Prometheus',
            tags: ['Service'],
            response: { 200: { description: 'Text format 0.0.4', content: { 'text/plain': { schema: z.string() } } } },
          },
        },
        async (_request, reply) => {
          reply.header('cache-control', 'no-store').type(registry.contentType);
          return Registry.merge([registry, processRegistry()]).metrics();
        },
      );
    };
    await app.register(routes);
  },
  { name: 'metrics', fastify: '5.x', dependencies: ['access'] },
);
