/** Every setting, read once from the environment. The only reader of `process.env`. */
import { existsSync, readFileSync } from 'node:fs';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { validate as validateCron } from 'node-cron';
import { z } from 'zod';
import { StartupError } from './errors.js';
import { parseDistinguishedName } from './pki/names.js';
import type { KeyType } from './types.js';

/** The folder that holds package.json, views and public. */
export const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

/** The version of this program. */
export const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };

export interface Config {
  host: string;
  port: number;
  /** Where people and programs reach this instance; no trailing slash. */
  publicUrl: string;
  /** Whether the port speaks TLS: with a certificate of our own CA, or with one from files. */
  tls: 'off' | 'self' | 'files';
  /** Paths of the certificate with its chain and of its key, in PEM; null unless `tls` is `files`. */
  tlsCert: string | null;
  tlsKey: string | null;
  /** A second port, which speaks plain HTTP and serves relying parties only; null: there is none. */
  httpPort: number | null;
  /** Base of the URLs of CRL, OCSP responder and CA certificate, as certificates have them; no trailing slash. */
  relyingPartyUrl: string;
  dataDir: string;
  logDir: string;
  /** An admin token given by the operator, else null. */
  apiToken: string | null;
  caKeyType: 'rsa-4096' | 'rsa-3072' | 'ec-p256' | 'ec-p384';
  caSubject: string;
  caDays: number;
  caPassphrase: string | null;
  /** The secret under which private keys of certificates are stored; null: they are stored as they are. */
  keyEncryption: string | null;
  defaultKeyType: KeyType;
  renewalCron: string;
  crlHours: number;
  ocspHours: number;
  rateLimits: boolean;
  /** Addresses or CIDRs whose X-Forwarded-* is believed; null trusts nobody. */
  trustProxy: string[] | null;
  /** Addresses or CIDRs of servers that check certificates: their calls are not limited; null: none. */
  relyingParties: string[] | null;
  /** Size in MiB, and age in days (0 for any), at which a file of the audit log is closed. */
  auditMaxMb: number;
  auditMaxDays: number;
  /** Whether the log is kept in files too, up to how many, and how long each is (MiB). */
  logFile: boolean;
  logMaxMb: number;
  logFiles: number;
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

const flag = z.enum(['on', 'off'], 'must be on or off').transform((value) => value === 'on');
const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be from ${least} to ${most}`);
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, `must be one of ${values.join(', ')}`);

const publicUrl = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.hash && !url.username) {
    return url.href.replace(/\/+$/, '');
  }
  context.addIssue('must be an http or https URL without query, fragment or credentials');
  return z.NEVER;
});

const networks = z.string().transform((text, context) => {
  const addresses = text.split(',').map((entry) => entry.trim());
  for (const address of addresses) {
    const [host = '', prefix, ...rest] = address.split('/');
    const widest = isIPv4(host) ? 32 : isIPv6(host) ? 128 : 0;
    const prefixFits = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= widest);
    if (widest > 0 && prefixFits && rest.length === 0) continue;
    context.addIssue(`"${address}" is not an IP address or CIDR`);
    return z.NEVER;
  }
  return addresses;
});

const settings = z.object({
  CERTMATE_HOST: z
    .string()
    .refine(
      (host) => isIP(host) !== 0 || /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(host),
      'must be an IP address (IPv6 without brackets) or a host name',
    )
    .default('127.0.0.1'),
  CERTMATE_PORT: wholeNumber(0, 65535).default(8000),
  CERTMATE_PUBLIC_URL: publicUrl
    .refine(
      (url) => /^(\/|(\/[\w.~-]+)+)$/.test(new URL(url).pathname),
      'may have a path of letters, digits and . _ ~ - only, such as https://host/certmate',
    )
    .optional(),
  CERTMATE_TLS: oneOf(['off', 'self', 'files']).default('off'),
  CERTMATE_TLS_CERT: z.string().optional(),
  CERTMATE_TLS_KEY: z.string().optional(),
  CERTMATE_HTTP_PORT: wholeNumber(0, 65535).optional(),
  CERTMATE_RELYING_PARTY_URL: publicUrl.optional(),
  CERTMATE_DATA_DIR: z.string().default('data'),
  CERTMATE_LOG_DIR: z.string().default('logs'),
  CERTMATE_API_TOKEN: z
    .string()
    .min(32, 'must have at least 32 characters')
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .optional(),
  CERTMATE_CA_KEY_TYPE: oneOf(['rsa-4096', 'rsa-3072', 'ec-p256', 'ec-p384']).default('rsa-4096'),
  CERTMATE_CA_SUBJECT: z
    .string()
    .refine(isDistinguishedName, 'must be a distinguished name such as CN=CertMate CA,O=CertMate')
    .default('CN=CertMate CA,O=CertMate'),
  CERTMATE_CA_DAYS: wholeNumber(1, 36500).default(3650),
  CERTMATE_CA_PASSPHRASE: z
    .string()
    .min(8, 'must have at least 8 characters')
    .refine((text) => Buffer.byteLength(text) <= 1024, 'must have at most 1024 bytes')
    .optional(),
  CERTMATE_KEY_ENCRYPTION: z
    .string()
    .min(32, 'must have at least 32 characters')
    .max(1024, 'must have at most 1024 characters')
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .optional(),
  CERTMATE_DEFAULT_KEY_TYPE: oneOf(['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519']).default(
    'rsa-2048',
  ),
  CERTMATE_RENEWAL_CRON: z
    .string()
    .refine(validateCron, 'must be a cron expression such as 0 3 * * *')
    .default('0 3 * * *'),
  CERTMATE_CRL_HOURS: wholeNumber(1, 8760).default(168),
  CERTMATE_OCSP_HOURS: wholeNumber(1, 720).default(24),
  CERTMATE_RATE_LIMITS: flag.default(true),
  CERTMATE_TRUST_PROXY: networks.optional(),
  CERTMATE_RELYING_PARTIES: networks.optional(),
  CERTMATE_AUDIT_MAX_MB: wholeNumber(1, 1024).default(64),
  CERTMATE_AUDIT_MAX_DAYS: wholeNumber(0, 3650).default(0),
  CERTMATE_LOG_FILE: flag.default(false),
  CERTMATE_LOG_MAX_MB: wholeNumber(1, 1024).default(16),
  CERTMATE_LOG_FILES: wholeNumber(2, 1000).default(8),
  CERTMATE_LOG_LEVEL: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
});

/** Settings that may also be given as the path of a file holding the value (`<NAME>_FILE`), as secrets usually are. */
const SECRETS = ['CERTMATE_API_TOKEN', 'CERTMATE_CA_PASSPHRASE', 'CERTMATE_KEY_ENCRYPTION'] as const;

/**
 * Reads and checks every setting.
 * @param environment the variables; one set to the empty string counts as not set
 * @throws StartupError one line that names the first bad variable and what it must be
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith('CERTMATE_') && value) values[name] = value;
  }
  for (const name of SECRETS) readSecretFile(name, values);
  const parsed = settings.safeParse(values);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new StartupError(`${String(issue?.path[0])} ${issue?.message}`);
  }
  const s = parsed.data;
  return {
    host: s.CERTMATE_HOST,
    port: s.CERTMATE_PORT,
    ...readAddresses(s),
    dataDir: resolve(s.CERTMATE_DATA_DIR),
    logDir: resolve(s.CERTMATE_LOG_DIR),
    apiToken: s.CERTMATE_API_TOKEN ?? null,
    caKeyType: s.CERTMATE_CA_KEY_TYPE,
    caSubject: s.CERTMATE_CA_SUBJECT,
    caDays: s.CERTMATE_CA_DAYS,
    caPassphrase: s.CERTMATE_CA_PASSPHRASE ?? null,
    keyEncryption: s.CERTMATE_KEY_ENCRYPTION ?? null,
    defaultKeyType: s.CERTMATE_DEFAULT_KEY_TYPE,
    renewalCron: s.CERTMATE_RENEWAL_CRON,
    crlHours: s.CERTMATE_CRL_HOURS,
    ocspHours: s.CERTMATE_OCSP_HOURS,
    rateLimits: s.CERTMATE_RATE_LIMITS,
    trustProxy: s.CERTMATE_TRUST_PROXY ?? null,
    relyingParties: s.CERTMATE_RELYING_PARTIES ?? null,
    auditMaxMb: s.CERTMATE_AUDIT_MAX_MB,
    auditMaxDays: s.CERTMATE_AUDIT_MAX_DAYS,
    logFile: s.CERTMATE_LOG_FILE,
    logMaxMb: s.CERTMATE_LOG_MAX_MB,
    logFiles: s.CERTMATE_LOG_FILES,
    logLevel: s.CERTMATE_LOG_LEVEL,
  };
}

/**
 * The secret for private keys in a file, read and judged as that of `CERTMATE_KEY_ENCRYPTION_FILE`.
 * @throws StartupError
 */
export function readKeySecret(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    throw new StartupError(`${path} cannot be read`, { cause });
  }
  const parsed = settings.shape.CERTMATE_KEY_ENCRYPTION.safeParse(text);
  if (!parsed.success) throw new StartupError(`the secret in ${path} ${parsed.error.issues[0]?.message}`);
  return text;
}

/** What the command reads besides. */
const COMMAND_SETTINGS = ['CERTMATE_URL', 'CERTMATE_TOKEN', 'CERTMATE_TOKEN_FILE'];
/** Kubernetes gives every container such variables for a service named certmate. */
const SERVICE_LINKS = /^CERTMATE_(?:SERVICE|PORT)_/;

/** Variables that are named like settings and are none: misspelt, most likely, and so without the effect that was meant. */
export function unknownSettings(environment: NodeJS.ProcessEnv = process.env): string[] {
  const known = new Set([
    ...Object.keys(settings.shape),
    ...SECRETS.map((name) => `${name}_FILE`),
    ...COMMAND_SETTINGS,
  ]);
  return Object.keys(environment).filter(
    (name) => name.startsWith('CERTMATE_') && !known.has(name) && !SERVICE_LINKS.test(name),
  );
}

/** What the command is told besides: a server to go through, and whether colours are welcome. */
export interface CommandSettings {
  /** `CERTMATE_URL`, and the token for it; null: it works on the data directory. */
  url: string | null;
  token: string | null;
  /** False where `NO_COLOR` is set (https://no-color.org), or the terminal knows none. */
  colour: boolean;
}

/** Whether `CERTMATE_URL` is set: the command is meant for a server elsewhere. */
export function isUrlSet(environment: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(environment['CERTMATE_URL']);
}

/** @throws StartupError as readConfig */
export function readCommandSettings(environment: NodeJS.ProcessEnv = process.env): CommandSettings {
  const { CERTMATE_URL: url, CERTMATE_TOKEN: token, CERTMATE_TOKEN_FILE: file, NO_COLOR, TERM } = environment;
  const given = publicUrl.optional().safeParse(url || undefined);
  if (!given.success) throw new StartupError(`CERTMATE_URL ${given.error.issues[0]?.message}`);
  const values: Record<string, string> = {};
  if (token) values['CERTMATE_TOKEN'] = token;
  if (file) values['CERTMATE_TOKEN_FILE'] = file;
  readSecretFile('CERTMATE_TOKEN', values);
  return {
    url: given.data ?? null,
    token: values['CERTMATE_TOKEN'] ?? null,
    colour: !NO_COLOR && TERM !== 'dumb',
  };
}

type Addresses = Pick<Config, 'publicUrl' | 'tls' | 'tlsCert' | 'tlsKey' | 'httpPort' | 'relyingPartyUrl'>;

/** The settings that say where this instance is and what is spoken there, which must agree with one another. */
function readAddresses(s: z.output<typeof settings>): Addresses {
  const tls = s.CERTMATE_TLS;
  for (const name of ['CERTMATE_TLS_CERT', 'CERTMATE_TLS_KEY'] as const) {
    if (tls === 'files' && s[name] === undefined) throw new StartupError(`${name} must be set for CERTMATE_TLS=files`);
    if (tls !== 'files' && s[name] !== undefined) throw new StartupError(`${name} counts with CERTMATE_TLS=files only`);
  }
  const url = s.CERTMATE_PUBLIC_URL ?? `${tls === 'off' ? 'http' : 'https'}://localhost:${s.CERTMATE_PORT}`;
  if (tls !== 'off' && !url.startsWith('https:')) {
    throw new StartupError(`CERTMATE_PUBLIC_URL must begin with https: for CERTMATE_TLS=${tls}`);
  }
  const httpPort = s.CERTMATE_HTTP_PORT ?? null;
  if (httpPort !== null && httpPort !== 0 && httpPort === s.CERTMATE_PORT) {
    throw new StartupError('CERTMATE_HTTP_PORT must be another one than CERTMATE_PORT');
  }
  const plain = httpPort === null ? null : new URL(`http://${new URL(url).hostname}:${httpPort}`).origin;
  return {
    publicUrl: url,
    tls,
    tlsCert: s.CERTMATE_TLS_CERT === undefined ? null : resolve(s.CERTMATE_TLS_CERT),
    tlsKey: s.CERTMATE_TLS_KEY === undefined ? null : resolve(s.CERTMATE_TLS_KEY),
    httpPort,
    relyingPartyUrl: s.CERTMATE_RELYING_PARTY_URL ?? plain ?? url,
  };
}

function readSecretFile(name: string, values: Record<string, string>): void {
  const variable = `${name}_FILE`;
  const path = values[variable];
  if (path === undefined) return;
  delete values[variable];
  if (values[name] !== undefined) throw new StartupError(`${variable} and ${name} are both set; keep one of them`);
  try {
    values[name] = readFileSync(path, 'utf8').trimEnd();
  } catch (cause) {
    throw new StartupError(`${variable} names a file that cannot be read`, { cause });
  }
  if (values[name] === '') throw new StartupError(`${variable} names an empty file`);
}

function isDistinguishedName(text: string): boolean {
  try {
    return parseDistinguishedName(text).length > 0;
  } catch {
    return false;
  }
}

function findPackageRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new StartupError('package.json was not found above the program');
    folder = parent;
  }
  return folder;
}
