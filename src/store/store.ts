/** The interface that every backend keeps. What it has acknowledged survives a crash and a power cut. */
import type { CertificateRecord, Identifier, Serial } from '../types.js';
import type { ArchivedFile } from './archive.js';
import type { Inventory } from './inventory.js';

/** A new certificate's files, as PEM. */
export interface CertificateFiles {
  'cert.crt': string;
  'cert.key'?: string;
  'cert.csr'?: string;
}

export type CertificateFile = keyof CertificateFiles;

/** Makes the next record from the newest one. What it throws reaches the caller of `update`, and nothing is changed. */
export type Change = (current: CertificateRecord) => CertificateRecord;

/** Told of every new state once it is durable; `previous` is null for a new certificate. */
export type Listener = (record: CertificateRecord, previous: CertificateRecord | null) => void;

/** Something stored that is damaged or missing. */
export interface Problem {
  /** What it is about, below the data directory: `certs/client/vpn/alice-1/metadata.json`. */
  path: string;
  /** The certificate concerned, if that is known. */
  identifier: Identifier | null;
  /** What is wrong and what to do about it. */
  message: string;
}

export interface Store {
  readonly inventory: Inventory;
  /** Bytes of the journal and its snapshot, which the next start reads. */
  readonly journalBytes: number;
  /**
   * Stores a new certificate with its files. If it throws, nothing of it is left. Where a deleted certificate of the same usage
   * has the identifier, its files and serial numbers go into the history of the new one.
   * @throws CertMateError IDENTIFIER_TAKEN, CONFLICT (serial number taken), STORAGE_FULL
   */
  create(record: CertificateRecord, files: CertificateFiles): Promise<void>;
  /**
   * Changes a record; identifier, serial number and usage stay. Calls for the same identifier follow one another, so
   * `change` sees the newest record. A `change` that gives back what it got changes nothing.
   * @throws CertMateError NOT_FOUND, STORAGE_FULL; whatever `change` throws
   */
  update(identifier: Identifier, change: Change): Promise<CertificateRecord>;
  /**
   * Renews: like `update`, but the record has a new serial number and comes with new files; those of the certificate it
   * had move to `history/<serial>/`. Without a `cert.key` among the files, the key stays if `has_private_key` says so.
   * @throws CertMateError NOT_FOUND, CONFLICT (serial number taken), STORAGE_FULL; whatever `change` throws
   */
  replace(identifier: Identifier, change: Change, files: CertificateFiles): Promise<CertificateRecord>;
  /**
   * Removes every private key of a certificate, those in its history too, and sets `has_private_key` to false.
   * @param serial the certificate that is meant: where another one has taken its place since, nothing happens
   */
  destroyKey(identifier: Identifier, serial?: Serial): Promise<void>;
  /**
   * A file of a certificate, or of one that a renewal replaced if its serial is given. A private key is not encrypted,
   * however it is stored.
   * @throws CertMateError NOT_FOUND; KEY_LOCKED a private key that is stored under a secret that is not at hand
   */
  read(identifier: Identifier, file: CertificateFile, replaced?: Serial): Promise<Buffer>;
  /** The listener is called in the order in which the changes of a certificate became durable. */
  subscribe(listener: Listener): void;
  /**
   * Everything that is kept of certificates, for a backup, while changes go on: see contents.ts.
   */
  contents(): AsyncIterable<ArchivedFile>;
  /** Prepares, a little at a time, what the first lists would have to wait for; best called when nobody waits for the start. */
  warm(): Promise<void>;
  /**
   * Writes a little where every change is written, and reads it again.
   * @throws CertMateError STORAGE_FULL, UNAVAILABLE; Error what else keeps the disk from it
   */
  probe(): Promise<void>;
  /** What is known to be damaged or missing; empty when all is well. */
  problems(): Problem[];
  /** Reads the files of every certificate and brings `problems` up to date; takes its time, and leaves room for others. */
  verify(): Promise<Problem[]>;
  /** Finishes what has begun and lets go of all files. */
  close(): Promise<void>;
}
