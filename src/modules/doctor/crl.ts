/** Holds the CRLs on disk against their numbers, the CA and the records. */
import { type CertificateList, readCrl } from '../../pki/crl.js';
import { type Issuer, isCrlOf } from '../../pki/issuer.js';
import { decodePem } from '../../pki/pem.js';
import type { CertificateRecord, Serial, Timestamp } from '../../types.js';
import type { Files } from './certificate.js';
import type { Finding, Remedy } from './finding.js';

interface Crl {
  path: string;
  der: Buffer;
  list: CertificateList;
}

/**
 * Every finding about CRLs, and how many there are.
 * @param issuer null if the CA cannot be read: signatures are then not checked
 * @param elsewhere serial numbers that stay revoked without a record
 */
export async function checkCrls(
  folders: { crl: Files; ca: Files },
  records: ReadonlyMap<string, CertificateRecord>,
  issuer: Issuer | null,
  elsewhere: ReadonlySet<Serial>,
): Promise<{ count: number; findings: Finding[] }> {
  const findings: Finding[] = [];
  const report = (path: string, problem: string, advice: string, remedy: Remedy | null = null): void => {
    findings.push({ path, identifier: null, problem, advice, remedy });
  };
  const { newest, count } = await checkNumbered(folders.crl, issuer, report);
  if (newest === null) return { count, findings };
  const inPem = await folders.ca.read('crl.pem');
  const der = inPem === null ? null : derIn(inPem);
  if (der === null || (read(der)?.number ?? 0n) < newest.list.number) {
    const problem = der === null ? 'It is missing.' : 'It is damaged, or older than the numbered ones.';
    report('certs/ca/crl.pem', problem, 'It is written anew from the CRL with the highest number.', {
      kind: 'crl-pem',
    });
  } else if (!der.equals(newest.der)) {
    // A crash between the two files of one CRL leaves it so. Its number is taken: an older one must not come back here.
    report('certs/ca/crl.pem', 'It is newer than the numbered ones.', 'Start CertMate: it publishes a new one.');
  }
  checkAgainstRecords(newest, records, elsewhere, report);
  return { count, findings };
}

type Report = (path: string, problem: string, advice: string, remedy?: Remedy | null) => void;

async function checkNumbered(
  files: Files,
  issuer: Issuer | null,
  report: Report,
): Promise<{ newest: Crl | null; count: number }> {
  const numbers = (await files.list())
    .flatMap((name) => /^crl-(\d{1,48})\.der$/.exec(name)?.[1] ?? [])
    .map(BigInt)
    .sort((a, b) => (a < b ? 1 : -1));
  let newest: Crl | null = null;
  for (const [age, number] of numbers.entries()) {
    const path = `certs/crl/crl-${number}.der`;
    const advice = age === 0 ? 'Start CertMate: it publishes a new one.' : 'Remove it: newer ones are there.';
    const der = (await files.read(`crl-${number}.der`)) ?? Buffer.alloc(0);
    const list = read(der);
    if (list === null) report(path, 'It is damaged: it is not a CRL.', advice);
    else if (list.number !== number) report(path, `It is the CRL with the number ${list.number}.`, advice);
    else if (issuer !== null && !isCrlOf(list, issuer)) report(path, 'It was not signed by this CA.', advice);
    else if (age === 0) newest = { path, der, list };
  }
  return { newest, count: numbers.length };
}

function checkAgainstRecords(
  { path, list }: Crl,
  records: ReadonlyMap<string, CertificateRecord>,
  elsewhere: ReadonlySet<Serial>,
  report: Report,
): void {
  const states = new Map<Serial, SerialState>();
  for (const record of records.values()) for (const state of statesOf(record)) states.set(state.serial, state);
  const listed = new Set<Serial>();
  for (const { serial } of list.entries) {
    listed.add(serial);
    const state = states.get(serial);
    if (state === undefined && elsewhere.has(serial)) continue;
    if (state === undefined) {
      const advice = 'Restore its directory from a backup; until then it stays on the CRL.';
      report(path, `It lists ${serial}, of which there is no record.`, advice);
    } else if (state.revokedAt === null) {
      report(path, `It lists ${serial}, which is not revoked.`, 'Start CertMate: it publishes a new one.');
    }
  }
  for (const serial of elsewhere) {
    if (!listed.has(serial) && !states.has(serial))
      report(path, `It lacks ${serial}, which an import has brought.`, 'Start CertMate: it publishes a new one.');
  }
  for (const { serial, revokedAt, expiresAt } of states.values()) {
    if (revokedAt === null || listed.has(serial)) continue;
    // Once it has been on a CRL issued past its expiry a certificate may leave.
    if (Date.parse(expiresAt) < list.thisUpdate.getTime()) continue;
    report(path, `It lacks ${serial}, revoked at ${revokedAt}.`, 'Start CertMate: it publishes a new one.');
  }
}

interface SerialState {
  serial: Serial;
  revokedAt: Timestamp | null;
  expiresAt: Timestamp;
}

function statesOf(record: CertificateRecord): SerialState[] {
  const { serial_number: serial, expires_at: expiresAt, revocation, history } = record;
  return [
    { serial, revokedAt: revocation.revoked_at, expiresAt },
    ...history.map((old) => ({ serial: old.serial_number, revokedAt: old.revoked_at, expiresAt: old.expires_at })),
  ];
}

/** Null if it cannot be read to its end. */
function read(der: Buffer): CertificateList | null {
  try {
    const list = readCrl(der);
    for (const _entry of list.entries);
    return list;
  } catch {
    return null;
  }
}

/** Empty if there is none in it. */
function derIn(pem: Buffer): Buffer {
  try {
    return decodePem(pem.toString('latin1'), ['X509 CRL'])[0] ?? Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}
