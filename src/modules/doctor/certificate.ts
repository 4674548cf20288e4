/** Holds a record against the files of its certificate, and these against one another. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { factsOf } from '../../certificate-record.js';
import type { KeySealer } from '../../crypto/key-sealer.js';
import { isEncrypted, KeyOpenError, openPrivateKey } from '../../crypto/sealing.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import { type Issuer, isIssuedBy } from '../../pki/issuer.js';
import { decodePem } from '../../pki/pem.js';
import { withRevocationsIn } from '../../store/believing.js';
import { problemPath } from '../../store/layout.js';
import { isAhead } from '../../store/merging.js';
import { complaintAbout, isOlderForm, parseMetadata, sameRecord } from '../../store/metadata.js';
import { GO_FORWARD, NewerForm } from '../../store/versioned-file.js';
import type { CertificateRecord } from '../../types.js';
import type { Finding, Remedy } from './finding.js';

/** A folder of whole files. */
export interface Files {
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer | null>;
  folder(name: string): Files;
}

const RESTORE = 'Restore it from a backup';

/**
 * Every finding about one certificate.
 * @param files its directory
 * @param issuer null if the CA itself cannot be read: then nobody can tell what it has issued
 * @param sealer opens private keys, and says whether they should be encrypted
 * @param now the present moment
 */
export async function checkCertificate(
  record: CertificateRecord,
  files: Files,
  issuer: Issuer | null,
  sealer: KeySealer,
  now: Date,
): Promise<Finding[]> {
  const { identifier } = record;
  const found: Finding[] = [];
  const report: Report = (file, problem, advice, remedy = null, inOrder) => {
    found.push({ path: problemPath(record, file), identifier, problem, advice, remedy, ...(inOrder && { inOrder }) });
  };
  const names = await files.list();
  if (names.length === 0) {
    report(null, 'The directory is missing or empty.', `${RESTORE}; its revocation state is still known.`);
    return found;
  }
  checkMetadata(record, await files.read('metadata.json'), now, report);

  checkDates(record, now, report);

  const certificate = await checkFile(files, issuer, (problem) => report('cert.crt', problem, `${RESTORE}, or renew.`));
  if (certificate !== null) {
    const facts = factsOf(certificate);
    for (const field of Object.keys(facts) as (keyof typeof facts)[]) {
      if (facts[field] === record[field]) continue;
      report('cert.crt', `Its ${field} is ${facts[field]}; the record has ${record[field]}.`, `${RESTORE}, or renew.`);
    }
  }

  const key = await files.read('cert.key');
  if (key !== null && !record.has_private_key) {
    const finish: Remedy | null = record.deleted_at === null ? null : { kind: 'destroy-key', identifier };
    report(
      'cert.key',
      'There is a private key although the record says that there is none.',
      finish === null
        ? 'Remove the file unless you know whose it is.'
        : 'The deletion is finished: the key is removed.',
      finish,
    );
  } else if (key === null && record.has_private_key) {
    report('cert.key', 'It is missing.', `${RESTORE}; else has_private_key becomes false.`, {
      kind: 'no-key',
      identifier,
    });
  } else if (key !== null) {
    checkKey(key, 'cert.key', certificate, record, sealer, report);
  }

  await checkHistory(record, files, names, { issuer, sealer }, report);
  return found;
}

type Report = (file: string | null, problem: string, advice: string, remedy?: Remedy | null, inOrder?: true) => void;

const OLDER_FORM = 'It is in the form of an older CertMate.';

function checkMetadata(record: CertificateRecord, stored: Buffer | null, now: Date, report: Report): void {
  const rewrite: Remedy = { kind: 'metadata', identifier: record.identifier };
  const advice = 'It is written anew from the journal.';
  if (stored === null) {
    report('metadata.json', 'It is missing.', advice, rewrite);
    return;
  }
  let metadata: CertificateRecord;
  try {
    metadata = parseMetadata(stored.toString('utf8'));
  } catch (error) {
    if (error instanceof NewerForm) report('metadata.json', complaintAbout(error), GO_FORWARD);
    else {
      const revokes = !sameRecord(withRevocationsIn(record, stored, now, false), record);
      const said = revokes
        ? ' What can be read of it says that the certificate is revoked, which the journal does not know.'
        : '';
      const kept = ' The damaged file is kept beside it.';
      const mending = revokes ? 'The certificate becomes revoked, and the file is rewritten.' : advice;
      report('metadata.json', `${complaintAbout(error)}${said}`, `${mending}${kept}`, rewrite);
    }
    return;
  }
  if (sameRecord(metadata, record)) {
    if (isOlderForm(stored.toString('utf8'))) report('metadata.json', OLDER_FORM, 'It is written anew.', rewrite, true);
    return;
  }
  if (!isAhead(metadata, record)) {
    report('metadata.json', 'It does not say what the journal says.', advice, rewrite);
  } else if (metadata.serial_number === record.serial_number) {
    const problem = 'It knows of a revocation or deletion that the journal does not know.';
    report('metadata.json', problem, 'What it knows is taken over into the journal.', rewrite);
  } else {
    const problem = 'It knows of a renewal that the journal does not know.';
    report('metadata.json', problem, 'If the journal is older than this directory, run certmate reindex.');
  }
}

