/** PKCS #12 under pbeWithSHAAnd3-KeyTripleDES-CBC and a SHA-1 MAC (RFC 7292 appendices B and C): old, and read everywhere. */
import { Integer, Null, OctetString, Sequence } from 'asn1js';
import forge from 'node-forge';
import { AlgorithmIdentifier, DigestInfo, id_sha1, MacData } from 'pkijs';
import { OID } from './oids.js';
import { arrayBuffer, type PasswordOrigin, type Protection, ROUNDS_OF_GENERATED } from './pkcs12-protection.js';

/** More than the 2000 of that time, and still quick on a telephone of that time. */
const ITERATIONS = { person: 10_000, generator: ROUNDS_OF_GENERATED } as const;

const SALT_OCTETS = 8;

/** What derived octets are for (RFC 7292 appendix B.3). */
const PURPOSE = { key: 1, iv: 2, mac: 3 } as const;

export const compat: Protection = {
  // forge itself writes RSA keys only, and certificates in the clear: here it is asked for the cryptography alone.
  async encrypt(plain, password, origin) {
    const salt = forge.random.getBytesSync(SALT_OCTETS);
    const cipher = forge.cipher.createCipher('3DES-CBC', derive({ password, salt, origin }, 'key', 24));
    cipher.start({ iv: derive({ password, salt, origin }, 'iv', 8).getBytes() });
    cipher.update(forge.util.createBuffer(binary(plain)));
    cipher.finish();
    const parameters = [new OctetString({ valueHex: octets(salt) }), new Integer({ value: ITERATIONS[origin] })];
    return {
      algorithm: new AlgorithmIdentifier({
        algorithmId: OID.pbeWithSha1And3KeyTripleDes,
        algorithmParams: new Sequence({ value: parameters }),
      }),
      octets: octets(cipher.output.getBytes()),
    };
  },

  async authenticate(contents, password, origin) {
    const salt = forge.random.getBytesSync(SALT_OCTETS);
    const hmac = forge.hmac.create();
    hmac.start('sha1', derive({ password, salt, origin }, 'mac', 20));
    hmac.update(binary(contents));
    return new MacData({
      mac: new DigestInfo({
        digestAlgorithm: new AlgorithmIdentifier({ algorithmId: id_sha1, algorithmParams: new Null() }),
        digest: new OctetString({ valueHex: octets(hmac.digest().getBytes()) }),
      }),
      macSalt: new OctetString({ valueHex: octets(salt) }),
      iterations: ITERATIONS[origin],
    });
  },
};

/** The derivation of appendix B.2 with SHA-1, over the password as a BMPString. */
function derive(
  { password, salt, origin }: { password: string; salt: string; origin: PasswordOrigin },
  purpose: keyof typeof PURPOSE,
  length: number,
) {
  const rounds = ITERATIONS[origin];
  return forge.pkcs12.generateKey(password, forge.util.createBuffer(salt), PURPOSE[purpose], rounds, length);
}

/** One character for each octet: forge's way of holding bytes. */
function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function octets(binaryText: string): ArrayBuffer {
  return arrayBuffer(Buffer.from(binaryText, 'latin1'));
}
