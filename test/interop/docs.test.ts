// What the documentation prints is run by bash as it stands there, page after page, against a running server. Only the
// port is exchanged, and `certmate` stands for the compiled command.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from '../root.js';
import { until } from '../until.js';
import { interopToken, startCertMate } from './certmate.js';
import { missing, start } from './programs.js';

const skip = missing('bash', 'curl', 'openssl');
const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

/** What a page must have shown by its end, for its commands to have done what they say. */
const PAGES: { page: string; shows: RegExp[] }[] = [
  {
    page: 'docs/api.md',
    shows: [
      /laptop\.crt: OK/,
      /"total":1[,}]/,
      /Serial Number/,
      /"successful":2/,
      /"allowed_usages":\["vpn"\]/,
      /"code":"VALIDATION_FAILED"/,
    ],
  },
  // Its walk-through is run by walkthrough.test.ts.
  { page: 'README.md', shows: [/"name":"vpn portal"/, /"must_change_password":true/, /"rate_limits"/] },
  {
    page: 'docs/operations.md',
    shows: [/^Restored \d+ files/m, /^Everything is in order/m, /^The audit log is unbroken/m],
  },
];

for (const { page, shows } of PAGES) {
  test(`the commands of ${page} do what it says`, { skip }, async (t) => {
    const certmate = await startCertMate();
    t.after(certmate.stop);
    const folder = join(certmate.folder, 'reader');
    mkdirSync(folder);
    const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```sh run\n(.*?)^```$/gms)];
    assert.notEqual(blocks.length, 0);
    const port = new URL(certmate.url).port;
    const script = blocks.map(([, commands = '']) => commands.replaceAll('8000', port)).join('\n');
    const file = join(certmate.folder, 'page.sh');
    writeFileSync(file, `certmate() { "${process.execPath}" "${cli}" "$@"; }\n${script}`);
    const bash = start('bash', ['-eu', '-o', 'pipefail', file], {
      cwd: folder,
      env: { CERTMATE_API_TOKEN: interopToken },
      group: true,
    });
    t.after(() => bash.stop());
    await until(async () => !bash.running(), bash.output, 180);
    assert.equal(await bash.stop(), 0, bash.output());
    for (const text of shows) assert.match(bash.output(), text);
  });
}
