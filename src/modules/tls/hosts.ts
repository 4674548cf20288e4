/** What clients may call this server. */
import { isIP } from 'node:net';
import { CertMateError, StartupError } from '../../errors.js';
import { type GeneralName, parseGeneralName } from '../../pki/general-names.js';

/** Addresses that stand for every address of the machine: nobody calls a server by them. */
const ANY = new Set(['0.0.0.0', '::', '']);

/**
 * The public URL's host, then the machine itself, then the address it listens on.
 * @throws StartupError a name that no certificate can bear
 */
export function hostsOf({ publicUrl, host }: { publicUrl: string; host: string }): [GeneralName, ...GeneralName[]] {
  const known = new URL(publicUrl).hostname.replace(/^\[|\]$/g, '');
  const first = nameOf(known, 'CERTMATE_PUBLIC_URL');
  const others = ['localhost', '127.0.0.1', '::1', ...(ANY.has(host) ? [] : [host])].map((other) =>
    nameOf(other, 'CERTMATE_HOST'),
  );
  const isNew = (name: GeneralName, before: readonly GeneralName[]) =>
    before.every(({ value }) => value !== name.value);
  return [first, ...others.filter((name, index) => isNew(name, [first, ...others.slice(0, index)]))];
}

function nameOf(host: string, setting: string): GeneralName {
  try {
    return parseGeneralName(`${isIP(host) === 0 ? 'dns' : 'ip'}:${host}`);
  } catch (error) {
    if (!(error instanceof CertMateError)) throw error;
    throw new StartupError(`${setting} names a host that no certificate can bear: ${error.message}`, { cause: error });
  }
}
