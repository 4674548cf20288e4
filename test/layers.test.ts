// The layer rules of CONTRIBUTING.md are lint rules. Here each is broken once, in a copy of the layout, to see it bite.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, sep } from 'node:path';
import { describe, test } from 'node:test';
import { root } from './root.js';

/** One planted layout: its files, each with its text. */
type Layout = Record<string, string>;

/**
 * What oxlint, with the project's own configuration, says about each layout: its messages, one string a layout.
 * All are linted in one run, each in a folder of its own that carries a copy of the configuration.
 */
function lint(layouts: Layout[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'certmate-layers-'));
  try {
    for (const [number, layout] of layouts.entries()) {
      const top = join(directory, String(number));
      mkdirSync(top);
      cpSync(join(root, '.oxlintrc.json'), join(top, '.oxlintrc.json'));
      symlinkSync(join(root, 'scripts'), join(top, 'scripts'));
      for (const [name, content] of Object.entries(layout)) {
        mkdirSync(dirname(join(top, name)), { recursive: true });
        writeFileSync(join(top, name), content);
      }
    }
    const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint');
    const { stdout, stderr } = spawnSync(process.execPath, [oxlint, '--format=json', '.'], {
      cwd: directory,
      encoding: 'utf8',
    });
    assert.match(stdout, /^\{/, stderr);
    const { diagnostics, number_of_files: linted } = JSON.parse(stdout) as {
      diagnostics: { code: string; message: string; help?: string; filename: string }[];
      number_of_files: number;
    };
    assert.ok(linted > layouts.length, 'every layout has been read');
    return layouts.map((_, number) =>
      diagnostics
        .filter(({ filename }) => filename.split(sep)[0] === String(number))
        .map(({ code, message, help }) => `${code}: ${message} ${help ?? ''}`)
        .join('\n'),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const take = (specifier: string) => `export { thing } from '${specifier}';\n`;

const REFUSED: [rule: string, file: string, content: string, message: string][] = [
  ['pki does not know crypto', 'src/pki/a.ts', take('../crypto/signer.js'), 'do not know one another'],
  ['pki does not know store', 'src/pki/a.ts', take('../store/store.js'), 'do not know one another'],
  ['crypto does not know pki', 'src/crypto/a.ts', take('../pki/der.js'), 'do not know one another'],
  ['crypto does not know store', 'src/crypto/a.ts', take('../store/store.js'), 'do not know one another'],
  ['store does not know pki', 'src/store/a.ts', take('../pki/der.js'), 'do not know one another'],
  ['store does not know crypto', 'src/store/a.ts', take('../crypto/signer.js'), 'do not know one another'],
  ['pki does not know modules', 'src/pki/a.ts', take('../modules/ca/authority.js'), 'point right only'],
  ['crypto does not know http', 'src/crypto/a.ts', take('../http/api.js'), 'point right only'],
  ['store does not know settings', 'src/store/a.ts', take('../config.js'), 'point right only'],
  ['a module does not know the app', 'src/modules/ca/plugin.ts', take('../../app.js'), 'point right only'],
  ['http does not know modules', 'src/http/a.ts', take('../modules/ca/authority.js'), 'never the other way round'],
  ['http does not know stores', 'src/http/a.ts', take('../store/store.js'), 'no rule about certificates'],
  ['settings do not know stores', 'src/config.ts', take('./store/folder.js'), 'know no room'],
  ['types know no room', 'src/types.ts', take('./pki/der.js'), 'know no room'],
  ['pki does not know Fastify', 'src/pki/a.ts', take('fastify'), 'Fastify'],
  ['crypto does not know Fastify', 'src/crypto/a.ts', take('fastify-plugin'), 'Fastify'],
  ['store does not know Fastify', 'src/store/a.ts', take('fastify'), 'Fastify'],
  ['a noun does not know Fastify', 'src/modules/ca/authority.ts', take('fastify'), 'Fastify'],
  ['a noun does not know a Fastify plugin', 'src/modules/ca/authority.ts', take('@fastify/view'), 'Fastify'],
  ['not even its types', 'src/modules/ca/a.ts', "export type { FastifyInstance } from 'fastify';\n", 'Fastify'],
  ['nor by import()', 'src/modules/ca/a.ts', "export const late = () => import('fastify');\n", 'Fastify'],
  ['a noun does not know http/', 'src/modules/ca/authority.ts', take('../../http/api.js'), 'knows no HTTP'],
  ['a noun does not know another module', 'src/modules/ca/a.ts', take('../crl/publisher.js'), "another module's files"],
  ['routes do not know another module', 'src/modules/ca/routes.ts', take('../crl/schema.js'), "another module's files"],
  ['nor by a detour', 'src/modules/ca/plugin.ts', take('../../modules/crl/plugin.js'), "another module's files"],
  ['a noun touches no file', 'src/modules/ca/authority.ts', take('node:fs/promises'), 'in store/ only'],
  ['a plugin touches no file', 'src/modules/ca/plugin.ts', take('node:fs'), 'in store/ only'],
  ['pki touches no file', 'src/pki/a.ts', take('node:fs'), 'in store/ only'],
  ['crypto touches no file', 'src/crypto/a.ts', take('fs'), 'in store/ only'],
  ['the app touches no file', 'src/app.ts', take('node:fs'), 'in store/ only'],
  ['the ASN.1 libraries stay inside pki', 'src/modules/csr/a.ts', take('pkijs'), 'inside pki/'],
  [
    'a module does not sign',
    'src/modules/ocsp/a.ts',
    "export { x } from './b.js';\nimport { sign } from 'node:crypto';\nsign;\n",
    'crypto/ only',
  ],
  [
    'pki makes no key',
    'src/pki/a.ts',
    "import { generateKeyPairSync } from 'node:crypto';\nexport const a = generateKeyPairSync;\n",
    'crypto/ only',
  ],
  [
    'nor through the whole of node:crypto',
    'src/pki/a.ts',
    "import * as c from 'node:crypto';\nexport const a = c;\n",
    'crypto/ only',
  ],
  ['only settings read the environment', 'src/main.ts', 'export const port = process.env.PORT;\n', 'process.env'],
  ['nobody asks the time but Clock', 'src/modules/crl/a.ts', 'export const at = new Date();\n', 'Ask a Clock'],
  ['nor by Date.now()', 'src/store/a.ts', 'export const at = Date.now();\n', 'Ask a Clock'],
];

const REFUSED_CYCLE: Layout = {
  'src/pki/a.ts': "import { b } from './b.js';\nexport const a = () => b;\n",
  'src/pki/b.ts': "import { a } from './a.js';\nexport const b = () => a;\n",
};

const from = (...specifiers: string[]) => specifiers.map((name, n) => `export { x${n} } from '${name}';\n`).join('');

const ACCEPTED: Layout = {
  'src/pki/a.ts': from('../types.js', '../errors.js', './oids.js', 'pkijs', 'asn1js', 'node:url'),
  'src/pki/b.ts': "import { verify } from 'node:crypto';\nexport const check = () => verify;\n",
  'src/crypto/a.ts': from('../types.js', '../errors.js', 'piscina'),
  'src/crypto/b.ts': "import { sign } from 'node:crypto';\nexport const make = () => sign;\n",
  'src/store/a.ts': from('../types.js', '../errors.js', 'node:fs', 'node:fs/promises'),
  'src/modules/crl/publisher.ts': from(
    '../../pki/crl.js',
    '../../crypto/signer.js',
    '../../store/store.js',
    './schema.js',
  ),
  'src/modules/crl/schema.ts': from('zod', '../../types.js'),
  'src/modules/crl/plugin.ts': from(
    'fastify',
    'fastify-plugin',
    '../../http/api.js',
    '../../config.js',
    './publisher.js',
  ),
  'src/modules/crl/routes.ts': from('fastify', 'fastify-type-provider-zod', '../../http/api.js', './publisher.js'),
  'src/modules/crl/dates.ts': 'export const at = new Date(0);\n',
  'src/http/api.ts': from('fastify', '@fastify/cookie', '../errors.js', '../config.js'),
  'src/app.ts': from('fastify', './modules/crl/plugin.js', './http/api.js', './store/store.js'),
  'src/config.ts': `${from('node:fs', './pki/names.js')}export const port = process.env.PORT;\n`,
  'src/clock.ts': 'export const now = () => new Date();\n',
};

describe('the linter refuses what breaks a layer:', () => {
  const said = lint([...REFUSED.map(([, file, content]) => ({ [file]: content })), REFUSED_CYCLE, ACCEPTED]);

  for (const [number, [rule, , , message]] of REFUSED.entries()) {
    test(rule, () => assert.ok(said[number]?.includes(message), said[number]));
  }

  test('two files do not import each other', () => assert.match(said[REFUSED.length] ?? '', /no-cycle/));

  test('and accepts what keeps them', () => assert.equal(said[REFUSED.length + 1], ''));
});
