/** `import-certs`: certificates that this CA issued before it came here. */
import { createPublicKey } from 'node:crypto';
import { join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { KeySealer } from '../crypto/key-sealer.js';
import { StartupError } from '../errors.js';
import { floorFile } from '../modules/crl/stored-crls.js';
import { tryKeys } from '../modules/foundation/key-form.js';
import { openStore } from '../modules/foundation/open-store.js';
import { collect } from '../modules/imports/collect.js';
import { importCertificates } from '../modules/imports/import.js';
import type { ListIssuer } from '../modules/imports/lists.js';
import type { Outcome } from '../modules/imports/outcome.js';
import { readCertificate } from '../pki/certificate.js';
import { keyIdentifier } from '../pki/keys.js';
import { decodePem } from '../pki/pem.js';
import { Folder } from '../store/folder.js';
import { keepRevokedElsewhere, revokedElsewhere } from '../store/revoked-elsewhere.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { whoIsHere } from './local.js';
import { errorLog, locked, print, printJson, withTrail } from './place.js';

const DEFAULT_USAGE = 'api-mtls';
/** Far more than any program counts to, and far from what RFC 5280 allows. */
const HIGHEST_NUMBER = 1n << 150n;

export const importCertsCommand: Command = {
  summary: 'take over certificates that this CA issued elsewhere',
  details: [
    'With their keys, CRLs and index.txt if those are there (easy-rsa, openssl ca); also those of CertMate’s older layouts.',
    'Whatever is revoked there is revoked here, also what was imported before.',
    'If a CRL or index of this CA cannot be read, nothing is imported. With --json each outcome is a line of JSON.',
  ],
  options: {
    from: { kind: 'value', value: 'DIR', text: 'where they are' },
    usage: { kind: 'value', value: 'NAME', text: `what they are for; ${DEFAULT_USAGE} unless given` },
    'skip-unreadable-crls': {
      kind: 'flag',
      text: 'import even so; what only that CRL revokes is then not revoked here',
    },
    'dry-run': { kind: 'flag', text: 'only tell what would become of each' },
    ...JSON_FLAG,
  },
  examples: ['import-certs --from /etc/easy-rsa/pki --usage vpn --dry-run'],
  run: importCerts,
};

/** Exit code 1 if anything could not be imported. */
async function importCerts(args: Arguments): Promise<void> {
  const { dataDir, logDir, keyEncryption } = readConfig();
  const from = resolve(args.text('from'));
  const usage = args.optional('usage') ?? DEFAULT_USAGE;
  if (!/^[a-z0-9][a-z0-9-]{0,31}$/.test(usage)) throw new UsageError('--usage must be like api-mtls');
  const dryRun = args.flag('dry-run');
  const skipUnreadableCrls = args.flag('skip-unreadable-crls');
  const { outcomes, refused } = await locked(dataDir, async () => {
    const issuer = await readIssuer(dataDir);
    const found = await collect(from, new KeySealer(keyEncryption));
    const crlFolder = new Folder(join(dataDir, 'certs')).folder('crl');
    const store = await openStore(dataDir, systemClock, errorLog, keyEncryption);
    try {
      await tryKeys(store, keyEncryption, errorLog);
      const known = await revokedElsewhere(crlFolder);
      const options = { usage, dryRun, skipUnreadableCrls, revokedElsewhere: known, now: systemClock.now() };
      const done = await importCertificates(found, store, issuer, options);
      if (!dryRun && !done.refused) {
        if (done.revokedElsewhere.length > 0) await keepRevokedElsewhere(crlFolder, done.revokedElsewhere);
        if (done.crlNumber !== null) await goOnAbove(crlFolder, done.crlNumber);
        await record({ dataDir, auditLogDir: join(logDir, 'audit') }, done.outcomes);
      }
      return done;
    } finally {
      await store.close();
    }
  });
  if (args.flag('json')) outcomes.forEach(printJson);
  else report(outcomes, dryRun, refused);
  if (refused || outcomes.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
}

function report(outcomes: readonly Outcome[], dryRun: boolean, refused: boolean): void {
  for (const { outcome, path, identifier, reason } of outcomes) {
    print(`${outcome.padEnd(8)}  ${path}${identifier === null ? '' : ` as ${identifier}`}: ${reason}`);
  }
  if (refused) {
    print(
      'Nothing was imported: revoked certificates would come back to life.',
      'Create the CRL again (easyrsa gen-crl, openssl ca -gencrl) or restore it, and try again; or give --skip-unreadable-crls.',
    );
    return;
  }
  const count = (wanted: Outcome['outcome']): number => outcomes.filter(({ outcome }) => outcome === wanted).length;
  print(`${count('imported')} imported, ${count('skipped')} skipped, ${count('failed')} failed.`);
  const [revoked, kept] = [count('revoked'), count('kept')];
  if (revoked + kept > 0) print(`${revoked} newly revoked here, ${kept} serial numbers kept as revoked.`);
  if (dryRun) print('Nothing was changed: this was a dry run.');
  else if (
    revoked + kept > 0 ||
    outcomes.some(({ outcome, reason }) => outcome === 'imported' && /revoked|hold/.test(reason))
  )
    print('Start CertMate: it publishes a CRL with the revoked ones.');
}

async function readIssuer(dataDir: string): Promise<ListIssuer> {
  const stored = await new Folder(join(dataDir, 'certs', 'ca')).read('ca.crt');
  if (stored === null) throw new StartupError('there is no CA here yet; bring it in first: certmate import-ca');
  const [der = Buffer.alloc(0)] = decodePem(stored.toString('latin1'), ['CERTIFICATE']);
  const { subject, subjectPublicKeyInfo, keyIdentifier: named } = readCertificate(der);
  return {
    subject,
    publicKey: createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' }),
    keyIdentifiers: [keyIdentifier(subjectPublicKeyInfo), ...(named === null ? [] : [named])],
  };
}

/** Numbers of CRLs only go up (RFC 5280 §5.2.3), from the other program's on too. */
async function goOnAbove(crlFolder: Folder, number: bigint): Promise<void> {
  if (number >= HIGHEST_NUMBER) return;
  const floor = (await floorFile.read(crlFolder, 'certs/crl/restored.json')) ?? 0n;
  if (number > floor) await floorFile.write(crlFolder, 'restored.json', { numbers_above: String(number) });
}

async function record(place: { dataDir: string; auditLogDir: string }, outcomes: readonly Outcome[]): Promise<void> {
  const changed = outcomes.filter(({ outcome }) => ['imported', 'revoked', 'kept'].includes(outcome));
  if (changed.length === 0) return;
  await withTrail(place, async (audit) => {
    const actor = whoIsHere();
    const line = { resource_type: 'certificate', status: 'success', actor } as const;
    await Promise.all(
      changed.map(({ outcome, identifier, reason }) =>
        audit.record({
          ...line,
          operation: outcome === 'revoked' ? 'revoke' : 'batch_import',
          resource_id: identifier,
          ...(outcome === 'imported' ? {} : { details: { import: reason } }),
        }),
      ),
    );
  });
}
