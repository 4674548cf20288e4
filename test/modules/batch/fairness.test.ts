// One caller does not hold up others. Found by a stranger: one operator's key took all 20 batches that may wait, any number of event
// streams, and a queue of RSA keys in which another caller waited 107 s.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { inTurn } from '../../../src/modules/batch/turns.js';
import type { Role } from '../../../src/types.js';
import { type Built, build } from '../../build.js';
import { until } from '../../until.js';

const PATH = '/api/client-certs/batch';

/** A table that takes a while: RSA keys. */
const begin = ({ call }: Built, role: Role) =>
  call(role, {
    method: 'POST',
    url: PATH,
    headers: { 'content-type': 'text/csv' },
    payload: `common_name,key_type\n${'x,rsa-2048\n'.repeat(101)}`,
  });

const waiting = (owner: string, name: string) => ({ name, description: { owner: { id: owner } } });

describe('of one caller', () => {
  test('five batches may be unfinished; a further one is 429, and others go on', async (t) => {
    const built = await build(t);
    const begun = [];
    for (let n = 0; n < 5; n += 1) begun.push(await begin(built, 'operator'));
    assert.deepEqual(
      begun.map(({ statusCode }) => statusCode),
      [202, 202, 202, 202, 202],
    );
    const refused = await begin(built, 'operator');
    const { code, error, message, status, retry_after } = refused.json();
    assert.deepEqual([refused.statusCode, code, error, status], [429, 'RATE_LIMITED', 'Rate limit exceeded', 429]);
    assert.match(message, /^Too many requests\. Please try again later\. 5 of your batches are not finished/);
    assert.equal(refused.headers['retry-after'], String(retry_after));
    assert.equal((await begin(built, 'admin')).statusCode, 202);
    await built.call('operator', { method: 'DELETE', url: `${PATH}/${begun[4]?.json().id}` });
    assert.equal((await begin(built, 'operator')).statusCode, 202, 'one that was cancelled makes room');
  });

  test('ten event streams may be open; a further one is 429, and one that is closed makes room', async (t) => {
    const built = await build(t);
    const { id } = (await begin(built, 'operator')).json();
    await built.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = built.app.server.address() as AddressInfo;
    const follow = async (role: Role) => {
      const headers = { authorization: `Bearer ${built.tokens[role]}` };
      const asking = get({ port, host: '127.0.0.1', path: `${PATH}/${id}/events`, headers });
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      return { asking, answer };
    };
    const open = [];
    for (let n = 0; n < 10; n += 1) open.push(await follow('operator'));
    assert.ok(open.every(({ answer }) => answer.statusCode === 200));
    const refused = await follow('operator');
    assert.deepEqual([refused.answer.statusCode, refused.answer.headers['retry-after']], [429, '10']);
    const other = await follow('admin');
    assert.equal(other.answer.statusCode, 200);
    open[0]?.asking.destroy();
    let again = await follow('operator');
    // The server hears of the end of a connection a moment later.
    await until(async () => {
      if (again.answer.statusCode === 429) again = await follow('operator');
      return again.answer.statusCode !== 429;
    }, 'a place that is free again');
    assert.equal(again.answer.statusCode, 200);
    for (const { asking } of [...open, refused, other, again]) asking.destroy();
  });
});

describe('batches that wait', () => {
  const line = [waiting('a', 'a1'), waiting('a', 'a2'), waiting('a', 'a3'), waiting('b', 'b1'), waiting('c', 'c1')];
  const order = (served: [string, number][]) => inTurn(line, new Map(served)).map(({ name }) => name);

  test('get their turn by caller, each caller’s in the order in which they came', () => {
    assert.deepEqual(order([]), ['a1', 'b1', 'c1', 'a2', 'a3']);
  });

  test('of callers who had no turn yet, or had it longest ago, come first', () => {
    assert.deepEqual(order([['a', 1]]), ['b1', 'c1', 'a1', 'a2', 'a3']);
    assert.deepEqual(
      order([
        ['a', 2],
        ['b', 3],
        ['c', 1],
      ]),
      ['c1', 'a1', 'b1', 'a2', 'a3'],
    );
  });
});
