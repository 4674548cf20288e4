/** What a page says when something went wrong. */
import { ERRORS, type ErrorCode, RateLimitError } from '../errors.js';
import { toProblem } from './problem.js';

export interface PageError {
  code: ErrorCode;
  status: number;
  title: string;
  message: string;
  /** Whole seconds to wait before trying again, where that helps. */
  retryAfter: number | null;
}

/**
 * Title and message for anything that a page route threw: the same judgement as the API's, in words for a browser.
 * @param publicUrl where the dashboard is meant to be opened: part of the advice for an expired form
 */
export function pageError(error: unknown, publicUrl: string): PageError {
  const problem = toProblem(error);
  const [status, title] = ERRORS[problem.code];
  return {
    code: problem.code,
    status,
    title,
    message: problem.code === 'CSRF' ? expiredForm(publicUrl) : problem.message,
    retryAfter: problem instanceof RateLimitError ? problem.retryAfter : null,
  };
}

function expiredForm(publicUrl: string): string {
  const advice = publicUrl.startsWith('https:')
    ? ` Signing in works under ${publicUrl} only: open the dashboard there.`
    : '';
  return `This form was opened too long ago, or before you signed in. Load the page again and send it once more.${advice}`;
}
