import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the project: two above this file once it is compiled into `.build/test`. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
