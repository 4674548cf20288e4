/** What signs: a CA key in a file today, an HSM tomorrow. Nothing here knows X.509. */
import type { KeyObject } from 'node:crypto';
import type { SignatureScheme } from '../types.js';

/** Signs bytes with one private key that it never gives away. */
export interface Signer {
  readonly scheme: SignatureScheme;
  readonly publicKey: KeyObject;
  /**
   * Signs off the event loop.
   * @param tbs the bytes to sign (not their digest); as pieces they are signed as if concatenated
   * @returns the signature as X.509 carries it: PKCS#1 v1.5 for RSA, DER ECDSA-Sig-Value for EC (RFC 3279 §2.2)
   */
  sign(tbs: Buffer | readonly Buffer[]): Promise<Buffer>;
}
