/** How the command ends when something is wrong: one line that says what, and an exit code. */
import { CertMateError, DirectoryInUse, type ErrorBody, StartupError } from '../errors.js';
import { reasonOf } from '../exit.js';
import { UsageError } from './arguments.js';

/** The server said no; or, what answers there is no CertMate. */
export class Refused extends Error {
  /** What the server said, if it was CertMate. */
  readonly body: ErrorBody | null;
  readonly status: number;

  constructor(status: number, body: ErrorBody | null, message: string) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** There is no answer. */
export class Unreachable extends Error {}

interface Failure {
  exitCode: 1 | 2 | 3;
  code: string;
  message: string;
}

/** What an error means to whoever has called. @param remote whether the command could go through a server */
export function failureOf(error: unknown, remote: boolean): Failure {
  if (error instanceof UsageError) return { exitCode: 2, code: 'USAGE', message: error.message };
  if (error instanceof Unreachable) return { exitCode: 3, code: 'UNREACHABLE', message: error.message };
  if (error instanceof DirectoryInUse) {
    const way = 'To go through the server that runs: --url URL --token-file FILE, or CERTMATE_URL and CERTMATE_TOKEN.';
    return { exitCode: 3, code: 'IN_USE', message: remote ? `${error.message}\n${way}` : error.message };
  }
  if (error instanceof Refused)
    return { exitCode: 1, code: error.body?.code ?? 'NOT_CERTMATE', message: error.message };
  if (error instanceof CertMateError) return { exitCode: 1, code: error.code, message: withDetails(error.toBody()) };
  if (error instanceof StartupError) return { exitCode: 1, code: 'FAILED', message: error.message };
  return { exitCode: 1, code: 'FAILED', message: reasonOf(error) };
}

/** The lines, or the one line of JSON, for standard error. */
export function wording(error: unknown, failure: Failure, json: boolean): string {
  const { code, message, exitCode } = failure;
  if (!json) return `certmate: ${message}${exitCode === 2 ? '\nRun certmate --help for what there is.' : ''}`;
  const body = error instanceof Refused ? error.body : error instanceof CertMateError ? error.toBody() : null;
  return JSON.stringify(body ?? { error: 'Failed', message, code });
}

/** The message, and what is wrong with each field unless the message says that already. */
export function withDetails({ message, details = [] }: Pick<ErrorBody, 'message' | 'details'>): string {
  const more = details.filter((detail) => !message.includes(detail.message));
  return [message, ...more.map((detail) => `  ${detail.path}: ${detail.message}`)].join('\n');
}
