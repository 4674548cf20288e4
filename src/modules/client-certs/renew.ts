/** Renewing: a new certificate under the same identifier, for the same holder. */
import { recordSaved } from '../../arrears.js';
import { timestamp } from '../../clock.js';
import { CertMateError } from '../../errors.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import type { Extension, KeyUsage } from '../../pki/extensions.js';
import { assertReadable, generalNamesIn } from '../../pki/general-names.js';
import { type PublicKeyFacts, publicKeyFacts } from '../../pki/keys.js';
import { OID } from '../../pki/oids.js';
import { decodePem } from '../../pki/pem.js';
import type { Actor, AuditEvent, CertificateRecord, Identifier, KeyType, ReplacedCertificate } from '../../types.js';
import { type CertifiedKey, keyMadeHere, keyOfRequest } from './certified-key.js';
import { type CertifiedFacts, certify } from './certify.js';
import { droppedFrom } from './dropped.js';
import type { IssuedCertificate } from './issue.js';
import { lifetimeOf } from './lifetime.js';
import { findRecord, type LifecycleParts, stopwatch } from './parts.js';
import { assertKeyUsagesFit, assertPurposesFit, usualKeyUsages } from './profile.js';
import { resourceOf } from './resource.js';
import { assertPresent, isHeld, isValid, NOT_REVOKED } from './revocation.js';
import { announce } from './revoke.js';

export interface RenewalRequest {
  /** Unless given, the new certificate lives as long as the present one did from its start. */
  days_valid?: number | undefined;
  /** A new key of the holder's; of the CSR nothing but the key is taken. */
  csr?: string | undefined;
  /** Certify the present public key again. */
  reuse_key?: boolean | undefined;
  /** The certificate that is replaced is revoked (superseded); else it is valid until it expires. */
  revoke_previous?: boolean | undefined;
}

/** The key to certify; no CSR where none was kept with a key that is used again. */
type RenewedKey = Omit<CertifiedKey, 'csrPem'> & { csrPem: string | null };

/**
 * Renews a certificate: new serial number, everything about its holder as it was. Subject and alternative names come from
 * the certificate itself, byte for byte. Whether it may be renewed is decided by the newest record under the certificate's
 * lock, so that a revocation, a deletion or another renewal in the meantime is never overwritten.
 * @returns the new certificate; its private key only when it was made here and the present one is not stored either
 * @throws CertMateError NOT_FOUND; ALREADY_REVOKED; CONFLICT on hold, renewed meanwhile, or the holder's key is needed;
 *   VALIDITY_EXCEEDS_CA; what is wrong with the CSR; STORAGE_FULL
 */
export async function renew(
  parts: LifecycleParts,
  identifier: Identifier,
  request: RenewalRequest,
  actor: Actor,
): Promise<IssuedCertificate> {
  const { store, authority, clock } = parts;
  const [done, revoked] = [stopwatch(parts.onDone), stopwatch(parts.onRevoked)];
  const present = findRecord(store, identifier, actor);
  assertRenewable(present, request);
  const lifetime = () => lifetimeOf(lifetimeAsked(present, request), clock.now(), authority.limits.validity);
  // Checked before a key is made, which may take seconds.
  lifetime();
  const certificate = await readStored(parts, present);
  assertReadable(certificate.subjectAltNames);
  const names = keptNames(certificate);
  authority.limits.assertAllows({
    subject: certificate.subject,
    names: 'oid' in names ? generalNamesIn(names.value) : [],
    purposes: extendedKeyUsagesOf(present),
  });
  const key = await keyFor(parts, present, certificate, request, actor);
  const { algorithm } = publicKeyFacts(key.subjectPublicKeyInfo);
  const { pem, facts } = await certify(parts, {
    subject: certificate.subject,
    names,
    subjectPublicKeyInfo: key.subjectPublicKeyInfo,
    keyUsages: keyUsagesOf(present, algorithm),
    extendedKeyUsages: extendedKeyUsagesOf(present),
    lifetime: lifetime(),
  });

  const storedKey = present.has_private_key ? key.privateKeyPem : null;
  const now = clock.now();
  const record = await store.replace(
    identifier,
    (current) => {
      assertRenewable(current, request);
      if (current.serial_number !== present.serial_number) {
        throw new CertMateError('CONFLICT', 'This certificate was renewed a moment ago; look at the new one first.');
      }
      return successor(current, request, facts, now);
    },
    {
      'cert.crt': pem,
      ...(key.csrPem === null ? {} : { 'cert.csr': key.csrPem }),
      ...(storedKey === null ? {} : { 'cert.key': storedKey }),
    },
  );
  const event: AuditEvent = {
    operation: 'renew',
    resource_type: 'certificate',
    resource_id: identifier,
    status: 'success',
    actor,
    details: {
      serial_number: record.serial_number,
      renewed_from: present.serial_number,
      expires_at: record.expires_at,
      key: request.reuse_key ? 'reused' : request.csr === undefined ? 'generated' : 'csr',
      previous_revoked: record.history.at(-1)?.revoked_at !== null,
    },
  };
  const onlyHere = key.privateKeyPem !== null && storedKey === null;
  const saved = onlyHere
    ? 'The certificate is renewed, and its new private key could not be handed over (renew it again)'
    : 'The certificate is renewed';
  await (request.revoke_previous
    ? announce(parts, [event], saved, () => revoked('crl'))
    : recordSaved(parts, [event], saved));
  done('renew');
  return {
    ...resourceOf(record, clock.now()),
    certificate_pem: pem,
    chain_pem: authority.chainPem,
    ...(onlyHere && key.privateKeyPem !== null ? { private_key_pem: key.privateKeyPem } : {}),
    ...(request.csr === undefined || key.csrPem === null ? {} : { dropped: droppedFrom(key.csrPem, pem) }),
  };
}