/** How far ahead of ours the clock behind a given date may have been (ms). */
const SKEW = 5 * 60_000;

/** Dates of a revocation that some relying parties could not read, or would misread. */
function checkDates(record: CertificateRecord, now: Date, report: Report): void {
  const { revocation, not_before, identifier } = record;
  const { invalidity_date } = revocation;
  const remedy: Remedy = { kind: 'dates', identifier };
  if (invalidity_date !== null && Date.parse(invalidity_date) < Date.parse(not_before)) {
    const problem = `Its invalidity date ${invalidity_date} lies before the certificate begins (${not_before}).`;
    report('metadata.json', problem, 'CRLs say when it begins; so will the record.', remedy);
  }
  for (const revoked_at of [revocation.revoked_at, ...record.history.map((replaced) => replaced.revoked_at)]) {
    if (revoked_at === null) continue;
    const early = Date.parse(revoked_at) < 0;
    if (!early && Date.parse(revoked_at) <= now.getTime() + SKEW) continue;
    const problem = `Its revocation date ${revoked_at} lies ${early ? 'before 1970' : 'in the future'}.`;
    report(
      'metadata.json',
      problem,
      `CRLs and OCSP say ${early ? '1970' : 'the present moment'}; so will the record.`,
      remedy,
    );
  }
}

async function checkHistory(
  record: CertificateRecord,
  files: Files,
  names: readonly string[],
  { issuer, sealer }: { issuer: Issuer | null; sealer: KeySealer },
  report: Report,
): Promise<void> {
  const history = files.folder('history');
  const present = new Set(names.includes('history') ? await history.list() : []);
  for (const { serial_number: serial, expires_at } of record.history) {
    const place = `history/${serial}`;
    if (!present.delete(serial)) {
      report(place, 'The files of this replaced certificate are missing.', `${RESTORE}; its state is still known.`);
      continue;
    }
    const old = await checkFile(history.folder(serial), issuer, (problem) =>
      report(`${place}/cert.crt`, problem, `${RESTORE}; its state is still known.`),
    );
    if (old === null) continue;
    const facts = factsOf(old);
    if (facts.serial_number !== serial || facts.expires_at !== expires_at) {
      report(`${place}/cert.crt`, 'It is not the certificate that the record has replaced.', `${RESTORE}.`);
    }
    const key = await history.folder(serial).read('cert.key');
    if (key !== null) checkKey(key, `${place}/cert.key`, old, record, sealer, report);
  }
  for (const name of present) {
    // A renewal that was broken off leaves the current files here a second time.
    const brokenOff = name === record.serial_number;
    report(
      `history/${name}`,
      brokenOff ? 'A renewal was broken off here.' : 'The record knows no such replaced certificate.',
      brokenOff ? 'It is undone.' : 'If the journal is older than this directory, run certmate reindex.',
      brokenOff ? { kind: 'start' } : null,
    );
  }
}

/** The certificate in `cert.crt`; null, and reported, if it cannot be read. */
async function checkFile(
  files: Files,
  issuer: Issuer | null,
  report: (problem: string) => void,
): Promise<Certificate | null> {
  const stored = await files.read('cert.crt');
  if (stored === null) {
    report('It is missing.');
    return null;
  }
  try {
    const [der = Buffer.alloc(0)] = decodePem(stored.toString('latin1'), ['CERTIFICATE']);
    const certificate = readCertificate(der);
    if (issuer !== null && !isIssuedBy(certificate, issuer)) report('It was not issued by this CA.');
    return certificate;
  } catch {
    report('It is damaged: it is not an X.509 certificate in PEM.');
    return null;
  }
}

function checkKey(
  stored: Buffer,
  path: string,
  certificate: Certificate | null,
  { identifier }: CertificateRecord,
  sealer: KeySealer,
  report: Report,
): void {
  const pem = stored.toString('latin1');
  let key: KeyObject;
  try {
    key = openPrivateKey(sealer.open(pem), null);
  } catch (error) {
    const reason = error instanceof KeyOpenError ? error.reason : 'not-a-key';
    if (reason === 'passphrase-missing') report(path, 'It is encrypted.', 'Set CERTMATE_KEY_ENCRYPTION.');
    else if (reason === 'passphrase-wrong')
      report(path, 'CERTMATE_KEY_ENCRYPTION does not open it.', 'Set it to the secret that this key was stored under.');
    else report(path, 'It is damaged: it is not a private key in PEM.', `${RESTORE}, or renew.`);
    return;
  }
  const spki = certificate && ({ key: certificate.subjectPublicKeyInfo, format: 'der', type: 'spki' } as const);
  if (spki !== null && !createPublicKey(key).equals(createPublicKey(spki))) {
    report(path, 'It is not the key of the certificate.', `${RESTORE}, or renew.`);
  } else if (sealer.seals && !isEncrypted(pem)) {
    const remedy = { kind: 'seal-keys', identifier } as const;
    report(path, 'It is not encrypted, and CERTMATE_KEY_ENCRYPTION is set.', 'It is encrypted.', remedy);
  }
}
