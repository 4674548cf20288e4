/** `import-certs`: certificates that this CA issued before it came here. */
import { createPublicKey } from 'node:crypto';
import { join, resolve } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { KeySealer } from '../crypto/key-sealer.js';
import { StartupError } from '../errors.js';
import { tryKeys } from '../modules/foundation/key-form.js';
import { openStore } from '../modules/foundation/open-store.js';
import { collect } from '../modules/imports/collect.js';
import { importCertificates, type Outcome } from '../modules/imports/import.js';
import { readCertificate } from '../pki/certificate.js';
import type { Issuer } from '../pki/issuer.js';
import { decodePem } from '../pki/pem.js';
import { Folder } from '../store/folder.js';
import { type Arguments, UsageError } from './arguments.js';
import { type Command, JSON_FLAG } from './command.js';
import { whoIsHere } from './local.js';
import { errorLog, locked, print, printJson, withTrail } from './place.js';

const DEFAULT_USAGE = 'api-mtls';

export const importCertsCommand: Command = {
  summary: 'take over certificates that this CA issued elsewhere',
  details: [
    'With their keys and CRLs if those are there; also those of CertMate’s older layout. With --json each is a line of JSON.',
  ],
  options: {
    from: { kind: 'value', value: 'DIR', text: 'where they are' },
    usage: { kind: 'value', value: 'NAME', text: `what they are for; ${DEFAULT_USAGE} unless given` },
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
  const outcomes = await locked(dataDir, async () => {
    const issuer = await readIssuer(dataDir);
    const found = await collect(from, new KeySealer(keyEncryption));
    const store = await openStore(dataDir, systemClock, errorLog, keyEncryption);
    try {
      await tryKeys(store, keyEncryption, errorLog);
      const done = await importCertificates(found, store, issuer, { usage, dryRun, now: systemClock.now() });
      if (!dryRun) await record({ dataDir, auditLogDir: join(logDir, 'audit') }, done);
      return done;
    } finally {
      await store.close();
    }
  });
  if (args.flag('json')) outcomes.forEach(printJson);
  else report(outcomes, dryRun);
  if (outcomes.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
}

function report(outcomes: readonly Outcome[], dryRun: boolean): void {
  for (const { outcome, path, identifier, reason } of outcomes) {
    print(`${outcome.padEnd(8)}  ${path}${identifier === null ? '' : ` as ${identifier}`}: ${reason}`);
  }
  const count = (wanted: Outcome['outcome']): number => outcomes.filter(({ outcome }) => outcome === wanted).length;
  print(`${count('imported')} imported, ${count('skipped')} skipped, ${count('failed')} failed.`);
  if (dryRun) print('Nothing was changed: this was a dry run.');
  else if (outcomes.some(({ outcome, reason }) => outcome === 'imported' && reason.includes('revoked')))
    print('Start CertMate: it publishes a CRL with the revoked ones.');
}

async function readIssuer(dataDir: string): Promise<Issuer> {
  const stored = await new Folder(join(dataDir, 'certs', 'ca')).read('ca.crt');
  if (stored === null) throw new StartupError('there is no CA here yet; bring it in first: certmate import-ca');
  const [der = Buffer.alloc(0)] = decodePem(stored.toString('latin1'), ['CERTIFICATE']);
  const { subject, subjectPublicKeyInfo } = readCertificate(der);
  return { subject, publicKey: createPublicKey({ key: subjectPublicKeyInfo, format: 'der', type: 'spki' }) };
}

async function record(place: { dataDir: string; auditLogDir: string }, outcomes: readonly Outcome[]): Promise<void> {
  const imported = outcomes.flatMap(({ identifier }) => identifier ?? []);
  if (imported.length === 0) return;
  await withTrail(place, async (audit) => {
    const actor = whoIsHere();
    const line = { operation: 'batch_import', resource_type: 'certificate', status: 'success', actor } as const;
    await Promise.all(imported.map((identifier) => audit.record({ ...line, resource_id: identifier })));
  });
}
