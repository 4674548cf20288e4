/** What a schema says of a value of the wrong kind, in plain words instead of the library's own. */
import { z } from 'zod';

const KINDS: Readonly<Record<string, string>> = {
  number: 'must be a number',
  int: 'must be a whole number',
  boolean: 'must be true or false',
  string: 'must be text',
  array: 'must be a list',
  object: 'must be an object',
  date: 'must be a date',
};

/** Sets the words for the whole process; schemas that have words of their own keep them. */
export function speakPlainly(): void {
  z.config({
    customError: (issue) => {
      if (issue.input === undefined && issue.code === 'invalid_type') return 'is missing';
      if (issue.code === 'invalid_type') return KINDS[issue.expected];
      if (issue.code === 'invalid_value') return `must be ${listed(issue.values.map(String))}`;
      if (issue.code === 'too_big') return `must be at most ${issue.maximum}${unit(issue.origin)}`;
      if (issue.code === 'too_small') return `must be at least ${issue.minimum}${unit(issue.origin)}`;
      return undefined;
    },
  });
}

function listed(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`;
}

function unit(origin: string): string {
  if (origin === 'string') return ' characters long';
  return origin === 'array' ? ' entries long' : '';
}
