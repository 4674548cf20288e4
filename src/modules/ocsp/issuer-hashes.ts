/** Tells whether a CertID names a certificate of our CA (RFC 6960 §4.1.1), in any of the hashes that clients use. */
import { createHash } from 'node:crypto';
import { publicKeyBits } from '../../pki/keys.js';
import type { CertId } from '../../pki/ocsp.js';

export class IssuerHashes {
  /** Those of name and key, concatenated. */
  readonly #both: Record<NonNullable<CertId['hash']>, Buffer>;

  constructor({ subject, subjectPublicKeyInfo }: { readonly subject: Buffer; readonly subjectPublicKeyInfo: Buffer }) {
    const key = publicKeyBits(subjectPublicKeyInfo);
    const both = (hash: string) =>
      Buffer.concat([createHash(hash).update(subject).digest(), createHash(hash).update(key).digest()]);
    this.#both = { sha1: both('sha1'), sha256: both('sha256'), sha384: both('sha384'), sha512: both('sha512') };
  }

  match({ hash, issuerNameHash, issuerKeyHash }: CertId): boolean {
    if (hash === null) return false;
    const ours = this.#both[hash];
    const half = ours.length / 2;
    return (
      issuerNameHash.length === half &&
      issuerKeyHash.length === half &&
      ours.compare(issuerNameHash, 0, half, 0, half) === 0 &&
      ours.compare(issuerKeyHash, 0, half, half) === 0
    );
  }
}
