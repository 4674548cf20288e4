// Calls from within the process need no credentials; the same words over a network are worth nothing.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { buildApp } from '../../src/app.js';
import { MACHINE_HEADERS } from '../../src/http/at-the-machine.js';
import { build, testConfig } from '../build.js';

it('whoever is at the machine calls the API from within the process, and only from there', async (t) => {
  const app = await buildApp({ config: await testConfig(t), operator: 'cli:somebody' });
  t.after(() => app.close());
  const inside = await app.inject({ url: '/api/auth/me', headers: MACHINE_HEADERS });
  assert.equal(inside.statusCode, 200, inside.body);
  assert.match(inside.body, /cli:somebody/);
  assert.equal((await app.inject('/api/client-certs')).statusCode, 401, 'not by the way');
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  assert.equal((await fetch(`${address}/api/client-certs`, { headers: MACHINE_HEADERS })).status, 401);
});

it('a server knows nobody at the machine', async (t) => {
  const { app } = await build(t);
  assert.equal((await app.inject({ url: '/api/client-certs', headers: MACHINE_HEADERS })).statusCode, 401);
});
