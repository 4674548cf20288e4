/** `import-ca`: a CA that was made elsewhere, before the first start. */
import { join } from 'node:path';
import { systemClock } from '../clock.js';
import { readConfig } from '../config.js';
import { importAuthority } from '../modules/ca/establish.js';
import { Folder } from '../store/folder.js';
import { type Command, JSON_FLAG } from './command.js';
import { locked, print, printJson, readSecret, readText } from './place.js';

export const importCaCommand: Command = {
  summary: 'bring in a CA made elsewhere, before the first start',
  details: ['A root, or an intermediate with its chain, in PEM; into an empty data directory.'],
  options: {
    cert: { kind: 'value', value: 'FILE', text: 'its certificate' },
    key: { kind: 'value', value: 'FILE', text: 'its private key' },
    chain: { kind: 'value', value: 'FILE', text: 'of an intermediate: the certificates above it' },
    'key-passphrase-file': { kind: 'value', value: 'FILE', text: 'opens the private key' },
    ...JSON_FLAG,
  },
  examples: ['import-ca --cert ca.crt --key ca.key --key-passphrase-file passphrase'],
  run: async (args) => {
    const config = readConfig();
    const files = {
      certificate: await readText(args, 'cert'),
      key: await readText(args, 'key'),
      chain: args.has('chain') ? await readText(args, 'chain') : '',
    };
    const keyPassphrase = args.has('key-passphrase-file') ? await readSecret(args, 'key-passphrase-file') : null;
    await locked(config.dataDir, async () => {
      const folder = new Folder(join(config.dataDir, 'certs', 'ca'));
      const { authority, warnings } = await importAuthority(
        folder,
        files,
        keyPassphrase,
        config.caPassphrase,
        systemClock.now(),
      );
      const { subjectText: subject, fingerprint: fingerprint_sha256 } = authority;
      if (args.flag('json')) printJson({ subject, fingerprint_sha256, warnings });
      else
        print(`Imported ${subject}`, `SHA-256  ${fingerprint_sha256}`, ...warnings.map((text) => `Warning  ${text}`));
    });
  },
};
