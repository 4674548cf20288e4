/** Whether bytes carry the signature of a key, in any algorithm that CAs have signed with (RFC 3279, 4055, 5758, 8410, 8702). */
import { constants, type KeyObject, verify } from 'node:crypto';
import { DerReader } from './der.js';
import { OID } from './oids.js';

/** By object identifier; null: the key alone decides. */
const DIGESTS: ReadonlyMap<string, string | null> = new Map([
  ['1.2.840.113549.1.1.4', 'md5'],
  ['1.2.840.113549.1.1.5', 'sha1'],
  ['1.3.14.3.2.29', 'sha1'],
  ['1.2.840.113549.1.1.14', 'sha224'],
  [OID.rsaSha256, 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.113549.1.1.15', 'sha512-224'],
  ['1.2.840.113549.1.1.16', 'sha512-256'],
  ['2.16.840.1.101.3.4.3.13', 'sha3-224'],
  ['2.16.840.1.101.3.4.3.14', 'sha3-256'],
  ['2.16.840.1.101.3.4.3.15', 'sha3-384'],
  ['2.16.840.1.101.3.4.3.16', 'sha3-512'],
  ['1.2.840.10045.4.1', 'sha1'],
  ['1.2.840.10045.4.3.1', 'sha224'],
  [OID.ecdsaSha256, 'sha256'],
  [OID.ecdsaSha384, 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
  ['2.16.840.1.101.3.4.3.9', 'sha3-224'],
  ['2.16.840.1.101.3.4.3.10', 'sha3-256'],
  ['2.16.840.1.101.3.4.3.11', 'sha3-384'],
  ['2.16.840.1.101.3.4.3.12', 'sha3-512'],
  [OID.ed25519, null],
  ['1.3.101.113', null],
]);
const RSASSA_PSS = '1.2.840.113549.1.1.10';
/** Of hashes by themselves, as RSASSA-PSS names them. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.5', 'md5'],
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
  ['2.16.840.1.101.3.4.2.5', 'sha512-224'],
  ['2.16.840.1.101.3.4.2.6', 'sha512-256'],
  ['2.16.840.1.101.3.4.2.7', 'sha3-224'],
  ['2.16.840.1.101.3.4.2.8', 'sha3-256'],
  ['2.16.840.1.101.3.4.2.9', 'sha3-384'],
  ['2.16.840.1.101.3.4.2.10', 'sha3-512'],
]);

/**
 * @param algorithm the AlgorithmIdentifier in DER
 * @returns false too where the algorithm is not one of these, or not one of this key
 */
export function isSignedBy(algorithm: Buffer, signed: Buffer, signature: Buffer, publicKey: KeyObject): boolean {
  try {
    const fields = new DerReader(algorithm).sequence();
    const oid = fields.oid();
    if (oid === RSASSA_PSS) {
      const { RSA_PKCS1_PSS_PADDING: padding, RSA_PSS_SALTLEN_AUTO: saltLength } = constants;
      return verify(pssDigest(fields), signed, { key: publicKey, padding, saltLength }, signature);
    }
    const digest = DIGESTS.get(oid);
    return digest !== undefined && verify(digest, signed, publicKey, signature);
  } catch {
    return false;
  }
}

/** The hash of RSASSA-PSS-params (RFC 4055 §3.1): SHA-1 unless given. */
function pssDigest(fields: DerReader): string {
  if (fields.peek() !== 0x30) return 'sha1';
  const parameters = fields.sequence();
  if (parameters.peek() !== 0xa0) return 'sha1';
  return HASHES.get(parameters.constructed(0xa0).sequence().oid()) ?? 'unknown';
}
