/** What a CSR asks for and its certificate does not carry: its shape in answers, and in words. */
import { z } from 'zod';

const named = { oid: z.string(), name: z.string().nullable() };

/** An attribute of a subject. */
export const subjectAttribute = z.object({ type: z.string(), value: z.string() });

export const dropped = z
  .object({
    extensions: z.array(z.object({ ...named, critical: z.boolean() })),
    attributes: z.array(z.object(named)),
    subject_alt_names: z.array(z.string()).meta({
      description: 'Kinds of names that are never certified, and names that those of the request replace.',
    }),
    subject: z.array(subjectAttribute),
  })
  .meta({
    id: 'DroppedFromCsr',
    description: 'What of the CSR is not in the certificate; empty lists if all of it is.',
  });

export type Dropped = z.output<typeof dropped>;

/**
 * One text for each thing that was dropped; empty if all of the CSR was certified.
 * @param oidText what an object identifier without a name is called
 */
export function droppedWords(dropped: Dropped, oidText: (oid: string) => string = (oid) => oid): string[] {
  return [
    ...dropped.subject.map(({ type, value }) => `${type}=${value} of its subject`),
    ...dropped.subject_alt_names.map((name) =>
      name.includes(':') ? `the alternative name ${name}` : `alternative names of the kind ${name}`,
    ),
    ...dropped.extensions.map(
      ({ oid, name, critical }) => `the extension ${name ?? oidText(oid)}${critical ? ' (critical)' : ''}`,
    ),
    ...dropped.attributes.map(({ oid, name }) => `the attribute ${name ?? oidText(oid)}`),
  ];
}
