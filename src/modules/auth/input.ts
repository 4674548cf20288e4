/** New accounts out of forms, judged as the routes judge them. */
import type { z } from 'zod';
import { CertMateError } from '../../errors.js';
import { newApiKeyBody, newUserBody } from './schema.js';

/** @throws CertMateError VALIDATION_FAILED with the path of each field that is wrong */
export const newKeyFrom = (input: unknown) => parse(newApiKeyBody, input);

/** @throws CertMateError VALIDATION_FAILED with the path of each field that is wrong */
export const newUserFrom = (input: unknown) => parse(newUserBody, input);

function parse<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(input);
  if (success) return data;
  const details = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  const [first] = details;
  throw new CertMateError('VALIDATION_FAILED', `${first?.path}: ${first?.message}`, { details });
}
