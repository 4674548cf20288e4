/** Goes through everything that is stored and says what is not as it should be. Changes nothing. */
import { join } from 'node:path';
import { concurrently } from '../../concurrently.js';
import type { KeySealer } from '../../crypto/key-sealer.js';
import type { Issuer } from '../../pki/issuer.js';
import { Folder } from '../../store/folder.js';
import { type Inspection, inspect } from '../../store/inspection.js';
import { problemPath } from '../../store/layout.js';
import { revokedElsewhere } from '../../store/revoked-elsewhere.js';
import { walk } from '../../store/walk.js';
import type { CertificateRecord } from '../../types.js';
import { checkAuthority } from './authority.js';
import { checkCertificate } from './certificate.js';
import { checkCrls } from './crl.js';
import { checkEntry } from './entries.js';
import type { Finding } from './finding.js';
import { checkStored, kindOf, type StoredKind } from './stored.js';

/** The outcome of checking the audit log. */
export interface AuditOutcome {
  lines: number;
  /** What is wrong with it, in a sentence; null if nothing is. */
  problem: string | null;
}

export interface ExaminedPlace {
  /** Nobody may use it meanwhile: see lockDirectory. */
  dataDir: string;
  logDir: string;
  caPassphrase: string | null;
  /** Opens the private keys of certificates. */
  sealer: KeySealer;
  /** What other files there are to be looked into. */
  kinds: readonly StoredKind[];
  verifyAudit: () => Promise<AuditOutcome>;
  now: Date;
}

export interface Examination {
  /** What is wrong. */
  findings: Finding[];
  /** What is in order, although a repair does something about it: files of older forms. */
  outdated: Finding[];
  /** How much was looked at. */
  certificates: number;
  crls: number;
  auditLines: number;
}

/** Certificates whose files are read at the same time. */
const AT_ONCE = 8;

export async function examine(place: ExaminedPlace): Promise<Examination> {
  const { dataDir, logDir } = place;
  const certs = new Folder(join(dataDir, 'certs'));
  const stored = await inspect(dataDir);
  const needed = stored.records.size > 0 || stored.places.length > 0;
  const ca = await checkAuthority(certs.folder('ca'), place.caPassphrase, needed, place.now);
  const folders = { crl: certs.folder('crl'), ca: certs.folder('ca') };
  // A damaged file is found with the other files that say in which form they are.
  const elsewhere = await revokedElsewhere(folders.crl).catch(() => []);
  const serials = new Set(elsewhere.map(({ serial_number }) => serial_number));
  const crls = await checkCrls(folders, stored.records, ca.issuer, serials);
  const audit = await place.verifyAudit();
  const certificates = await checkCertificates(certs.folder('client'), stored.records, ca.issuer, place);
  return {
    findings: [
      ...ca.findings,
      ...crls.findings,
      ...checkJournal(stored),
      ...(await checkEntries(dataDir, '', place.kinds)),
      ...(await checkEntries(join(logDir, 'audit'), 'logs/audit/', [])),
      ...certificates.filter(({ inOrder }) => inOrder !== true),
      ...(audit.problem === null ? [] : [auditFinding(audit.problem)]),
    ],
    outdated: certificates.filter(({ inOrder }) => inOrder === true),
    certificates: stored.records.size,
    crls: crls.count,
    auditLines: audit.lines,
  };
}

async function checkCertificates(
  client: Folder,
  records: ReadonlyMap<string, CertificateRecord>,
  issuer: Issuer | null,
  { sealer, now }: Pick<ExaminedPlace, 'sealer' | 'now'>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  await concurrently(records.values(), AT_ONCE, async (record) => {
    const files = client.folder(record.cert_usage).folder(record.identifier);
    const found = await checkCertificate(record, files, issuer, sealer, now).catch((error: unknown) => [
      unreadable(problemPath(record, null), error),
    ]);
    findings.push(...found);
  });
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Damage to the journal, and directories that it does not know. */
function checkJournal({ records, problems, places, foreign }: Inspection): Finding[] {
  return [
    ...problems.map(({ path, message }) => ({
      path,
      identifier: null,
      problem: message,
      advice: 'The journal is written anew from what is known; the old one is kept beside it.',
      remedy: { kind: 'journal' } as const,
    })),
    ...places
      .filter(({ identifier, cert_usage }) => records.get(identifier)?.cert_usage !== cert_usage)
      .map((place) => ({
        path: problemPath(place, null),
        identifier: place.identifier,
        problem: 'The journal does not know this certificate.',
        advice:
          'It is adopted, if its metadata.json or its certificate can be read and nothing in it belongs to another.',
        remedy: { kind: 'start' } as const,
      })),
    ...foreign.map((path) => ({
      path,
      identifier: null,
      problem: 'CertMate has not made this.',
      advice: 'Move it to another place.',
      remedy: null,
    })),
  ];
}

async function checkEntries(root: string, prefix: string, kinds: readonly StoredKind[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const data = new Folder(root);
  const report = (path: string, error: unknown) => findings.push(unreadable(prefix + path, error));
  for await (const entry of walk(root, undefined, report)) {
    const stored = kindOf(entry.path, kinds);
    const secret = stored !== null && stored.byHand !== true && stored.file.mode === 0o600;
    findings.push(...checkEntry({ ...entry, path: prefix + entry.path }, secret));
    if (stored === null) continue;
    findings.push(
      ...(await checkStored(entry, data, stored).catch((error: unknown) => [unreadable(entry.path, error)])),
    );
  }
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function unreadable(path: string, error: unknown): Finding {
  const { code = 'an unexpected error' } = error as NodeJS.ErrnoException;
  return {
    path,
    identifier: null,
    problem: `It cannot be read (${code}).`,
    advice: 'See whose it is, what it is, and whether the disk is well.',
    remedy: null,
  };
}

function auditFinding(problem: string): Finding {
  return {
    path: 'logs/audit/certificate_audit.log',
    identifier: null,
    problem,
    advice: 'Keep the file as it is and compare it with a backup: somebody or something has changed it.',
    remedy: null,
  };
}
