import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HTTPMethods } from 'fastify';
import { ACCESS } from '../../src/http/access.js';
import { build } from '../build.js';

describe('the access table', () => {
  test('has no row for a route that does not exist: a limit on a path nobody calls limits nothing', async (t) => {
    const { app } = await build(t);
    const missing = Object.keys(ACCESS).filter((row) => {
      const [method, url = ''] = row.split(' ') as [HTTPMethods, string];
      return !app.hasRoute({ method, url }) && !url.endsWith('*');
    });
    assert.deepEqual(missing, []);
  });
});
