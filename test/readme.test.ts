// What README says about settings and calls is so.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { readConfig } from '../src/config.js';
import { build } from './build.js';
import { root } from './root.js';

const config = readConfig({});
const variables = new Map(
  Object.entries(config).map(([name, value]) => [`CERTMATE_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`, value]),
);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const rows = (readme.match(/^\| `CERTMATE_.*$/gm) ?? []).map((row) => {
  const [names = '', defaults = ''] = row.split(' | ');
  return { names: [...(names.match(/CERTMATE_[A-Z_]+/g) ?? [])] as string[], defaults };
});

test('README’s table names every setting, and no other', () => {
  const secrets = ['API_TOKEN', 'CA_PASSPHRASE', 'KEY_ENCRYPTION'].map((name) => `CERTMATE_${name}_FILE`);
  assert.deepEqual(rows.flatMap(({ names }) => names).sort(), [...variables.keys(), ...secrets].sort());
});

for (const [name, value] of variables) {
  test(`README gives the default of ${name} that is used`, () => {
    let printed = `\`${String(value)}\``;
    if (value === null) printed = 'none';
    if (typeof value === 'boolean') printed = value ? '`on`' : '`off`';
    if (name.endsWith('_DIR')) printed = `\`${basename(String(value))}\``;
    if (name === 'CERTMATE_PUBLIC_URL') printed = `\`${String(value).replace(String(config.port), '<port>')}\``;
    if (name === 'CERTMATE_RELYING_PARTY_URL') printed = 'the public URL';
    const row = rows.find(({ names }) => names.includes(name));
    assert.ok(row?.defaults.includes(printed), `${printed} is not in "${row?.defaults}"`);
  });
}

test('README’s table of calls lists the routes that there are', async (t) => {
  const { app } = await build(t);
  const { paths } = (await app.inject('/openapi.json')).json() as { paths: Record<string, Record<string, unknown>> };
  const plain = (route: string) => route.replace(/\{[^}]+\}|:\w+/g, ':');
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => plain(`${method.toUpperCase()} ${path}`)),
  );
  const listed = [...readme.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/\S+)`/g)].map(([, route = '']) => plain(route));
  const olderNames = ['POST /api/client-certs/create', 'GET /api/crl/download/info', 'GET /api/ocsp'];
  assert.deepEqual(
    [...new Set(listed)].filter((route) => route !== 'GET /docs').sort(),
    routes.filter((route) => !olderNames.includes(route)).sort(),
  );
});
