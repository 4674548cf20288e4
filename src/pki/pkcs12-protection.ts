/** What protects a PKCS #12 file: its two profiles, and the passwords that every program can type. */
import type { AlgorithmIdentifier, MacData } from 'pkijs';
import { CertMateError } from '../errors.js';

/**
 * `modern`: PBES2 with AES-256-CBC, and a MAC with SHA-256. `compat`: triple DES, and a MAC with SHA-1, for macOS, iOS and
 * Windows of before about 2023, which report a wrong password for anything else.
 */
export const PKCS12_PROFILES = ['modern', 'compat'] as const;

export type Pkcs12Profile = (typeof PKCS12_PROFILES)[number];

/** Printable ASCII: programs differ in how they turn other characters into octets (RFC 7292 appendix B.1). */
export const PKCS12_PASSWORD = { least: 8, most: 128, pattern: /^[\x20-\x7e]*$/ } as const;

/**
 * Where a password comes from: from a person, whose choice can be guessed at, or from a generator, with more than 100 bits that
 * nobody guesses. The first is made slow to try; for the second that would only make the file slow to build and to open.
 */
export type PasswordOrigin = 'person' | 'generator';

/** Rounds of key derivation for a password that cannot be guessed: what programs expect at least. */
export const ROUNDS_OF_GENERATED = 2_048;

/** How one profile encrypts and authenticates. */
export interface Protection {
  encrypt(plain: Uint8Array, password: string, origin: PasswordOrigin): Promise<Encrypted>;
  /** The MAC over the contents of the whole file (RFC 7292 §4). */
  authenticate(contents: Uint8Array, password: string, origin: PasswordOrigin): Promise<MacData>;
}

export interface Encrypted {
  algorithm: AlgorithmIdentifier;
  octets: ArrayBuffer;
}

/** @throws CertMateError VALIDATION_FAILED for a password that some program could not open the file with */
export function assertPkcs12Password(password: string): void {
  const { least, most, pattern } = PKCS12_PASSWORD;
  if (password.length < least || password.length > most)
    throw invalid('password', 'password', `must have ${least} to ${most} characters`);
  if (!pattern.test(password))
    throw invalid('password', 'password', 'must be printable ASCII: letters, digits, spaces and punctuation');
}

/** BMPString (SIZE(1..255)) (RFC 2985 §5.5.1). @throws CertMateError VALIDATION_FAILED */
export function assertFriendlyName(name: string): void {
  if (name.length === 0 || name.length > 255 || /[\p{Cc}\p{Cs}]/u.test(name))
    throw invalid('friendly_name', 'friendly name', 'must have 1 to 255 characters, none of them control characters');
}

function invalid(path: string, name: string, message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', `The ${name} ${message}.`, { details: [{ path, message }] });
}

/** The octets in a buffer of their own, as the ASN.1 library takes them. */
export function arrayBuffer(octets: Uint8Array): ArrayBuffer {
  return new Uint8Array(octets).buffer;
}
