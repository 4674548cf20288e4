/** What an API key may be limited to, apart from its role. */
import { CertMateError } from '../../errors.js';
import { isNarrower } from '../../reach.js';
import type { Reach } from '../../types.js';
import { Networks } from './networks.js';

/** Null does not limit. */
export interface KeyLimits {
  /** Values of `cert_usage`. */
  allowed_usages: string[] | null;
  /** Patterns of identifiers, `*` for any run of characters. */
  allowed_identifiers: string[] | null;
  /** CIDRs or addresses that it may be used from. */
  allowed_cidrs: string[] | null;
}

export const UNLIMITED: KeyLimits = { allowed_usages: null, allowed_identifiers: null, allowed_cidrs: null };

/** Which certificates a key may touch; null: all. */
export function reachOf({ allowed_usages: usages, allowed_identifiers: identifiers }: KeyLimits): Reach | null {
  return usages === null && identifiers === null ? null : { usages, identifiers };
}

/** Whether a key is held to some usages, identifiers or addresses at all. */
export function isLimited(limits: KeyLimits): boolean {
  return reachOf(limits) !== null || limits.allowed_cidrs !== null;
}

/** A key gets no more than the key that makes it. @throws CertMateError FORBIDDEN */
export function assertNoWider(wanted: KeyLimits, own: KeyLimits): void {
  const reach = { usages: wanted.allowed_usages, identifiers: wanted.allowed_identifiers };
  const usages = isNarrower(reach, { usages: own.allowed_usages, identifiers: null });
  const identifiers = isNarrower(reach, { usages: null, identifiers: own.allowed_identifiers });
  const cidrs = own.allowed_cidrs === null || new Networks(own.allowed_cidrs).covers(wanted.allowed_cidrs ?? ['::/0']);
  const wider = [
    ...(usages ? [] : ['allowed_usages']),
    ...(identifiers ? [] : ['allowed_identifiers']),
    ...(cidrs ? [] : ['allowed_cidrs']),
  ];
  if (wider.length === 0) return;
  const message = `Your own key is limited here: the new one may only be narrower (${wider.join(', ')}).`;
  throw new CertMateError('FORBIDDEN', message);
}
