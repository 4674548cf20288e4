/** The steps of a write as short texts, for tests that look at their order: `write a`, `datasync a`, `rename a b`, `sync .` */
import type { FileCall, FileCalls } from '../file-calls.js';

/** What changes something, or makes a change last. */
const TELLING = new Set([
  'write',
  'writev',
  'writeFile',
  'truncate',
  'sync',
  'datasync',
  'rename',
  'link',
  'unlink',
  'mkdir',
  'rm',
  'rmdir',
]);

/** A name below `root`, with the part that is made at random left out. */
function short(path: string, root: string): string {
  const below = path === root ? '.' : path.slice(root.length + 1);
  return below.replace(/(\.(?:unfinished|restore|lock)-(?:probe-|journal-)?)[0-9a-f]{12}/g, '$1*');
}

function stepOf({ name, path, to }: FileCall, root: string): string {
  const text = `${name === 'writeFile' || name === 'writev' ? 'write' : name} ${short(path, root)}`;
  return to === undefined ? text : `${text} ${short(to, root)}`;
}

/** What was done below `root` since the step with the number `from`: what changes something, and each sync. */
export function stepsOf(calls: FileCalls, root: string, from = 0): string[] {
  return calls.made.slice(from).flatMap((call) => (TELLING.has(call.name) ? [stepOf(call, root)] : []));
}
