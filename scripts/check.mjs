// `npm run check`: everything but the tests. Each check runs even if one before it failed, so that one run shows all.
import { spawnSync } from 'node:child_process';
import { install, root, tool } from './prepare.mjs';

install();
const checks = [
  ['types', 'tsc', ['-p', 'test/tsconfig.json', '--noEmit']],
  ['lint and layers', 'oxlint', ['--deny-warnings', 'src', 'test', 'bench', 'scripts', 'public']],
  ['format', 'biome', ['check', '--error-on-warnings', '.']],
  ['dead code', 'knip', []],
];
let failed = 0;
for (const [name, program, args] of checks) {
  const { status } = spawnSync(tool(program), args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  if (status !== 0) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