/**
 * Why a certificate cannot be renewed without somebody who takes or brings its key; null if it can.
 * @param request `reuse_key` needs nobody
 */
export function keyObstacle(
  { has_private_key, issuance_method }: CertificateRecord,
  request: Pick<RenewalRequest, 'reuse_key'>,
): string | null {
  if (has_private_key || request.reuse_key) return null;
  return issuance_method === 'csr'
    ? 'Its key belongs to its holder: renew it with a new CSR (csr), or certify the same key again (reuse_key).'
    : 'Its key is not kept here, and a new one would reach nobody: renew it alone, or certify the same key again (reuse_key).';
}

/** @throws CertMateError why this certificate cannot be renewed so */
export function assertRenewable(record: CertificateRecord, { csr, reuse_key }: RenewalRequest): void {
  assertPresent(record);
  const { revocation, issuance_method } = record;
  if (isHeld(revocation)) {
    throw new CertMateError('CONFLICT', 'This certificate is on hold: release it first, then renew it.');
  }
  if (revocation.revoked) {
    throw new CertMateError(
      'ALREADY_REVOKED',
      `This certificate was revoked at ${revocation.revoked_at} (${revocation.reason_revoked}) and cannot be renewed: issue a new one.`,
    );
  }
  if (csr !== undefined && reuse_key) {
    const message = 'give either csr or reuse_key, not both';
    throw new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'reuse_key', message }] });
  }
  const obstacle = csr === undefined && issuance_method === 'csr' ? keyObstacle(record, { reuse_key }) : null;
  if (obstacle !== null) throw new CertMateError('CONFLICT', obstacle);
}

/**
 * The lifetime of the present certificate in what was asked for then, days or hours. `days_valid` cannot tell: it is
 * rounded up. notBefore lies up to a minute before the start, so whole hours are what counts.
 */
function lifetimeAsked(
  { not_before, expires_at }: CertificateRecord,
  { days_valid }: RenewalRequest,
): { days_valid: number } | { hours_valid: number } {
  if (days_valid !== undefined) return { days_valid };
  const hours = Math.max(1, Math.floor((Date.parse(expires_at) - Date.parse(not_before)) / 3_600_000));
  return hours % 24 === 0 ? { days_valid: hours / 24 } : { hours_valid: hours };
}

async function readStored({ store }: LifecycleParts, record: CertificateRecord): Promise<Certificate> {
  const pem = await store.read(record.identifier, 'cert.crt', record.serial_number);
  const [der = Buffer.alloc(0)] = decodePem(pem.toString('latin1'), ['CERTIFICATE']);
  return readCertificate(der);
}

