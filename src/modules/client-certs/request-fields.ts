/** The fields of a request to issue, for those who do not read it from JSON: tables, forms. */
import { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { lenient } from '../../lenient-input.js';
import { type IssueRequest, issueFields, issueRequest } from './schema.js';

/** How the text of a field is to be read. */
export type FieldKind = 'text' | 'number' | 'flag' | 'list';

/** Every field that a request may have, as the schema says. */
export const requestFields: Readonly<Record<string, FieldKind>> = Object.fromEntries(
  Object.entries(issueFields.shape).map(([name, type]) => [name, kindOf(type)]),
);

/** @throws CertMateError VALIDATION_FAILED with what is wrong with each field */
export function readIssueRequest(fields: Record<string, unknown>): IssueRequest {
  const parsed = issueRequest.safeParse(lenient(issueRequest, fields));
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new CertMateError('VALIDATION_FAILED', details.map(({ path, message }) => `${path}: ${message}`).join('; '), {
    details,
  });
}

function kindOf(type: z.ZodType): FieldKind {
  if (type instanceof z.ZodOptional || type instanceof z.ZodDefault) return kindOf(type.unwrap() as z.ZodType);
  if (type instanceof z.ZodArray) return 'list';
  if (type instanceof z.ZodNumber) return 'number';
  return type instanceof z.ZodBoolean ? 'flag' : 'text';
}
