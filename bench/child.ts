/** The other end of programs.ts: what a child says to its parent. Apart from it, so that no child looks for programs. */

/** In a child: one line for its parent. */
function say(line: object): void {
  process.stdout.write(`${JSON.stringify({ bench: line })}\n`);
}

/** In a child: says that it is ready, what its heap holds whenever it is asked, and ends when its parent lets go. */
export function serveParent(ready: object, close: () => Promise<unknown>): void {
  say(ready);
  process.stdin.on('data', () => {
    // There where the parent has asked for it with --expose-gc.
    globalThis.gc?.();
    say({ heap: process.memoryUsage().heapUsed });
  });
  process.stdin.on('end', async () => {
    await close();
    process.exit(0);
  });
}
