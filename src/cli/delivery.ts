/** What leaves with a certificate that was just issued or renewed: files, or PEM on standard output. */
import { join, resolve } from 'node:path';
import { droppedWords } from '../dropped-from-csr.js';
import { PKCS12_PASSWORD } from '../pki/pkcs12-protection.js';
import type { Api } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Issued, pathOf } from './certificates.js';
import type { Options } from './command.js';
import { note, print, printJson, readSecret } from './place.js';
import { assertWritable, saveFile } from './user-files.js';

/** Options of commands that issue. */
export const DELIVERY: Options = {
  out: { kind: 'value', value: 'DIR', text: 'write ID.crt, ID.key and ID.chain.pem there (0600); else PEM is printed' },
  p12: { kind: 'flag', text: 'with --out: put key, certificate and chain into ID.p12 rather than the key into ID.key' },
  'password-file': { kind: 'value', value: 'FILE', text: 'holds the password of the P12' },
  compat: { kind: 'flag', text: 'a P12 for old macOS, iOS and Windows' },
  force: { kind: 'flag', text: 'replace files that are there' },
};

/** Where things go, settled before anything is issued. */
export interface Delivery {
  out: string | null;
  p12: { password: string; profile: 'modern' | 'compat' } | null;
  force: boolean;
}

/** @param identifiers of what will be issued, where they are known @throws UsageError, StartupError */
export async function planDelivery(args: Arguments, identifiers: readonly string[]): Promise<Delivery> {
  const out = args.optional('out') ?? null;
  const force = args.flag('force');
  for (const option of ['p12', 'force'])
    if (out === null && args.has(option)) throw new UsageError(`--${option} goes with --out`);
  for (const option of ['password-file', 'compat'])
    if (!args.has('p12') && args.has(option)) throw new UsageError(`--${option} goes with --p12`);
  const p12 = args.flag('p12') ? await pkcs12Options(args) : null;
  if (out !== null) {
    const endings = ['crt', 'chain.pem', p12 === null ? 'key' : 'p12'];
    const names = identifiers.flatMap((identifier) => endings.map((ending) => `${identifier}.${ending}`));
    await assertWritable(out, names, force);
  }
  return { out, p12, force };
}

/** @throws UsageError the password could not be used */
export async function pkcs12Options(args: Arguments): Promise<NonNullable<Delivery['p12']>> {
  const password = await readSecret(args, 'password-file');
  const { least, most, pattern } = PKCS12_PASSWORD;
  if (password.length < least || password.length > most || !pattern.test(password)) {
    throw new UsageError(`the password of a P12 must have ${least} to ${most} characters of printable ASCII`);
  }
  return { password, profile: args.flag('compat') ? 'compat' : 'modern' };
}

/** Hands over what was issued. @throws as Api.json; StartupError what was issued cannot be written */
export async function deliver(api: Api, issued: Issued, delivery: Delivery, json: boolean): Promise<void> {
  const files = delivery.out === null ? [] : await write(api, issued, delivery, delivery.out);
  if (issued.dropped !== undefined && !json)
    for (const what of droppedWords(issued.dropped)) note(`not certified: ${what}`);
  if (json) printJson(delivery.out === null ? issued : { ...issued, files });
  else if (delivery.out === null) printPem(issued);
  else print(sentence(issued), ...files.map((file) => `  ${file}`));
}

async function write(api: Api, issued: Issued, { p12, force }: Delivery, out: string): Promise<string[]> {
  const { identifier, private_key_pem: handedOut, has_private_key: kept } = issued;
  const save = (ending: string, data: Buffer | string) => saveFile(join(out, `${identifier}.${ending}`), data, force);
  try {
    const files: string[] = [];
    // The key first: if it is kept nowhere, this is its only way out.
    if (handedOut !== undefined) files.push(await save('key', handedOut));
    else if (kept && p12 === null) {
      files.push(await save('key', (await api.file('GET', `${pathOf(identifier)}/download/key`)).body));
    } else if (kept && p12 !== null) {
      const file = await api.file('POST', `${pathOf(identifier)}/download/p12`, { json: { ...p12 } });
      files.push(await save('p12', file.body));
    }
    files.push(await save('crt', issued.certificate_pem), await save('chain.pem', issued.chain_pem));
    return files.map((file) => resolve(file));
  } catch (error) {
    note(`${identifier} was issued, but not all of it could be written`);
    if (handedOut !== undefined) print(handedOut.trimEnd());
    throw error;
  }
}

function printPem(issued: Issued): void {
  note(sentence(issued));
  if (issued.private_key_pem !== undefined) note('the private key is printed here only: it is kept nowhere else');
  else if (issued.has_private_key) note(`its key: certmate download ${issued.identifier} --type key`);
  const parts = [issued.private_key_pem ?? '', issued.certificate_pem, issued.chain_pem];
  print(...parts.filter((part) => part !== '').map((part) => part.trimEnd()));
}

function sentence({ identifier, serial_number, expires_at }: Issued): string {
  return `issued ${identifier}, serial number ${serial_number}, valid until ${expires_at}`;
}
