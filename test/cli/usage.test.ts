// How the command explains itself, and how it ends when something is wrong.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.js';
import { describeCommand } from '../../src/cli/help.js';
import { freePort } from '../free-port.js';
import { certmate, ESCAPES, place } from './stage.js';

describe('the command', () => {
  it('lists every command with --help, and the exit codes', async () => {
    const { status, stdout } = await certmate({}, '--help');
    assert.equal(status, 0);
    for (const name of Object.keys(COMMANDS)) assert.match(stdout, new RegExp(`^  ${name} +\\w`, 'm'));
    assert.match(stdout, /Exit codes: 0 done; 1 .*; 2 .*; 3 /);
    assert.doesNotMatch(stdout, ESCAPES);
  });

  it('describes the options of each command, with an example where there is a choice', async () => {
    for (const [name, load] of Object.entries(COMMANDS)) {
      const command = await load();
      const text = describeCommand(name, command);
      assert.ok(text.startsWith(`Usage: certmate ${name}`), text);
      for (const option of Object.keys(command.options)) assert.ok(text.includes(`  --${option}`), `${name} ${option}`);
      if (Object.keys(command.options).length > 1) assert.ok(text.includes(`  certmate ${name} `), name);
      for (const line of text.split('\n')) assert.ok(line.length <= 130, line);
    }
    const { status, stdout } = await certmate({}, 'issue', '--help');
    assert.equal(status, 0);
    assert.equal(stdout.trimEnd(), describeCommand('issue', await (COMMANDS['issue']?.() ?? assert.fail())));
  });

  it('refuses what works on local files only while CERTMATE_URL names a server, before it touches anything', async (t) => {
    const { settings, folder } = place(t);
    for (const [name, load] of Object.entries(COMMANDS)) {
      const { remote = false, operands } = (await load?.()) ?? assert.fail();
      if (remote) continue;
      const words = [...name.split(' '), ...Array.from({ length: operands?.least ?? 0 }, () => 'x')];
      const { status, stdout, stderr } = await certmate(
        { ...settings, CERTMATE_URL: 'https://ca.example.com' },
        ...words,
      );
      assert.deepEqual([status, stdout], [2, ''], name);
      assert.match(stderr, /CERTMATE_URL names a server, and .* works on local files only/, name);
    }
    await assert.rejects(import('node:fs/promises').then(({ access }) => access(join(folder, 'data'))));
    const verifying = ['verify-audit', '--log', join(folder, 'none'), '--public-key', join(folder, 'none')];
    const { stderr } = await certmate({ ...settings, CERTMATE_URL: 'https://ca.example.com' }, ...verifying);
    assert.match(
      stderr,
      /there is nothing at|there is no file/,
      'files that are named are read wherever the server is',
    );
  });

  it('answers wrong usage with exit code 2 and the reason, before it touches anything', async (t) => {
    const { settings, folder } = place(t);
    const wrong: [string[], RegExp][] = [
      [['dance'], /there is no command dance/],
      [['--json', 'list'], /the name of a command comes first/],
      [['show'], /ID\|SERIAL\|FILE is missing/],
      [['show', 'a', 'b'], /what is b for/],
      [['issue'], /--cn is missing/],
      [['issue', '--cn', 'a', '--days', 'ten'], /--days must be a whole number/],
      [['issue', '--cn', 'a', '--days', '1', '--hours', '1'], /do not go together/],
      [['issue', '--cn', 'a', '--p12'], /--p12 goes with --out/],
      [['issue', '--batch', 'a.csv', '--cn', 'a'], /do not go together/],
      [['list', '--all', '--limit', '3'], /do not go together/],
      [['download', 'a', '--type', 'exe'], /--type must be one of/],
      [['list', '--token-file', 'a'], /--token-file goes with --url/],
      [['list', '--url', 'ca.example.com'], /--url must be an http or https URL/],
      [['list', '--url', 'http://127.0.0.1:1'], /needs an API token/],
    ];
    for (const [words, reason] of wrong) {
      const { status, stdout, stderr } = await certmate(settings, ...words);
      assert.deepEqual([status, stdout], [2, ''], words.join(' '));
      assert.match(stderr, reason);
    }
    const { status, stderr } = await certmate(settings, 'issue', '--json');
    assert.equal(status, 2);
    assert.equal((JSON.parse(stderr) as { code: string }).code, 'USAGE');
    await assert.rejects(import('node:fs/promises').then(({ access }) => access(join(folder, 'data'))));
  });

  it('says how to begin where there is no CA, and makes none by the way', async (t) => {
    const { settings } = place(t);
    const { status, stderr } = await certmate(settings, 'list');
    assert.equal(status, 1);
    assert.match(stderr, /there is no CA .*certmate init.*--url/);
  });

  it('ends with exit code 3 where no server can be reached, and with 1 where there is another one', async (t) => {
    const port = await freePort();
    const nowhere = { CERTMATE_URL: `http://127.0.0.1:${port}`, CERTMATE_TOKEN: 'no-token' };
    const { status, stdout, stderr } = await certmate(nowhere, 'list');
    assert.deepEqual([status, stdout], [3, '']);
    assert.match(stderr, new RegExp(`^certmate: cannot reach http://127.0.0.1:${port}: nothing listens there\n$`));
    const inJson = await certmate(nowhere, 'list', '--json');
    assert.equal((JSON.parse(inJson.stderr) as { code: string }).code, 'UNREACHABLE');

    const { createServer } = await import('node:http');
    const other = createServer((_request, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'));
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
    t.after(() => other.close());
    const refused = await certmate(nowhere, 'list');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /HTTP 502, and not as CertMate/);
  });
});
