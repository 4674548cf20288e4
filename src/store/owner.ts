/** To whom a file belongs. */
import { stat } from 'node:fs/promises';
import { systemCode } from './durable.js';

/** The number of the user; null if there is no such file. */
export async function ownerOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).uid;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
