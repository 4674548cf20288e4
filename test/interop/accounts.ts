/** The accounts that servers give root's rights up for. */
import { run } from './programs.js';

export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** The account of this name, if we are root and so can act for it; else null: programs then stay who we are. */
export async function account(name: string): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const number = async (which: string) => Number((await run`id ${which} ${name}`).output);
  return { name, uid: await number('-u'), gid: await number('-g') };
}
