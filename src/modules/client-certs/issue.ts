/** Issuing: request → profile → key → TBS → check → signature → store → audit. */

import { randomBytes } from 'node:crypto';
import { recordSaved } from '../../arrears.js';
import { subjectTextOf } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import type { Dropped } from '../../dropped-from-csr.js';
import { formatGeneralName } from '../../pki/general-names.js';
import { newSerial } from '../../pki/serial.js';
import type { Actor, AuditEvent, CertificateRecord, Identifier, Serial } from '../../types.js';
import { type CertifiedKey, keyMadeHere, keyOfRequest } from './certified-key.js';
import { certify } from './certify.js';
import { droppedFrom, droppedOf } from './dropped.js';
import { encodeSubject, type Identity } from './identity.js';
import { lifetimeOf } from './lifetime.js';
import { type LifecycleParts, stopwatch } from './parts.js';
import { planIssue } from './plan.js';
import { renewalNotice } from './renewal-outlook.js';
import { type CertificateResource, resourceOf } from './resource.js';
import type { IssueRequest } from './schema.js';
import { newUsageNotice } from './usage-notice.js';

export type IssuedCertificate = CertificateResource & {
  certificate_pem: string;
  chain_pem: string;
  private_key_pem?: string;
  /** What this answer lacks, and why; or what its caller should know, such as that nothing will renew the certificate. */
  notice?: string;
  /** Where it was issued for a CSR. */
  dropped?: Dropped;
};

/** Told what a certificate is going to be known by, before its key is made. Nothing is issued before it resolves. */
export type Announce = (mark: { identifier: Identifier; serial_number: Serial }) => Promise<void>;

/**
 * Issues a certificate.
 * @returns the certificate; its private key only when it was made here and is not stored
 * @throws CertMateError what the request, the CSR or the profile forbids; IDENTIFIER_TAKEN; STORAGE_FULL
 */
export async function issue(
  parts: LifecycleParts,
  request: IssueRequest,
  actor: Actor,
  announce?: Announce,
): Promise<IssuedCertificate> {
  const { store, authority, clock, keys } = parts;
  const done = stopwatch(parts.onDone);
  const { csr, identity, keyType, keyUsages, extendedKeyUsages, validity, identifier } = await planIssue(
    parts,
    request,
    actor,
  );
  const serial = newSerial(randomBytes(16));
  await announce?.({ identifier, serial_number: serial });
  const subject = encodeSubject(identity);
  const key = csr
    ? keyOfRequest(csr)
    : await keyMadeHere(await keys.generate(keyType, actor.user), subject, identity.names);
  const now = clock.now();
  const lifetime = lifetimeOf(validity, now, authority.limits.validity);
  const { subjectPublicKeyInfo } = key;
  const certification = {
    subject,
    names: identity.names,
    subjectPublicKeyInfo,
    keyUsages,
    extendedKeyUsages,
    lifetime,
    serial,
  };
  const { pem, facts } = await certify(parts, certification);

  const storedKey = request.store_key ? key.privateKeyPem : null;
  const record: CertificateRecord = {
    ...recordOf(request, identity),
    ...facts,
    identifier,
    issuance_method: csr ? 'csr' : 'generated',
    has_private_key: storedKey !== null,
    created_at: timestamp(now),
  };
  // Asked before there is a certificate of this usage.
  const usageNotice = usageNoticeFor(parts, record.cert_usage, actor);
  await store.create(record, {
    'cert.crt': pem,
    'cert.csr': key.csrPem,
    ...(storedKey === null ? {} : { 'cert.key': storedKey }),
  });
  const event: AuditEvent = {
    operation: 'create',
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    details: {
      common_name: record.common_name,
      serial_number: record.serial_number,
      cert_usage: record.cert_usage,
      expires_at: record.expires_at,
      issuance_method: record.issuance_method,
    },
  };
  const lost = key.privateKeyPem !== null && storedKey === null;
  const keyText = lost ? ', and its private key could not be handed over (revoke it, and issue another)' : '';
  await recordSaved(parts, [event], `The certificate is issued as "${identifier}"${keyText}`);
  done('issue');
  const notices = [usageNotice, renewalNotice(record, parts.automaticRenewal)].filter((notice) => notice !== null);
  return {
    // With the history of a deleted certificate whose identifier it uses again.
    ...resourceOf(store.inventory.bySerial(serial)?.record ?? record, now),
    ...(notices.length === 0 ? {} : { notice: notices.join(' ') }),
    certificate_pem: pem,
    chain_pem: authority.chainPem,
    ...onlyHere(key, request.store_key),
    ...(csr ? { dropped: droppedOf(csr, identity) } : {}),
  };
}

/** A key that is limited to some usages was given them by name, and is told nothing of others. */
function usageNoticeFor(parts: LifecycleParts, usage: string, { reach }: Actor): string | null {
  return reach?.usages != null ? null : newUsageNotice(usage, knownUsages(parts));
}

/** The usages of profiles and certificates. */
export function knownUsages({ store, profiles }: LifecycleParts): string[] {
  return [...profiles.list().map(({ name }) => name), ...store.inventory.tally('usage').keys()];
}

/** A certificate that was issued under this serial number, as the answer to its request; null if none was. */
export async function issuedUnder(
  { store, authority, clock }: Pick<LifecycleParts, 'store' | 'authority' | 'clock'>,
  serial: Serial,
): Promise<IssuedCertificate | null> {
  const found = store.inventory.bySerial(serial);
  if (!found) return null;
  const { identifier, issuance_method } = found.record;
  const pem = await store.read(identifier, 'cert.crt', serial);
  return {
    ...resourceOf(found.record, clock.now()),
    certificate_pem: pem.toString(),
    chain_pem: authority.chainPem,
    ...(issuance_method === 'csr' ? { dropped: await droppedUnder({ store }, identifier, serial) } : {}),
  };
}

/**
 * What of the CSR of a certificate is not in it, as its files tell.
 * @param serial of the present certificate or of one that it replaced
 * @throws CertMateError NOT_FOUND there is no CSR of it
 */
export async function droppedUnder(
  { store }: Pick<LifecycleParts, 'store'>,
  identifier: Identifier,
  serial: Serial,
): Promise<Dropped> {
  const [csr, certificate] = await Promise.all([
    store.read(identifier, 'cert.csr', serial),
    store.read(identifier, 'cert.crt', serial),
  ]);
  return droppedFrom(csr.toString(), certificate.toString());
}

/** The fields of the record that the request decides. */
function recordOf(request: IssueRequest, { subject, attributes, email, names }: Identity) {
  return {
    type: 'client_certificate' as const,
    certificate_type: request.certificate_type,
    ...subject,
    email,
    ...subjectTextOf(attributes),
    subject_alt_names: names.map(formatGeneralName),
    cert_usage: request.cert_usage,
    notes: request.notes,
    tags: [...new Set(request.tags)],
    deleted_at: null,
    revocation: { revoked: false, revoked_at: null, reason_revoked: null, invalidity_date: null },
    renewal: {
      renewal_enabled: request.renewal_enabled,
      renewal_threshold_days: request.renewal_threshold_days,
      last_renewed_at: null,
      renewed_from: null,
    },
    history: [],
  };
}

/** A private key that is not stored is in the answer, and nowhere else. */
function onlyHere({ privateKeyPem }: CertifiedKey, stored: boolean): { private_key_pem?: string } {
  return privateKeyPem === null || stored ? {} : { private_key_pem: privateKeyPem };
}
