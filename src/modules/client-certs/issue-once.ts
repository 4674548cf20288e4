/** Issuing for a request that may be sent again: with the same Idempotency-Key it gives one certificate, however often. */
import type { Actor, Identifier, Serial } from '../../types.js';
import { type IssuedCertificate, issue, issuedUnder } from './issue.js';
import type { LifecycleParts } from './parts.js';
import { flatFieldsOf } from './resource.js';
import type { IssueRequest } from './schema.js';

interface Answer {
  body: Record<string, unknown>;
  /** Never written to disk. */
  secret: Record<string, string>;
}

interface Mark {
  identifier: Identifier;
  serial_number: Serial;
}

/** Does each call once and remembers its answer; of secret fields it may lose the values, never the names. */
export interface Ledger {
  once(
    call: { caller: string; key: string; request: unknown },
    action: {
      perform(announce: (mark: Mark) => Promise<void>): Promise<Answer>;
      find(mark: Mark): Promise<(Answer & { withheld: string[] }) | null>;
    },
  ): Promise<Answer & { replayed: boolean; withheld: string[] }>;
}

export interface RepeatableRequest {
  request: IssueRequest;
  /** The Idempotency-Key; without one, every request is a new one. */
  key: string | undefined;
  /** Whose key it is. */
  caller: string;
}

const NOTICE =
  'This is the answer to an earlier request with the same Idempotency-Key. It had the private key, which is not stored and cannot be given again: if it is lost, revoke this certificate and issue another.';

/**
 * Issues a certificate, or gives the one that was issued for the same request before.
 * @throws CertMateError CONFLICT the key was used for another request; see issue.ts
 */
export async function issueOnce(
  parts: LifecycleParts,
  ledger: Ledger,
  { request, key, caller }: RepeatableRequest,
  actor: Actor,
): Promise<{ issued: IssuedCertificate; replayed: boolean }> {
  if (key === undefined) return { issued: await issue(parts, request, actor), replayed: false };
  const { body, secret, withheld, replayed } = await ledger.once(
    { caller, key, request },
    {
      perform: async (announce) => withoutSecret(await issue(parts, request, actor, announce)),
      find: async ({ serial_number }) => {
        const issued = await issuedUnder(parts, serial_number);
        const keyWasGivenOut = issued?.issuance_method === 'generated' && !request.store_key;
        return issued && { ...withoutSecret(issued), withheld: keyWasGivenOut ? ['private_key_pem'] : [] };
      },
    },
  );
  return { issued: await given(parts, { body, secret, withheld, replayed }, actor), replayed };
}

/** The answer as the caller gets it; a private key that is given out once more leaves a line. */
export async function given(
  parts: LifecycleParts,
  { body, secret, withheld, replayed }: Answer & { withheld: string[]; replayed: boolean },
  actor: Actor,
): Promise<IssuedCertificate> {
  const known = { ...body, ...secret, ...(withheld.length > 0 && { notice: NOTICE }) } as IssuedCertificate;
  // An answer that an older release remembered lacks them.
  const issued = { ...known, ...flatFieldsOf(known) };
  if (replayed && issued.private_key_pem !== undefined) await recordKey(parts, issued, actor);
  return issued;
}

export function withoutSecret({ private_key_pem, ...body }: IssuedCertificate): Answer {
  return { body, secret: private_key_pem === undefined ? {} : { private_key_pem } };
}

/** Every time a private key is given out leaves a line; the first time is that of the certificate's creation. */
async function recordKey({ audit }: LifecycleParts, issued: IssuedCertificate, actor: Actor): Promise<void> {
  await audit.record({
    operation: 'download',
    resource_type: 'certificate',
    resource_id: issued.identifier,
    status: 'success',
    actor,
    details: { file: 'key', serial_number: issued.serial_number, repeated_request: true },
  });
}
