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
  /** A number that goes up and down. @param labels names of the labels that `read` gives */
  gauge(name: string, help: string, read: () => Reading, labels?: string[]): void;
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
      function collect(): void {
        gauge.reset();
        for (const { labels, value } of samples(read())) gauge.set(labels, value);
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

/** Decorates `app.metrics` and serves it. */
export const metrics = plugin(
  async (app: FastifyInstance) => {
    const registry = new Registry();
    app.decorate('metrics', createMetrics(registry));
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
