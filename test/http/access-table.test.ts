import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { HTTPMethods } from 'fastify';
import { ACCESS } from '../../src/http/access.js';
import { build } from '../build.js';
import { root } from '../root.js';

const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The rows of README's table of calls: the calls of each, and what it says of their role. */
const described = [...readme.matchAll(/^\| (`[A-Z]+ \/[^|]+) \| ([^|]+) \|/gm)].flatMap(([, calls = '', role = '']) =>
  [...calls.matchAll(/`([A-Z]+) (\S+)`/g)].map(([, method, url]) => ({ call: `${method} ${url}`, role })),
);

const plain = (call: string) => call.replace(/:\w+|\*/g, ':');

describe('the access table', () => {
  test('says of every call what README says of it', () => {
    const rows = new Map(Object.entries(ACCESS).map(([call, row]) => [plain(call), row]));
    assert.ok(described.length > 40);
    for (const { call, role } of described) {
      const row = rows.get(plain(call));
      const stricter = Object.values(row?.stricter ?? {}).flatMap((values) => Object.entries(values));
      const more = stricter.map(([value, needed]) => [`\`${value}\``, needed]);
      const [least = '', rest = ''] = role.split('; ');
      assert.equal(least, row?.role, call);
      for (const [value = '', needed = ''] of more)
        assert.ok(rest.includes(value) && rest.includes(needed), `${call} ${value}`);
    }
  });

  test('has no row for a route that does not exist: a limit on a path nobody calls limits nothing', async (t) => {
    const { app } = await build(t);
    const missing = Object.keys(ACCESS).filter((row) => {
      const [method, url = ''] = row.split(' ') as [HTTPMethods, string];
      return !app.hasRoute({ method, url }) && !url.endsWith('*');
    });
    assert.deepEqual(missing, []);
  });
});
