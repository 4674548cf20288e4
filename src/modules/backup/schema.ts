/** What the backup route takes. */
import { z } from 'zod';
import { LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE } from './backup.js';

export const backupBody = z.strictObject({
  passphrase: z
    .string()
    .min(SHORTEST_PASSPHRASE)
    .max(LONGEST_PASSPHRASE)
    .meta({ description: 'Seals the archive; without it nobody can open it again.' }),
});
