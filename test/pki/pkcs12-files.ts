/** PKCS #12 files of every kind of key in both profiles, for programs to open. */
import { writeFileSync } from 'node:fs';
import { before } from 'node:test';
import { buildPkcs12 } from '../../src/pki/pkcs12.js';
import { PKCS12_PROFILES, type Pkcs12Profile } from '../../src/pki/pkcs12-protection.js';
import type { SignatureScheme } from '../../src/types.js';
import { type Chain, makeChain } from './chain.js';

export const PASSWORD = `all of !"#$%&'()*+,-./:;<=>?@[\\]^_{|}~ and 1`;
export const WRONG = 'not the password';
export const NAME = 'Zoë Müller, laptop';

const KEYS: [name: string, scheme: SignatureScheme][] = [
  ['RSA', 'rsa-sha256'],
  ['EC P-256', 'ecdsa-sha256'],
  ['EC P-384', 'ecdsa-sha384'],
  ['Ed25519', 'ed25519'],
];

export interface Made extends Chain {
  pfx: Buffer;
  file: string;
}

export function build(chain: Chain, password: string, profile: Pkcs12Profile, friendlyName = NAME): Promise<Buffer> {
  const privateKey = chain.key.export({ type: 'pkcs8', format: 'der' });
  return buildPkcs12({ privateKey, certificate: chain.leaf, chain: chain.superiors, friendlyName }, password, profile);
}

type Declare = (title: string, one: () => Made, profile: Pkcs12Profile, key: string) => void;

/**
 * Makes the files before the tests.
 * @returns declares one test for each key in each profile
 */
export function files(path: (name: string) => string): (declare: Declare) => void {
  const made = new Map<string, Made>();
  before(async () => {
    for (const [name, scheme] of KEYS) {
      const chain = await makeChain(scheme);
      for (const profile of PKCS12_PROFILES) {
        const pfx = await build(chain, PASSWORD, profile);
        const file = path(`${scheme}-${profile}.p12`);
        writeFileSync(file, pfx);
        made.set(`${name}, ${profile}`, { ...chain, pfx, file });
      }
    }
  });
  return (declare) => {
    for (const profile of PKCS12_PROFILES) {
      for (const [key] of KEYS) {
        const title = `${key}, ${profile}`;
        declare(title, () => made.get(title) as Made, profile, key);
      }
    }
  };
}
