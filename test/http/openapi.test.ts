import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { build } from '../build.js';
import { smallApp } from './small-app.js';

const pages: FastifyPluginAsyncZod = async (app) => {
  app.get(
    '/crl/info',
    { schema: { summary: 'Facts', tags: ['CRL'], response: { 200: z.object({ n: z.int() }) } } },
    async () => ({ n: 1 }),
  );
};

type Operation = {
  summary?: string;
  tags?: string[];
  security: object[];
  'x-required-role'?: string;
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
};

describe('the description of the API', () => {
  test('is OpenAPI 3.1 and names summary, tags, security and errors of every operation', async (t) => {
    const app = await smallApp(t, { open: [pages] });
    const answer = await app.inject('/openapi.json');
    assert.equal(answer.statusCode, 200);
    const document = answer.json();
    assert.equal(document.openapi, '3.1.0');
    const paths = document.paths as Record<string, Record<string, Operation>>;
    for (const path of [
      '/api/keys',
      '/api/keys/{id}',
      '/api/audit',
      '/api/audit/verify',
      '/health',
      '/health/ready',
      '/api/crl/info',
      '/openapi.json',
    ]) {
      assert.ok(paths[path], path);
    }
    assert.ok(!Object.keys(paths).some((path) => path.startsWith('/docs')));
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { summary, tags, responses }] of Object.entries(methods)) {
        assert.ok(summary && tags?.length, `${method} ${path}`);
        assert.deepEqual(responses['500']?.content?.['application/json']?.schema, {
          $ref: '#/components/schemas/Error',
        });
      }
    }
    const make = paths['/api/keys']?.['post'];
    assert.deepEqual(make?.security, [{ bearer: [] }, { session: [] }]);
    assert.equal(make?.['x-required-role'], 'admin');
    assert.equal(paths['/api/crl/info']?.['get']?.['x-required-role'], 'public');
    assert.deepEqual(Object.keys(make?.responses ?? {}), [
      '201',
      '400',
      '401',
      '403',
      '409',
      '413',
      '415',
      '429',
      '500',
      '507',
    ]);
    assert.deepEqual(paths['/api/crl/info']?.['get']?.security, []);
    assert.ok(!('401' in (paths['/api/crl/info']?.['get']?.responses ?? {})));
    assert.ok('404' in (paths['/api/keys/{id}']?.['delete']?.responses ?? {}));
  });

  test('has every schema it refers to, and none besides', async (t) => {
    const app = await smallApp(t);
    const { body } = await app.inject('/openapi.json');
    const named = Object.keys(JSON.parse(body).components.schemas).sort();
    const used = [...body.matchAll(/#\/components\/schemas\/([^"]+)/g)].map(([, name]) => name ?? '');
    assert.deepEqual(named, [...new Set(used)].sort());
    assert.ok(named.includes('Error') && named.includes('ApiKey'));
  });

  test('has patterns that every kind of client understands: Python and RE2 know no Unicode escapes, RE2 no looking ahead', async (t) => {
    const { app } = await build(t);
    const { body } = await app.inject('/openapi.json');
    const patterns = [...body.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(
      ([, text = '""']) => JSON.parse(text) as string,
    );
    assert.ok(patterns.length > 3);
    for (const pattern of new Set(patterns)) assert.doesNotMatch(pattern, /\\[pPu]|\(\?[=!<]/);
  });

  test('its explorer comes from this server alone', async (t) => {
    const app = await smallApp(t);
    const page = await app.inject('/docs');
    assert.equal(page.statusCode, 200);
    assert.match(page.headers['content-security-policy'] as string, /default-src 'none'; script-src 'self'/);
    assert.doesNotMatch(page.body, /(src|href)="https?:/);
    const links = [...page.body.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)].map(([, link]) => link ?? '');
    assert.ok(links.length >= 4);
    for (const url of [...links, '/docs/json']) assert.equal((await app.inject(url)).statusCode, 200, url);
  });
});
