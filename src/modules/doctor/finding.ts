/** Something that is not as it should be, what to do about it, and what the doctor can do by itself. */
import type { Identifier } from '../../types.js';

/** What mends a finding without guessing. */
export type Remedy =
  /** Permissions of the file or directory. */
  | { kind: 'mode'; mode: number }
  /** Removing what a write has left unfinished. */
  | { kind: 'unfinished' }
  /** What every start does with renewals and certificates that a crash has interrupted. */
  | { kind: 'start' }
  /** Writing metadata.json from the record. */
  | { kind: 'metadata'; identifier: Identifier }
  /** Bringing the dates of a revocation between the certificate's notBefore and now. */
  | { kind: 'dates'; identifier: Identifier }
  /** Taking note that there is no private key. */
  | { kind: 'no-key'; identifier: Identifier }
  /** Encrypting the private keys of a certificate, those in its history too. */
  | { kind: 'seal-keys'; identifier: Identifier }
  /** Finishing the removal of the private key of a deleted certificate. */
  | { kind: 'destroy-key'; identifier: Identifier }
  /** Writing crl.pem from the CRL with the highest number. */
  | { kind: 'crl-pem' }
  /** Writing the journal anew from what is known; the old one is kept beside it. */
  | { kind: 'journal' };

export interface Finding {
  /** Below the data directory; what is below the log directory has `logs/` in front. */
  path: string;
  /** The certificate concerned, if it is one. */
  identifier: Identifier | null;
  /** What is wrong, in a sentence. */
  problem: string;
  /** What to do about it, in a sentence; with a remedy, what that will do. */
  advice: string;
  remedy: Remedy | null;
  /** True if nothing is wrong, but a repair does something about it all the same. */
  inOrder?: true;
}

/** Two findings are the same if they say the same of the same place. */
export function keyOf({ path, problem }: Finding): string {
  return `${path}\n${problem}`;
}
