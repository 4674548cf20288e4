/** Downloads that put several files of a certificate together: PKCS #7, PKCS #12, zip. */
import { X509Certificate } from 'node:crypto';
import { Piscina } from 'piscina';
import { openPrivateKey } from '../../crypto/sealing.js';
import { CertMateError } from '../../errors.js';
import {
  assertFriendlyName,
  assertPkcs12Password,
  type PasswordOrigin,
  type Pkcs12Profile,
} from '../../pki/pkcs12-protection.js';
import type { CertificateFile } from '../../store/store.js';
import type { Actor, CertificateRecord, Identifier } from '../../types.js';
import { archive } from './archive.js';
import type { Download } from './download.js';
import { findRecord, type LifecycleParts } from './parts.js';
import type { Pkcs12Task } from './pkcs12-worker.js';

export type BundleKind = 'p7b' | 'zip';

type BundleParts = Pick<LifecycleParts, 'store' | 'authority' | 'audit' | 'clock'>;

export interface Pkcs12Options {
  /** 8 to 128 characters of printable ASCII. */
  password: string;
  profile: Pkcs12Profile;
  /** Where the password comes from; from a person unless given. */
  origin?: PasswordOrigin | undefined;
  /** What programs list the key under; the common name unless given. */
  friendly_name?: string | undefined;
}

/** An idle worker thread is let go after this long (ms). */
const IDLE_TIMEOUT = 60_000;

export class CertificateBundles {
  readonly #parts: BundleParts;
  #closed = false;
  /** One thread: whoever asks for many files at once gets them one after another. */
  readonly #worker = new Piscina<Pkcs12Task, Uint8Array>({
    filename: new URL('./pkcs12-worker.js', import.meta.url).href,
    minThreads: 0,
    maxThreads: 1,
    idleTimeout: IDLE_TIMEOUT,
    // The worker needs no settings, and some of them are secrets.
    env: {},
  });

  constructor(parts: BundleParts) {
    this.#parts = parts;
  }

  /**
   * The certificate and its chain as a certs-only message (`p7b`), or all its files, the private key too if it is here
   * (`zip`). Recorded before it is given out.
   * @param freshKey in PEM, of a certificate whose key is not stored and is being given out right now
   * @throws CertMateError NOT_FOUND
   */
  async download(identifier: Identifier, kind: BundleKind, actor: Actor, freshKey?: string): Promise<Download> {
    const record = findRecord(this.#parts.store, identifier, actor);
    if (kind === 'p7b') {
      // The library behind it takes a twentieth of the time that a start takes, and few ever ask for this.
      const { certificatesOnly } = await import('../../pki/cms.js');
      const body = certificatesOnly([await this.#certificate(record), ...this.#parts.authority.chain]);
      await this.#recordDownload(record, { file: kind }, actor);
      return { filename: `${identifier}.p7b`, media_type: 'application/x-pkcs7-certificates', body };
    }
    const [certificate, key, csr] = await Promise.all([
      this.#read(record, 'cert.crt'),
      freshKey === undefined ? this.#storedKey(record) : Buffer.from(freshKey),
      this.#readIfThere(record, 'cert.csr'),
    ]);
    const chain = Buffer.from(this.#parts.authority.chainPem);
    const body = await archive(record, { certificate, key, csr, chain }, this.#parts.clock.now());
    await this.#recordDownload(record, { file: kind, with_key: key !== null }, actor);
    return { filename: `${identifier}.zip`, media_type: 'application/zip', body };
  }

  /**
   * Private key, certificate and chain under a password. Recorded before it is given out.
   * @param freshKey in PEM, of a certificate whose key is not stored and is being given out right now
   * @throws CertMateError NOT_FOUND no such certificate, or its private key is not here; VALIDATION_FAILED; UNAVAILABLE
   */
  async pkcs12(identifier: Identifier, options: Pkcs12Options, actor: Actor, freshKey?: string): Promise<Download> {
    const { password, profile, origin = 'person' } = options;
    const record = findRecord(this.#parts.store, identifier, actor);
    const friendlyName = options.friendly_name ?? record.common_name;
    // Here as well as in the worker, from which an error comes back without its class.
    assertPkcs12Password(password);
    assertFriendlyName(friendlyName);
    const [certificate, key] = await Promise.all([this.#certificate(record), freshKey ?? this.#storedKey(record)]);
    if (key === null) throw withoutKey();
    const privateKey = openPrivateKey(key.toString(), null).export({ type: 'pkcs8', format: 'der' });
    const contents = { privateKey, certificate, chain: this.#parts.authority.chain, friendlyName };
    const body = Buffer.from(await this.#build({ contents, password, profile, origin }));
    await this.#recordDownload(record, { file: 'p12', profile }, actor);
    return { filename: `${identifier}.p12`, media_type: 'application/x-pkcs12', body };
  }

  /** Stops the worker thread. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker.destroy();
  }

  async #build(task: Pkcs12Task): Promise<Uint8Array> {
    try {
      return await this.#worker.run(task);
    } catch (cause) {
      if (!this.#closed) throw cause;
      throw new CertMateError('UNAVAILABLE', 'The service is shutting down. Try again in a moment.', { cause });
    }
  }

  async #certificate(record: CertificateRecord): Promise<Buffer> {
    return new X509Certificate(await this.#read(record, 'cert.crt')).raw;
  }

  /** Always of the record's own serial number: a renewal between two reads must not mix an old key with a new certificate. */
  #read(record: CertificateRecord, file: CertificateFile): Promise<Buffer> {
    return this.#parts.store.read(record.identifier, file, record.serial_number);
  }

  #storedKey(record: CertificateRecord): Promise<Buffer> | null {
    return record.has_private_key ? this.#read(record, 'cert.key') : null;
  }

  async #readIfThere(record: CertificateRecord, file: CertificateFile): Promise<Buffer | null> {
    try {
      return await this.#read(record, file);
    } catch (error) {
      if (error instanceof CertMateError && error.code === 'NOT_FOUND') return null;
      throw error;
    }
  }

  async #recordDownload(record: CertificateRecord, details: Record<string, unknown>, actor: Actor): Promise<void> {
    await this.#parts.audit.record({
      operation: 'download',
      resource_type: 'certificate',
      resource_id: record.identifier,
      status: 'success',
      actor,
      details: { ...details, serial_number: record.serial_number },
    });
  }
}

function withoutKey(): CertMateError {
  return new CertMateError(
    'NOT_FOUND',
    'A PKCS #12 file needs the private key, which CertMate does not hold: it came from a CSR, was not stored, or was destroyed.',
  );
}
