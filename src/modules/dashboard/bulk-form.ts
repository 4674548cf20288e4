/** What the list's selection sends, and what the page that asks once more sends. */
import type { z } from 'zod';
import { type ListState, parseView } from './list-state.js';
import { bulkRevokeFields, bulkTagFields } from './schema.js';

/** Which certificates of the list: those that are ticked, or every one that its filters find. */
export interface Chosen {
  state: ListState;
  identifiers: readonly string[];
  every: boolean;
}

export function readSelection(body: unknown): Chosen {
  const { id, every, view } = (body ?? {}) as Record<string, unknown>;
  return {
    state: parseView(view),
    identifiers: [id].flat().filter((entry): entry is string => typeof entry === 'string' && entry !== ''),
    every: every === 'yes',
  };
}

/** What is wrong with a form, field by field. */
export type Problems = Record<string, string>;

type Read<Fields> = { fields: Fields; problems: null } | { fields: null; problems: Problems };

/** @param count what has to be typed to confirm */
export function readRevocation(body: unknown, count: number): Read<z.output<typeof bulkRevokeFields>> {
  const read = parse(bulkRevokeFields, body);
  const typed = String((body as Record<string, unknown> | null)?.['count'] ?? '').replace(/[\s.,'’]/g, '');
  if (typed === String(count)) return read;
  return { fields: null, problems: { ...read.problems, count: `Type ${count} to confirm.` } };
}

export function readTagging(body: unknown): Read<z.output<typeof bulkTagFields>> {
  return parse(bulkTagFields, body);
}

function parse<Schema extends z.ZodType>(schema: Schema, body: unknown): Read<z.output<Schema>> {
  const read = schema.safeParse(body);
  if (read.success) return { fields: read.data, problems: null };
  const problems = read.error.issues.map(({ path, message }) => [String(path[0] ?? 'form'), message]);
  return { fields: null, problems: Object.fromEntries(problems) };
}
