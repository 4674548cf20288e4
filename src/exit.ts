/** How a program of ours ends when something is wrong. */
import { StartupError } from './errors.js';

/** Runs `work`; a reason not to start becomes one line on standard error and exit code 1. */
export async function orExit(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const text = error instanceof StartupError ? error.message : ((error as Error)?.stack ?? String(error));
    process.stderr.write(`certmate: ${text}\n`);
    process.exitCode = 1;
  }
}
