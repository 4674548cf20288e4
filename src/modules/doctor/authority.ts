/** Holds the files of the CA against one another. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { factsOf } from '../../certificate-record.js';
import { timestamp } from '../../clock.js';
import { KeyOpenError, openPrivateKey } from '../../crypto/sealing.js';
import { type Certificate, readCertificate } from '../../pki/certificate.js';
import { chainFaults } from '../../pki/chain-faults.js';
import type { Issuer } from '../../pki/issuer.js';
import { decodePem } from '../../pki/pem.js';
import type { Files } from './certificate.js';
import type { Finding } from './finding.js';

const RESTORE = 'Restore it from a backup.';
const NEW_CA = 'Set up a new CA in an empty directory; keep this one for its CRL and OCSP.';

/**
 * Every finding about the CA's folder, and the CA if it can be read.
 * @param passphrase opens its key
 * @param needed whether there is anything that a CA must have issued; where not, an empty folder is in order
 */
export async function checkAuthority(
  files: Files,
  passphrase: string | null,
  needed: boolean,
  now: Date,
): Promise<{ issuer: Issuer | null; findings: Finding[] }> {
  const findings: Finding[] = [];
  const report = (file: string, problem: string, advice: string): void => {
    findings.push({ path: `certs/ca/${file}`, identifier: null, problem, advice, remedy: null });
  };
  const names = await files.list();
  if (!needed && !['ca.crt', 'ca.key', 'ca_metadata.json'].some((name) => names.includes(name))) {
    return { issuer: null, findings };
  }

  const certificate = readCa(await files.read('ca.crt'), (problem) => report('ca.crt', problem, RESTORE));
  if (certificate !== null) {
    if (!certificate.isCa) report('ca.crt', 'It is not the certificate of a CA.', RESTORE);
    if (certificate.notAfter <= now)
      report('ca.crt', `It expired at ${timestamp(certificate.notAfter)}.`, 'Set up a new CA in an empty directory.');
    const metadata = await files.read('ca_metadata.json');
    if (metadata === null) report('ca_metadata.json', 'It is missing.', RESTORE);
    else if (isOfAnother(metadata, factsOf(certificate).fingerprint_sha256))
      report('ca_metadata.json', 'It is that of another CA.', RESTORE);
  }
  const chain = await files.read('ca-chain.pem');
  const superiors = chain === null ? [] : certificatesIn(chain);
  if (superiors === null) report('ca-chain.pem', 'It is damaged.', RESTORE);
  else if (certificate?.isCa === true && certificate.notAfter > now)
    for (const fault of chainFaults([certificate, ...superiors], now).fatal)
      report(chain === null ? 'ca.crt' : 'ca-chain.pem', `Verifiers refuse what this CA issues: ${fault}.`, NEW_CA);

  const stored = await files.read('ca.key');
  if (stored === null) report('ca.key', 'It is missing.', `${RESTORE} Nothing can be issued or revoked without it.`);
  else {
    try {
      const key = openPrivateKey(stored.toString('latin1'), passphrase);
      if (certificate !== null && !createPublicKey(key).equals(publicKeyOf(certificate)))
        report('ca.key', 'It is not the key of ca.crt.', RESTORE);
    } catch (error) {
      const reason = error instanceof KeyOpenError ? error.reason : 'not-a-key';
      if (reason === 'not-a-key') report('ca.key', 'It is damaged: it is not a private key in PEM.', RESTORE);
      else report('ca.key', `It cannot be opened: ${(error as Error).message}.`, 'Set CERTMATE_CA_PASSPHRASE.');
    }
  }
  const issuer = certificate && { subject: certificate.subject, publicKey: publicKeyOf(certificate) };
  return { issuer, findings };
}

function readCa(stored: Buffer | null, report: (problem: string) => void): Certificate | null {
  if (stored === null) {
    report('It is missing.');
    return null;
  }
  const [certificate = null] = certificatesIn(stored) ?? [];
  if (certificate === null) report('It is damaged: it is not an X.509 certificate in PEM.');
  return certificate;
}

/** Null if anything in it cannot be read. */
function certificatesIn(pem: Buffer): Certificate[] | null {
  try {
    return decodePem(pem.toString('latin1'), ['CERTIFICATE']).map(readCertificate);
  } catch {
    return null;
  }
}

function publicKeyOf({ subjectPublicKeyInfo }: Certificate): KeyObject {
  return createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' });
}

/** False where it is damaged, which is found with other files. */
function isOfAnother(metadata: Buffer, fingerprint: string): boolean {
  try {
    const said = JSON.parse(metadata.toString('utf8')) as { schema_version?: unknown; fingerprint_sha256?: unknown };
    return said.schema_version !== undefined && said.fingerprint_sha256 !== fingerprint;
  } catch {
    return false;
  }
}
