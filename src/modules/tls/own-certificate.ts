/**
 * A server certificate that our own CA signs for this very server: a P-256 key, 90 days, renewed with a new key before its last
 * third. It is nobody's client certificate and so in no list; its serial number is known to OCSP.
 */
import { createPublicKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { backdated, secondsAfter, timestamp, wholeSeconds } from '../../clock.js';
import { privateKeyPem } from '../../crypto/key-encoding.js';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  crlDistributionPoints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../pki/extensions.js';
import { formatGeneralName, type GeneralName } from '../../pki/general-names.js';
import { keyIdentifier } from '../../pki/keys.js';
import { encodeName } from '../../pki/names.js';
import { encodePem } from '../../pki/pem.js';
import { newSerial } from '../../pki/serial.js';
import type { RelyingPartyUrls } from '../../relying-party-urls.js';
import { VersionedFile, type VersionedFiles } from '../../store/versioned-file.js';
import type { AuditSink, Clock, KeyType, Serial } from '../../types.js';
import { checkPair, type PairSource, type PairText } from './pair.js';

/** What certifies it: the CA. */
export interface ServerIssuer {
  readonly certificate: { readonly der: Buffer; readonly notBefore: Date; readonly notAfter: Date };
  readonly keyIdentifier: Buffer;
  /** Nearest first; the last one may be a root. */
  readonly chain: readonly Buffer[];
  issue(request: {
    serial: Serial;
    subject: Buffer;
    notBefore: Date;
    notAfter: Date;
    subjectPublicKeyInfo: Buffer;
    extensions: Extension[];
  }): Promise<Buffer>;
}

export interface OwnCertificateParts {
  issuer: ServerIssuer;
  keys: { generate(type: KeyType): Promise<KeyObject> };
  /** The folder of certificate and key. */
  files: VersionedFiles;
  /** Everything that clients may call this server; the first is the one it calls itself. */
  hosts: readonly [GeneralName, ...GeneralName[]];
  urls: RelyingPartyUrls;
  /** Told of each serial number in use, before a certificate bears it and again at each start. */
  announce: (serial: Serial) => void;
  audit: AuditSink;
  clock: Clock;
}

/** The serial numbers given to server certificates of ours. */
const issuedList = z.array(z.strictObject({ serial_number: z.string().regex(/^\d+$/), expires_at: z.iso.datetime() }));
type Issued = z.output<typeof issuedList>[number];

/** `{ schema_version, certificates: [] }`; form 0 was the list alone. */
export const issuedFile = new VersionedFile<Issued[]>({
  upgrades: [(certificates) => ({ certificates })],
  parse: ({ certificates }) => {
    const { success, data } = issuedList.safeParse(certificates);
    if (success) return data;
    throw new Error('a serial number in it is missing or wrong');
  },
  remedy: 'Restore it from a backup, or remove it.',
  mode: 0o644,
});

const CERTIFICATE = 'server.crt';
const KEY = 'server.key';
const ISSUED = 'issued.json';

const LIFETIME_SECONDS = 90 * 86_400;
/** Subjects have no room for more (RFC 5280 appendix A.1). */
const LONGEST_NAME = 64;

export class OwnCertificate implements PairSource {
  readonly names = { cert: `tls/${CERTIFICATE}`, key: `tls/${KEY}` };
  readonly #parts: OwnCertificateParts;

  private constructor(parts: OwnCertificateParts) {
    this.#parts = parts;
  }

  /** Announces the serial numbers of certificates that are still valid. */
  static async open(parts: OwnCertificateParts): Promise<OwnCertificate> {
    const own = new OwnCertificate(parts);
    for (const { serial_number } of await own.#issued()) parts.announce(serial_number);
    return own;
  }

  /** The pair; a new one if there is none, it is due, or it no longer fits the CA or the names of this server. */
  async read(): Promise<PairText> {
    const { files } = this.#parts;
    const [cert, key] = await Promise.all([files.read(CERTIFICATE), files.read(KEY)]);
    const stored = cert && key && { cert: cert.toString('latin1'), key: key.toString('latin1') };
    if (stored === null || !this.#serves(stored)) return this.#renew();
    this.#parts.announce(BigInt(`0x${new X509Certificate(stored.cert).serialNumber}`).toString());
    return stored;
  }

  #serves(stored: PairText): boolean {
    const { issuer, clock } = this.#parts;
    const now = clock.now();
    try {
      const { notBefore, notAfter } = checkPair(stored, this.names, now);
      const third = (notAfter.getTime() - notBefore.getTime()) / 3;
      // One that ends with the CA cannot be had any longer.
      const due = now.getTime() >= notAfter.getTime() - third && notAfter < issuer.certificate.notAfter;
      const certificate = new X509Certificate(stored.cert);
      const authority = new X509Certificate(issuer.certificate.der);
      return (
        !due && certificate.checkIssued(authority) && certificate.verify(authority.publicKey) && this.#fits(certificate)
      );
    } catch {
      return false;
    }
  }

  /** Whether it bears every name of this server. */
  #fits(certificate: X509Certificate): boolean {
    return this.#parts.hosts.every(({ kind, value }) =>
      kind === 'ip' ? certificate.checkIP(value) !== undefined : certificate.checkHost(value) !== undefined,
    );
  }

  async #renew(): Promise<PairText> {
    const { issuer, keys, files, hosts, urls, announce, audit, clock } = this.#parts;
    const privateKey = await keys.generate('ec-p256');
    const subjectPublicKeyInfo = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
    const serial = newSerial(randomBytes(16));
    const now = wholeSeconds(clock.now());
    const [start, end] = [backdated(now), secondsAfter(now, LIFETIME_SECONDS)];
    const notAfter = end > issuer.certificate.notAfter ? issuer.certificate.notAfter : end;
    const certificates = [...(await this.#issued()), { serial_number: serial, expires_at: timestamp(notAfter) }];
    await issuedFile.write(files, ISSUED, { certificates });
    announce(serial);
    const name = commonNameOf(hosts[0]);
    const der = await issuer.issue({
      serial,
      subject: encodeName([{ type: 'CN', value: name }]),
      notBefore: start < issuer.certificate.notBefore ? issuer.certificate.notBefore : start,
      notAfter,
      subjectPublicKeyInfo,
      extensions: [
        basicConstraints({ ca: false }),
        keyUsage(['digitalSignature']),
        extendedKeyUsage(['serverAuth']),
        subjectKeyIdentifier(keyIdentifier(subjectPublicKeyInfo)),
        authorityKeyIdentifier(issuer.keyIdentifier),
        subjectAltName(hosts, false),
        crlDistributionPoints(urls.crl),
        authorityInfoAccess({ ocsp: urls.ocsp, caIssuers: urls.caIssuers }),
      ],
    });
    // Clients have the root; what is between it and this certificate they need from us (RFC 8446 §4.4.2).
    const between = issuer.chain.filter((superior) => !isSelfSigned(superior));
    const pair = {
      cert: [der, ...between].map((bytes) => encodePem('CERTIFICATE', bytes)).join(''),
      key: privateKeyPem(privateKey),
    };
    // After a crash between the two they do not belong together, and the next start makes a new pair.
    await files.write(KEY, pair.key, { mode: 0o600 });
    await files.write(CERTIFICATE, pair.cert, { mode: 0o644 });
    await audit.record({
      operation: 'create',
      resource_type: 'certificate',
      resource_id: 'tls/server',
      status: 'success',
      actor: { user: 'system', ip_address: null, request_id: null },
      details: {
        common_name: name,
        serial_number: serial,
        expires_at: timestamp(notAfter),
        subject_alt_names: hosts.map(formatGeneralName),
      },
    });
    return pair;
  }

  /** Those that are still valid. */
  async #issued(): Promise<Issued[]> {
    const now = this.#parts.clock.now();
    const issued = (await issuedFile.read(this.#parts.files, `tls/${ISSUED}`)) ?? [];
    return issued.filter(({ expires_at }) => Date.parse(expires_at) > now.getTime());
  }
}

/** What the certificate's subject says of the first of its names. */
export function commonNameOf({ value }: GeneralName): string {
  return value.length > LONGEST_NAME ? 'CertMate' : value;
}

function isSelfSigned(der: Buffer): boolean {
  const { subject, issuer } = new X509Certificate(der);
  return subject === issuer;
}
