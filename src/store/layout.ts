/** Where everything of a certificate lies below the data directory. */
import { join } from 'node:path';
import type { CertificateRecord, Identifier, Serial } from '../types.js';
import type { Problem } from './store.js';

export const METADATA = 'metadata.json';
const HISTORY = 'history';
const JOURNAL = 'journal';

/** Directories that are being made: of a new certificate, of the files that a renewal brings. No identifier begins so. */
const NEW = '.new-';
const NEXT = '.next-';

const IDENTIFIER = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/;
const USAGE = /^[a-z0-9][a-z0-9-]{0,31}$/;
const SERIAL = /^[0-9]{1,49}$/;

export class Layout {
  /** Holds a folder for each usage. */
  readonly root: string;
  readonly journal: string;

  constructor(dataDir: string) {
    this.root = join(dataDir, 'certs', 'client');
    this.journal = join(dataDir, JOURNAL);
  }

  usage(usage: string): string {
    return join(this.root, named(usage, USAGE));
  }

  certificate({ cert_usage, identifier }: Place): string {
    return join(this.usage(cert_usage), named(identifier, IDENTIFIER));
  }

  /** The directory of a new certificate before it is complete. */
  unfinished({ cert_usage, identifier }: Place): string {
    return join(this.usage(cert_usage), `${NEW}${named(identifier, IDENTIFIER)}`);
  }

  /** The files of a renewal before they take their places. */
  next({ cert_usage, identifier }: Place): string {
    return join(this.usage(cert_usage), `${NEXT}${named(identifier, IDENTIFIER)}`);
  }

  history(place: Place): string {
    return join(this.certificate(place), HISTORY);
  }

  replaced(place: Place, serial: Serial): string {
    return join(this.history(place), named(serial, SERIAL));
  }
}

export type Place = Pick<CertificateRecord, 'cert_usage' | 'identifier'>;

/** What an entry of a usage's folder is. */
export interface Entry {
  kind: 'certificate' | 'unfinished' | 'next' | 'foreign';
  identifier: Identifier;
}

export function entryOf(name: string): Entry {
  const [kind, identifier]: [Entry['kind'], string] = name.startsWith(NEW)
    ? ['unfinished', name.slice(NEW.length)]
    : name.startsWith(NEXT)
      ? ['next', name.slice(NEXT.length)]
      : ['certificate', name];
  return IDENTIFIER.test(identifier) ? { kind, identifier } : { kind: 'foreign', identifier };
}

export function isUsage(name: string): boolean {
  return USAGE.test(name);
}

/** A problem with something below a certificate's directory, or with the directory itself. */
export function problemWith({ cert_usage, identifier }: Place, file: string | null, message: string): Problem {
  return { path: problemPath({ cert_usage, identifier }, file), identifier, message };
}

export function problemPath({ cert_usage, identifier }: Place, file: string | null): string {
  return ['certs', 'client', cert_usage, identifier, ...(file === null ? [] : [file])].join('/');
}

/** The last guard against a name that leads out of its folder; callers have checked it with a kinder message. */
function named(name: string, shape: RegExp): string {
  if (!shape.test(name)) throw new TypeError(`cannot be the name of a directory: ${JSON.stringify(name)}`);
  return name;
}
