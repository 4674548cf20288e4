import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
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

interface Described {
  operationId?: string;
  parameters?: { name: string; description?: string }[];
  requestBody?: { content: Record<string, { example?: object; schema: object }> };
  responses: Record<string, { description: string }>;
}

describe('every operation of the whole API', () => {
  async function operations(t: TestContext) {
    const built = await build(t);
    const document = (await built.call('anonymous', { url: '/openapi.json' })).json();
    const paths = document.paths as Record<string, Record<string, Described>>;
    const list = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${path}`,
        method,
        path,
        operation,
      })),
    );
    return { built, document, list };
  }

  test('has a name of its own, and says what each answer holds', async (t) => {
    const { list } = await operations(t);
    assert.ok(list.length > 60);
    const ids = list.map(({ operation }) => operation.operationId ?? '');
    for (const id of ids) assert.match(id, /^[a-z][A-Za-z0-9]+$/);
    assert.equal(new Set(ids).size, ids.length, 'each is used once');
    for (const { name, operation } of list) {
      for (const [status, { description }] of Object.entries(operation.responses)) {
        assert.ok(description.length > 4, `${name} ${status}`);
        assert.doesNotMatch(description, /^(Default Response|Success|The file)$/, `${name} ${status}`);
      }
    }
  });

  test('describes every field of requests and answers, and every parameter', async (t) => {
    const { list, document } = await operations(t);
    const silent: string[] = [];
    const look = (part: unknown, where: string): void => {
      if (typeof part !== 'object' || part === null) return;
      const { properties } = part as { properties?: Record<string, { description?: string }> };
      for (const [name, schema] of Object.entries(properties ?? {}))
        if (typeof schema.description !== 'string' || schema.description === '') silent.push(`${where}.${name}`);
      for (const [key, value] of Object.entries(part)) if (key !== 'example') look(value, `${where}/${key}`);
    };
    look(document.components.schemas, 'schemas');
    for (const { name, operation } of list) {
      look(operation.requestBody, name);
      look(operation.responses, name);
      for (const { name: parameter, description } of operation.parameters ?? [])
        if (!description) silent.push(`${name} ?${parameter}`);
    }
    assert.deepEqual(silent, []);
  });

  test('that takes JSON has an example, which is accepted as it stands', async (t) => {
    const { built, list } = await operations(t);
    const { call, issue } = built;
    let sent = 0;
    for (const { name, method, path, operation } of list) {
      const json = operation.requestBody?.content['application/json'];
      if (json === undefined) continue;
      assert.ok(json.example, name);
      const isUser = path.startsWith('/api/users');
      const user = { method: 'POST', url: '/api/users', payload: { name: `user-${sent}`, role: 'viewer' } } as const;
      const key = { method: 'POST', url: '/api/keys', payload: { name: `key-${sent}`, role: 'viewer' } } as const;
      const made = isUser ? user : path.startsWith('/api/keys') ? key : null;
      const id = made ? (await call('admin', made)).json().id : (await issue({ organization: 'Example' })).identifier;
      const url = path.replace('{id}', id).replace('{name}', 'ci-jobs');
      const answer = await call('admin', { method: method.toUpperCase() as 'POST', url, payload: json.example });
      sent += 1;
      // A certificate, a user and a session that are not there are not the example's fault.
      const expected = {
        'POST /api/client-certs/revoke': 404,
        'POST /api/auth/login': 401,
        'POST /api/auth/password': 403,
      }[name];
      if (expected === undefined) assert.ok(answer.statusCode < 300, `${name}: ${answer.body}`);
      else assert.equal(answer.statusCode, expected, `${name}: ${answer.body}`);
    }
    assert.ok(sent > 20, String(sent));
  });
});
