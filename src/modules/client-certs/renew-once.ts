/** Renewals with an Idempotency-Key: whoever sends one again, its answer having been lost, gets the certificate it made. */
import type { Actor, CertificateRecord, Identifier, Serial } from '../../types.js';
import { type IssuedCertificate, issuedUnder } from './issue.js';
import { given, type Ledger, withoutSecret } from './issue-once.js';
import { findRecord, type LifecycleParts } from './parts.js';
import { type RenewalRequest, renew } from './renew.js';

export interface RepeatableRenewal {
  identifier: Identifier;
  request: RenewalRequest;
  /** The Idempotency-Key; without one, every request is a new one. */
  key: string | undefined;
  /** Whose key it is. */
  caller: string;
}

/**
 * Renews a certificate, or gives what the same request made before.
 * @throws CertMateError CONFLICT the key was used for another request; see renew.ts
 */
export async function renewOnce(
  parts: LifecycleParts,
  ledger: Ledger,
  { identifier, request, key, caller }: RepeatableRenewal,
  actor: Actor,
): Promise<{ issued: IssuedCertificate; replayed: boolean }> {
  if (key === undefined) return { issued: await renew(parts, identifier, request, actor), replayed: false };
  const call = { caller, key: `renew ${key}`, request: { identifier, ...request } };
  const answer = await ledger.once(call, {
    async perform(announce) {
      // What is renewed is known beforehand, and by it what came of it.
      await announce({ identifier, serial_number: findRecord(parts.store, identifier, actor).serial_number });
      return withoutSecret(await renew(parts, identifier, request, actor));
    },
    async find({ serial_number }) {
      const serial = successorOf(parts.store.inventory.get(identifier), serial_number);
      const issued = serial === null ? null : await issuedUnder(parts, serial);
      const keyWasGivenOut = issued?.issuance_method === 'generated' && !issued.has_private_key;
      return issued && { ...withoutSecret(issued), withheld: keyWasGivenOut ? ['private_key_pem'] : [] };
    },
  });
  return { issued: await given(parts, answer, actor), replayed: answer.replayed };
}

/** The serial number that took the place of another one of the certificate; null if none has. */
function successorOf(record: CertificateRecord | undefined, serial: Serial): Serial | null {
  if (record === undefined) return null;
  const line = [...record.history.map(({ serial_number }) => serial_number), record.serial_number];
  const at = line.indexOf(serial);
  return at === -1 ? null : (line[at + 1] ?? null);
}
