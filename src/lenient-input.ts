/** Reads what forms, spreadsheets and scripts send for fields that are left empty, and for numbers. */
import { z } from 'zod';

/** Schemas of fields in which an empty text is a value: it clears what was there. */
const KEPT = new WeakSet<z.ZodType>();

/** Marks a field in which an empty text is a value. */
export function keepsEmpty<Schema extends z.ZodType>(schema: Schema): Schema {
  KEPT.add(schema);
  return schema;
}

/**
 * The same input with empty texts in optional fields left out, and with numbers for texts that are whole numbers where the schema
 * wants a number; also in objects within. Anything else stays as it came, for the schema to judge.
 */
export function lenient(schema: z.ZodType, input: unknown): unknown {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber) return numberIn(input);
  if (!(inner instanceof z.ZodObject) || !isPlainObject(input)) return input;
  const shape = inner.shape as Record<string, z.ZodType>;
  const output: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const field = Object.hasOwn(shape, name) ? shape[name] : undefined;
    if (field === undefined) output[name] = value;
    else if (value !== '' || isKept(field) || !isOptional(field)) output[name] = lenient(field, value);
  }
  return output;
}

function numberIn(input: unknown): unknown {
  return typeof input === 'string' && /^\s*[+-]?\d{1,15}\s*$/.test(input) ? Number(input) : input;
}

function isOptional(field: z.ZodType): boolean {
  return field.safeParse(undefined).success;
}

function isKept(field: z.ZodType): boolean {
  return KEPT.has(field) || (isWrapper(field) && isKept(field.unwrap() as z.ZodType));
}

function unwrap(schema: z.ZodType): z.ZodType {
  return isWrapper(schema) ? unwrap(schema.unwrap() as z.ZodType) : schema;
}

function isWrapper(schema: z.ZodType): schema is z.ZodOptional | z.ZodDefault | z.ZodNullable {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}
