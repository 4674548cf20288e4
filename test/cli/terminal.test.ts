// What somebody at a terminal sees, by the pseudo-terminal of script(1).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing, pathOf } from '../interop/programs.js';
import { cli } from './stage.js';

const skip = process.platform === 'linux' ? missing('script', 'stty') : 'script(1) takes other options here';

describe('on a terminal, the command', { skip }, () => {
  let server: CertMate;
  let identifier = '';
  before(async () => {
    server = await startCertMate();
    const issued = await server.issue({ common_name: 'alice@example.com', organization: 'A company with a long name' });
    identifier = issued.identifier;
    await server.issue({ common_name: '山田太郎', tags: ['gone'] });
  });
  after(() => server.stop());

  /** @param typed what is typed when `prompt` is there */
  const see = (words: string, more: { env?: Record<string, string>; prompt?: string; typed?: string } = {}) =>
    new Promise<{ status: number | null; seen: string }>((resolve, reject) => {
      const line = `stty cols 80 rows 24; exec "${process.execPath}" "${cli}" ${words}`;
      const child = spawn(pathOf('script'), ['-qec', line, '/dev/null'], {
        env: {
          PATH: process.env['PATH'] ?? '',
          TERM: 'xterm',
          SHELL: '/bin/sh',
          CERTMATE_URL: server.url,
          CERTMATE_TOKEN: interopToken,
          ...more.env,
        },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let seen = '';
      let typed = false;
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        seen += text;
        if (typed || more.prompt === undefined || !seen.includes(more.prompt)) return;
        typed = true;
        child.stdin.write(more.typed ?? '');
      });
      child.on('error', reject);
      child.on('close', (status) => resolve({ status, seen }));
    });

  it('shows a table that fits, in colours', async () => {
    const { status, seen } = await see('list');
    assert.equal(status, 0, seen);
    assert.ok(seen.includes('\x1b[32mactive'), seen);
    const lines = stripVTControlCharacters(seen).trimEnd().split('\r\n');
    assert.equal(lines.length, 3);
    assert.match(lines[0] ?? '', /^IDENTIFIER +STATUS +EXPIRES +USAGE +COMMON NAME/);
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.ok(
      lines.some((line) => line.startsWith(`${identifier} `)),
      'identifiers are shown in full',
    );
    assert.ok(
      lines.some((line) => line.includes('…')),
      'what is cut short shows it',
    );
  });

  it('uses no colours where NO_COLOR is set', async () => {
    const { seen } = await see('list', { env: { NO_COLOR: '1' } });
    assert.ok(seen.includes('active') && !seen.includes('\x1b['), seen);
  });

  it('gives programs the same JSON as ever', async () => {
    const { seen } = await see(`show ${identifier} --json`);
    assert.equal((JSON.parse(seen) as { identifier: string }).identifier, identifier);
  });

  it('asks before it revokes, and takes no for an answer', async () => {
    const prompt = '[y/N]';
    const refused = await see(`revoke ${identifier}`, { prompt, typed: 'n\n' });
    assert.equal(refused.status, 1);
    assert.match(refused.seen, /alice@example\.com.*serial number \d+/);
    assert.match(refused.seen, /nothing was revoked/);
    const agreed = await see(`revoke ${identifier}`, { prompt, typed: 'y\n' });
    assert.equal(agreed.status, 0, agreed.seen);
    assert.match(agreed.seen, new RegExp(`revoked ${identifier}`));
  });

  it('moves a bar while a batch is issued', async () => {
    const table = server.file('some.csv', `common_name\n${'some\n'.repeat(150)}`);
    const { status, seen } = await see(`issue --batch ${table}`);
    assert.equal(status, 0, seen);
    assert.ok(seen.includes('\r\x1b[K'), 'it is drawn in its own line');
    assert.match(seen, /[█░]+ {2}\d+ of 150/);
    assert.match(seen, /█{20,} {2}150 of 150/);
    assert.match(seen, /150 of 150 issued, 0 failed/);
  });
});
