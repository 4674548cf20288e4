/** How a program of ours ends when something is wrong. */
import { StartupError } from './errors.js';

/**
 * Runs `work`. Whatever stops it, rejections that are not awaited included, becomes one line on standard error, and the process
 * ends with 1 at once: a supervisor can then start it again, whatever threads and handles are left.
 */
export async function orExit(work: () => Promise<void>): Promise<void> {
  process.on('uncaughtException', exitWith);
  try {
    await work();
  } catch (error) {
    exitWith(error);
  }
  process.off('uncaughtException', exitWith);
}

function exitWith(error: unknown): never {
  process.stderr.write(`certmate: ${reasonOf(error)}\n`);
  process.exit(1);
}

/** How long (ms) a failed start waits for what it had opened, such as a thread that is making an RSA key. */
const CLOSING = 5000;

/** Closes what a failed start had opened, for five seconds at most. An error while closing would hide the reason, so it is ignored. */
export async function closeInTime(app: { close(): Promise<void> }): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CLOSING);
  });
  await Promise.race([app.close().catch(() => undefined), late]);
  clearTimeout(timer);
}

const REMEDIES: Record<string, string> = {
  EACCES: 'give the user that runs CertMate access to it',
  EPERM: 'give the user that runs CertMate access to it',
  EROFS: 'this file system is read-only; set CERTMATE_DATA_DIR and CERTMATE_LOG_DIR to a place that can be written',
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENOTDIR: 'a file stands where a directory is needed; move it away, or set CERTMATE_DATA_DIR',
  EISDIR: 'a directory stands where a file belongs; move it away, and restore the file from a backup if there was one',
  EIO: 'the disk reports an error; check it',
};

/** One line that says what went wrong and, where that is known, what to do; never a stack. */
export function reasonOf(error: unknown): string {
  if (error instanceof StartupError) return oneLine(error.message);
  const { message = String(error), code = '' } = (error ?? {}) as NodeJS.ErrnoException;
  const remedy = REMEDIES[code];
  return oneLine(remedy === undefined ? `unexpected error: ${message}` : `${message}: ${remedy}`);
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ');
}
