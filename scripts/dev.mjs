// `npm run dev`: the compiler in watch mode beside a server that restarts when the compiler has written.
import { spawn } from 'node:child_process';
import { prepare, root, tool } from './prepare.mjs';

prepare();
const children = [
  spawn(tool('tsc'), ['-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'], { cwd: root, stdio: 'inherit' }),
  spawn(process.execPath, ['--watch-path=dist', '--watch-path=views', '--enable-source-maps', 'dist/main.js'], {
    cwd: root,
    stdio: 'inherit',
  }),
];
for (const child of children) child.on('exit', () => children.forEach((other) => other.kill()));
process.on('SIGINT', () => {});
