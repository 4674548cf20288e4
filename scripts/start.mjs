// `npm start`: ready to run on a fresh clone, then the server itself in this very process, so that signals reach it.
import { prepare } from './prepare.mjs';

// npm hands SIGTERM to the shell between us and it, and most shells die of it without a word: follow them.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250).unref();
}

prepare();
await import('../dist/main.js');
