/** Public keys of any numbers. */
import * as der from '../../src/pki/der.js';
import { OID } from '../../src/pki/oids.js';

/** SubjectPublicKeyInfo of an RSA key. */
export function rsa(modulus: bigint, exponent = 65_537n): Buffer {
  const algorithm = der.sequence(der.objectIdentifier(OID.rsaEncryption), der.nullValue());
  return der.sequence(algorithm, der.bitString(der.sequence(der.integer(modulus), der.integer(exponent))));
}

/** SubjectPublicKeyInfo of an Ed25519 key, of its octets in hex. */
export function ed25519(hex: string): Buffer {
  return der.sequence(der.sequence(der.objectIdentifier(OID.ed25519)), der.bitString(Buffer.from(hex, 'hex')));
}
