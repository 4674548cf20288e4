/** `init`: the first start without serving anything. */
import { type Command, JSON_FLAG } from './command.js';
import { openHere } from './local.js';
import { print, printJson } from './place.js';

export const initCommand: Command = {
  summary: 'make the CA and the first admin API key, without serving anything',
  details: [
    'Settings come from the environment: CERTMATE_CA_KEY_TYPE, CERTMATE_CA_SUBJECT and others, see README.md. Where there is',
    'a CA already, nothing is made. The key is shown once.',
  ],
  options: JSON_FLAG,
  examples: ['init', 'init --json | jq -r .admin_token'],
  run: async (args) => {
    const app = await openHere();
    try {
      const { subjectText: subject, fingerprint: fingerprint_sha256 } = app.authority;
      const { firstToken: admin_token } = app.auth;
      if (args.flag('json')) {
        printJson({ subject, fingerprint_sha256, data_dir: app.config.dataDir, admin_token });
        return;
      }
      print(`CA              ${subject}`, `CA fingerprint  SHA-256 ${fingerprint_sha256}`);
      if (admin_token !== null)
        print(`Admin API key   ${admin_token}`, '                Shown this once: keep it safe.');
      else if (app.config.apiToken !== null) print('Admin API key   the one in CERTMATE_API_TOKEN');
      else print('Admin API key   shown when it was made; another one: certmate key create');
    } finally {
      await app.close();
    }
  },
};
