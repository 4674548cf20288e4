/** How long work of this process may take (ms). */
const LIMIT = 20_000;

/** Waits for what other work of this process brings about. @throws Error after the limit, naming `what` was awaited */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + LIMIT;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