/** The alternative names byte for byte, those too that would not be issued now; an empty list if there are none. */
function keptNames({ subject, extensions }: Certificate): Extension | [] {
  const names = extensions.find(({ oid }) => oid === OID.subjectAltName);
  // RFC 5280 §4.2.1.6: critical if there is nothing else that names the subject.
  return names === undefined ? [] : { ...names, critical: subject.equals(EMPTY_NAME) };
}

const EMPTY_NAME = Buffer.from([0x30, 0x00]);

async function keyFor(
  { store, keys, requests, blockedKeys }: LifecycleParts,
  record: CertificateRecord,
  certificate: Certificate,
  { csr, reuse_key }: RenewalRequest,
  { user }: Actor,
): Promise<RenewedKey> {
  const { subject, subjectPublicKeyInfo } = certificate;
  if (csr !== undefined) {
    const key = keyOfRequest(await requests.read(csr));
    blockedKeys.assertAllowed(key.subjectPublicKeyInfo);
    return key;
  }
  if (!reuse_key) return keyMadeHere(await keys.generate(keyTypeOf(record), user), subject, keptNames(certificate));
  // It was certified once, perhaps elsewhere, perhaps before its weakness was known.
  await requests.assertAcceptable(subjectPublicKeyInfo);
  blockedKeys.assertAllowed(subjectPublicKeyInfo);
  const csrPem = await store
    .read(record.identifier, 'cert.csr', record.serial_number)
    .then(String, (error: unknown) => {
      if (error instanceof CertMateError && error.code === 'NOT_FOUND') return null;
      throw error;
    });
  return { subjectPublicKeyInfo, privateKeyPem: null, csrPem };
}

/** The type of the present key; of an imported one that is not made here, the nearest that is. */
function keyTypeOf({ key_algorithm, key_size }: CertificateRecord): KeyType {
  if (key_algorithm === 'Ed25519') return 'ed25519';
  if (key_algorithm === 'EC') return key_size <= 256 ? 'ec-p256' : 'ec-p384';
  return key_size <= 2048 ? 'rsa-2048' : key_size <= 3072 ? 'rsa-3072' : 'rsa-4096';
}

/** Those of the present certificate; one of version 1 has none, and counts as what its type is for. */
function extendedKeyUsagesOf({ extended_key_usage, certificate_type }: CertificateRecord): string[] {
  if (extended_key_usage.length > 0) return extended_key_usage;
  return [certificate_type === 'server' ? 'serverAuth' : 'clientAuth'];
}

/** The same usages; where they were the usual ones and a CSR brings another kind of key, the usual ones for that. */
function keyUsagesOf(present: CertificateRecord, algorithm: PublicKeyFacts['algorithm']): KeyUsage[] {
  const purposes = extendedKeyUsagesOf(present);
  const usages = present.key_usage as KeyUsage[];
  const usual = usualKeyUsages(algorithm, purposes);
  // Certificates of version 1 have none.
  if (usages.length === 0) return usual;
  // Once every RSA key got keyEncipherment, whatever its purpose.
  const wasUsual = ['digitalSignature', 'digitalSignature,keyEncipherment'].includes(usages.join());
  if (wasUsual && present.key_algorithm !== algorithm) return usual;
  assertKeyUsagesFit(algorithm, usages);
  assertPurposesFit(purposes, usages);
  return usages;
}

/** The record after the renewal: what the certificate says is new, all else is as it was. */
function successor(
  current: CertificateRecord,
  { csr, reuse_key, revoke_previous }: RenewalRequest,
  facts: CertifiedFacts,
  now: Date,
): CertificateRecord {
  const { serial_number, public_key_sha256, expires_at } = current;
  const cut = revoke_previous === true && isValid(current, now);
  const replaced: ReplacedCertificate = {
    serial_number,
    public_key_sha256,
    expires_at,
    superseded_at: timestamp(now),
    revoked_at: cut ? timestamp(now) : null,
    reason_revoked: cut ? 'superseded' : null,
  };
  const broughtKey = csr !== undefined;
  return {
    ...current,
    ...facts,
    issuance_method: broughtKey ? 'csr' : reuse_key ? current.issuance_method : 'generated',
    has_private_key: current.has_private_key && !broughtKey,
    revocation: NOT_REVOKED,
    renewal: { ...current.renewal, last_renewed_at: timestamp(now), renewed_from: serial_number },
    history: [...current.history, replaced],
  };
}
