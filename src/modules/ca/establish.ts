/** Opening the CA at start: load the one there is, or make the first one. Whatever is wrong stops the start. */
import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { backdated, secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { localSigner } from '../../crypto/file-signer.js';
import { KeyOpenError, type KeyOpenFailure, openPrivateKey, sealPrivateKey } from '../../crypto/sealing.js';
import { StartupError } from '../../errors.js';
import { assembleSigned, buildTbsCertificate, type Certificate, readCertificate } from '../../pki/certificate.js';
import { chainFaults } from '../../pki/chain-faults.js';
import { DerError } from '../../pki/der.js';
import { authorityKeyIdentifier, basicConstraints, keyUsage, subjectKeyIdentifier } from '../../pki/extensions.js';
import { keyIdentifier, keyWeakness, publicKeyFacts } from '../../pki/keys.js';
import { checkTbsCertificate } from '../../pki/lint.js';
import { encodeName, parseDistinguishedName } from '../../pki/names.js';
import { decodePem, encodePem } from '../../pki/pem.js';
import { newSerial } from '../../pki/serial.js';
import type { Folder } from '../../store/folder.js';
import { DamagedFile, neverWithout, VersionedFile } from '../../store/versioned-file.js';
import type { KeyType, Log } from '../../types.js';
import { CertificateAuthority } from './authority.js';

const CA_CERTIFICATE = 'ca.crt';
const CA_KEY = 'ca.key';
const CA_CHAIN = 'ca-chain.pem';
const CA_METADATA = 'ca_metadata.json';

/** What is known of the CA, for people: nothing is decided by it. */
export const metadataFile = new VersionedFile({
  upgrades: [neverWithout],
  parse: (contents) => contents,
  remedy: 'Restore it from a backup.',
  mode: 0o644,
});

/** How the first CA is to be. */
export interface NewAuthority {
  subject: string;
  keyType: KeyType;
  /** Lifetime in days. */
  days: number;
}

/** True when the folder holds a CA or what is left of one. */
export async function authorityExists(folder: Folder): Promise<boolean> {
  const names = await folder.list();
  return [CA_CERTIFICATE, CA_KEY, CA_METADATA].some((name) => names.includes(name));
}

/**
 * Loads the CA, touching nothing unless a passphrase has newly been set for a key that lies open: then it is sealed.
 * @throws StartupError a missing half, a key that others may read, a wrong passphrase, a key of another certificate, an
 * expired or unfit certificate, files of a newer program
 */
export async function loadAuthority(
  folder: Folder,
  passphrase: string | null,
  now: Date,
  log: Log,
): Promise<CertificateAuthority> {
  await assertNotNewer(folder);
  const [certificatePem, keyPem] = await Promise.all([folder.read(CA_CERTIFICATE), folder.read(CA_KEY)]);
  if (certificatePem === null) {
    throw new StartupError(`${CA_CERTIFICATE} is missing from the CA folder; restore it from a backup`);
  }
  if (keyPem === null) {
    throw new StartupError(
      `${CA_KEY} is missing beside ${CA_CERTIFICATE}; restore it from a backup (no new CA is made over an old one)`,
    );
  }
  const mode = await folder.mode(CA_KEY);
  if (mode !== null && process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new StartupError(
      `${CA_KEY} can be read by others (mode ${mode.toString(8).padStart(4, '0')}); make it private: chmod 600 ${CA_KEY}`,
    );
  }
  const certificate = readOne(certificatePem.toString('utf8'), CA_CERTIFICATE);
  const key = unlock(keyPem.toString('utf8'), passphrase);
  assertUsable(certificate, key, now);
  const superiors = readChain((await folder.read(CA_CHAIN))?.toString('utf8') ?? '');
  if (passphrase !== null && !isSealed(keyPem.toString('utf8'))) {
    await folder.write(CA_KEY, sealPrivateKey(key, passphrase), { mode: 0o600 });
    log.info({}, 'the CA key was not encrypted; it now is, under the passphrase that was set');
  }
  return authorityOf(certificate, superiors, key);
}

function authorityOf(
  certificate: Certificate,
  superiors: readonly Certificate[],
  key: KeyObject,
): CertificateAuthority {
  try {
    return new CertificateAuthority(certificate, superiors, localSigner(key));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new StartupError('the name constraints of a CA certificate cannot be read', { cause });
  }
}

/** Whether ca_metadata.json can be read otherwise is for the doctor to say. */
async function assertNotNewer(folder: Folder): Promise<void> {
  await metadataFile.read(folder, `certs/ca/${CA_METADATA}`).catch((error: unknown) => {
    if (!(error instanceof DamagedFile)) throw error;
  });
}

/**
 * Makes a self-signed CA and stores it: all of its files appear at once.
 * @param key its private key
 */
export async function createAuthority(
  folder: Folder,
  { subject, keyType, days }: NewAuthority,
  key: KeyObject,
  passphrase: string | null,
  now: Date,
): Promise<CertificateAuthority> {
  const signer = localSigner(key);
  const subjectPublicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const identifier = keyIdentifier(subjectPublicKeyInfo);
  const name = encodeName(parseDistinguishedName(subject));
  const notBefore = backdated(now);
  const notAfter = secondsAfter(wholeSeconds(now), days * 86_400);
  const tbs = buildTbsCertificate({
    serial: newSerial(randomBytes(16)),
    issuer: name,
    subject: name,
    notBefore,
    notAfter,
    subjectPublicKeyInfo,
    scheme: signer.scheme,
    extensions: [
      basicConstraints({ ca: true, pathLength: 0 }),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(identifier),
      authorityKeyIdentifier(identifier),
    ],
  });
  const broken = checkTbsCertificate(tbs, {
    subject: name,
    keyIdentifier: identifier,
    notBefore,
    notAfter,
    scheme: signer.scheme,
  });
  if (broken.length > 0) throw new StartupError(`CERTMATE_CA_SUBJECT makes no valid CA: ${broken.join('; ')}`);
  const certificate = readCertificate(assembleSigned(tbs, signer.scheme, await signer.sign(tbs)));
  const authority = new CertificateAuthority(certificate, [], signer);
  await storeAuthority(folder, authority, sealPrivateKey(key, passphrase), 'created', now, { key_type: keyType });
  return authority;
}

/** Writes a CA's files into a folder that has none, all at once. */
async function storeAuthority(
  folder: Folder,
  authority: CertificateAuthority,
  keyPem: string,
  source: 'created' | 'imported',
  now: Date,
  extra: Record<string, unknown> = {},
): Promise<void> {
  const { certificate } = authority;
  const facts = publicKeyFacts(certificate.subjectPublicKeyInfo);
  const metadata = {
    type: 'certificate_authority',
    subject: authority.subjectText,
    issuer: authority.issuerText,
    serial_number: certificate.serial,
    fingerprint_sha256: authority.fingerprint,
    key_algorithm: facts.algorithm,
    key_size: facts.size,
    not_before: timestamp(certificate.notBefore),
    expires_at: timestamp(certificate.notAfter),
    created_at: timestamp(now),
    source,
    ...extra,
  };
  await folder.publish({
    [CA_CERTIFICATE]: { data: authority.pem, mode: 0o644 },
    [CA_KEY]: { data: keyPem, mode: 0o600 },
    [CA_METADATA]: { data: metadataFile.format(metadata), mode: 0o644 },
    ...(authority.chain.length > 1 && {
      [CA_CHAIN]: {
        data: authority.chain
          .slice(1)
          .map((der) => encodePem('CERTIFICATE', der))
          .join(''),
        mode: 0o644,
      },
    }),
  });
}

/**
 * Brings in a CA made elsewhere: a root, or an intermediate with the chain above it.
 * @param files what the user has, in PEM; `chain` nearest first, without or with the CA itself
 * @param keyPassphrase opens the key given; the stored key is sealed under `passphrase`
 * @returns the CA, and what of it some verifiers, or some uses, would not take
 * @throws StartupError anything that would make it unusable here, or its certificates unusable for clients
 */
export async function importAuthority(
  folder: Folder,
  files: { certificate: string; key: string; chain: string },
  keyPassphrase: string | null,
  passphrase: string | null,
  now: Date,
): Promise<{ authority: CertificateAuthority; warnings: string[] }> {
  if (await authorityExists(folder)) {
    throw new StartupError('there is a CA here already; import into an empty data directory');
  }
  const [certificate, ...following] = readChain(files.certificate);
  if (!certificate) throw new StartupError('the certificate file holds no certificate in PEM');
  const key = unlock(files.key, keyPassphrase);
  assertUsable(certificate, key, now);
  const superiors = [...following, ...readChain(files.chain)].filter(({ der }) => !der.equals(certificate.der));
  assertChain(certificate, superiors);
  const { fatal, warnings } = chainFaults([certificate, ...superiors], now);
  const weakness = keyWeakness(certificate.subjectPublicKeyInfo);
  if (weakness !== null) fatal.push(`others know its key: ${weakness}`);
  if (fatal.length > 0)
    throw new StartupError(
      `client certificates of this CA would be refused by those who check them: ${fatal.join('; ')}`,
    );
  const authority = new CertificateAuthority(certificate, superiors, localSigner(key));
  await storeAuthority(folder, authority, sealPrivateKey(key, passphrase), 'imported', now);
  return { authority, warnings };
}

function unlock(pem: string, passphrase: string | null): KeyObject {
  try {
    return openPrivateKey(pem, passphrase);
  } catch (error) {
    if (!(error instanceof KeyOpenError)) throw error;
    throw new StartupError(`the CA key cannot be opened: ${error.message}; ${ADVICE[error.reason]}`, { cause: error });
  }
}

const ADVICE: Record<KeyOpenFailure, string> = {
  'passphrase-missing': 'set CERTMATE_CA_PASSPHRASE or CERTMATE_CA_PASSPHRASE_FILE',
  'passphrase-wrong': 'check CERTMATE_CA_PASSPHRASE',
  'not-a-key': 'restore it from a backup',
};

function isSealed(pem: string): boolean {
  return pem.includes('ENCRYPTED');
}

function assertUsable(certificate: Certificate, key: KeyObject, now: Date): void {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!spki.equals(certificate.subjectPublicKeyInfo)) {
    throw new StartupError('the CA key and the CA certificate do not belong together');
  }
  if (!certificate.isCa) throw new StartupError('the CA certificate is not one of a CA (basicConstraints CA:TRUE)');
  for (const usage of ['keyCertSign', 'cRLSign']) {
    if (certificate.keyUsage.length > 0 && !certificate.keyUsage.includes(usage)) {
      throw new StartupError(`the CA certificate's key usage lacks ${usage}`);
    }
  }
  const { algorithm, size } = publicKeyFacts(certificate.subjectPublicKeyInfo);
  if (algorithm === 'RSA' && size < 2048) throw new StartupError('the CA key is an RSA key of fewer than 2048 bits');
  if (certificate.notBefore > now) {
    throw new StartupError(
      `the CA certificate begins at ${timestamp(certificate.notBefore)}, and the clock says ${timestamp(now)}: set the clock`,
    );
  }
  if (certificate.notAfter <= now) {
    throw new StartupError(`the CA certificate expired at ${timestamp(certificate.notAfter)}`);
  }
}

function assertChain(certificate: Certificate, superiors: readonly Certificate[]): void {
  let current = certificate;
  for (const superior of superiors) {
    const issued = new X509Certificate(current.der);
    const issuer = new X509Certificate(superior.der);
    if (!issued.checkIssued(issuer) || !issued.verify(issuer.publicKey)) {
      throw new StartupError('the chain is not in order: each certificate must be issued by the next');
    }
    current = superior;
  }
  if (!current.issuer.equals(current.subject)) {
    throw new StartupError('the chain does not reach a self-signed root; give the certificates above it with --chain');
  }
}

function readOne(pem: string, name: string): Certificate {
  const [first] = readChain(pem);
  if (!first) throw new StartupError(`${name} holds no certificate in PEM`);
  return first;
}

function readChain(pem: string): Certificate[] {
  if (pem.trim() === '') return [];
  try {
    return decodePem(pem, ['CERTIFICATE']).map(readCertificate);
  } catch (cause) {
    throw new StartupError('a CA certificate cannot be read: it must be X.509 in PEM', { cause });
  }
}
