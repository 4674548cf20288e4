/** The form that changes what is said about a certificate. */
import { editFields } from './schema.js';
import type { Certificate } from './services.js';

export interface EditForm {
  typed: { notes: string; tags: string; renewal_enabled: string; renewal_threshold_days: string };
  problems: Partial<Record<string, string>>;
}

export interface Edit {
  notes: string;
  tags: string[];
  renewal: { renewal_enabled: boolean; renewal_threshold_days: number };
}

/** The form before anybody has touched it. */
export function untouchedEdit({ notes, tags, renewal }: Certificate): EditForm {
  return {
    typed: {
      notes,
      tags: tags.join(', '),
      renewal_enabled: renewal.renewal_enabled ? 'on' : '',
      renewal_threshold_days: String(renewal.renewal_threshold_days),
    },
    problems: {},
  };
}

/** What was sent; with what is wrong with it, or as the change it means. */
export function readEditForm(body: unknown): { form: EditForm; edit: Edit | null } {
  const sent = (body ?? {}) as Record<string, unknown>;
  const textOf = (name: string) => (typeof sent[name] === 'string' ? sent[name] : '');
  const typed = {
    notes: textOf('notes').replaceAll('\r\n', '\n'),
    tags: textOf('tags'),
    renewal_enabled: textOf('renewal_enabled') === 'on' ? 'on' : '',
    renewal_threshold_days: textOf('renewal_threshold_days'),
  };
  const parsed = editFields.safeParse({ ...typed, renewal_enabled: typed.renewal_enabled || undefined });
  if (!parsed.success) {
    const problems = Object.fromEntries(parsed.error.issues.map(({ path, message }) => [String(path[0]), message]));
    return { form: { typed, problems }, edit: null };
  }
  const { notes, tags, renewal_enabled, renewal_threshold_days } = parsed.data;
  const renewal = {
    renewal_enabled: renewal_enabled === 'on',
    renewal_threshold_days: Number(renewal_threshold_days || '30'),
  };
  return { form: { typed, problems: {} }, edit: { notes, tags, renewal } };
}
