/** What is left of a certificate whose metadata.json is of no use, for somebody who can read certificates. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CertificateRecord } from '../types.js';
import { systemCode } from './durable.js';
import type { Layout, Place } from './layout.js';

export interface Remains {
  place: Place;
  /** The certificate, in PEM. */
  certificate: string;
  /** Those that it replaced, in PEM, in no order. */
  replaced: string[];
  hasPrivateKey: boolean;
}

/**
 * Makes a record out of what is left.
 * @throws Error saying what is wrong with it, fit for an operator to read
 */
export type Reconstruct = (remains: Remains) => Promise<CertificateRecord>;

export const cannotReconstruct: Reconstruct = async () => {
  throw new Error('nobody here can read certificates');
};

/** @throws Error saying what is missing, fit for an operator to read */
export async function readRemains(layout: Layout, place: Place): Promise<Remains> {
  const directory = layout.certificate(place);
  const certificate = await textOf(join(directory, 'cert.crt'));
  if (certificate === null) throw new Error('it is missing');
  const serials = await readdir(layout.history(place)).catch(() => []);
  const replaced = await Promise.all(serials.map((serial) => textOf(join(layout.history(place), serial, 'cert.crt'))));
  return {
    place,
    certificate,
    replaced: replaced.filter((text) => text !== null),
    hasPrivateKey: (await readdir(directory)).includes('cert.key'),
  };
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return null;
    throw new Error('it cannot be read', { cause: error });
  }
}
