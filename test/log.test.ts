import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { missing } from './interop/programs.js';

const module = new URL('../src/log.js', import.meta.url).href;

/** A program that logs. @param settings for createLog, as JavaScript */
const program = (settings: string, script: string) =>
  `const { createLog } = await import(${JSON.stringify(module)});
   const log = await createLog(${settings});
   ${script}`;

function run(settings: string, script: string) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', program(settings, script)],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  return { stdout, stderr, status };
}

const parsed = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'certmate-log-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('the log', () => {
  it('never shows a secret, whoever logs it', () => {
    const { stdout } = run(
      `{ logLevel: 'info' }`,
      `log.info({ req: { headers: { authorization: 'Bearer SECRET', cookie: 'SECRET' }, body: { password: 'SECRET' } } }, 'a');
       log.info({ token: 'SECRET', passphrase: 'SECRET', private_key_pem: 'SECRET', harmless: 'shown' }, 'b');
       log.info({ req: { method: 'GET', url: '/api/keys?token=SECRET' } }, 'c');
       log.info({ request: { password: 'SECRET' } }, 'd');
       log.debug({}, 'too quiet');`,
    );
    const lines = parsed(stdout);
    assert.deepEqual(
      lines.map(({ msg }) => msg),
      ['a', 'b', 'c', 'd'],
    );
    assert.equal(lines[1]?.['harmless'], 'shown');
    assert.deepEqual(lines[2]?.['req'], { method: 'GET', url: '/api/keys' });
    assert.doesNotMatch(stdout, /SECRET/);
  });

  it('tells of an error with everything that caused it', () => {
    const { stdout } = run(
      `{ logLevel: 'info' }`,
      `const disk = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
       log.error({ err: new Error('not stored', { cause: new Error('not written', { cause: disk }) }) }, 'failed');`,
    );
    const [{ err }] = parsed(stdout) as [{ err: { message: string; stack: string; cause: { cause: object } } }];
    assert.equal(err.message, 'not stored');
    assert.match(err.stack, /^Error: not stored\n +at /);
    const { message, code } = err.cause.cause as { message: string; code: string };
    assert.deepEqual({ message, code }, { message: 'no space left', code: 'ENOSPC' });
  });

  it('is for people where it goes to a terminal', { skip: missing('script') }, (t) => {
    const source = join(folder(t), 'terminal.mjs');
    writeFileSync(source, program(`{ logLevel: 'info' }`, `log.warn({ disk: 'full' }, 'take care');`));
    const { stdout } = spawnSync('script', ['-qec', `"${process.execPath}" "${source}"`, '/dev/null'], {
      encoding: 'utf8',
    });
    assert.match(stdout, /WARN.*take care/);
    assert.match(stdout, /"disk":"full"/);
    assert.doesNotMatch(stdout, /"level":/);
  });

  it('is kept in files that only their owner reads, a bounded number of them, across restarts', (t) => {
    const logDir = join(folder(t), 'logs');
    const settings = JSON.stringify({ logLevel: 'info', logFile: true, logDir, logMaxMb: 1, logFiles: 3 });
    const script = `for (let n = 0; n < 2600; n += 1) {
      log.info({ n, text: 'x'.repeat(1000) }, 'line');
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setTimeout(resolve, 200));`;
    for (const start of [1, 2]) {
      const { stdout, stderr, status } = run(settings, script);
      assert.equal(status, 0, stderr);
      assert.equal(parsed(stdout).length, 2600, `standard output has every line, start ${start}`);
    }
    const names = readdirSync(logDir).sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]));
    assert.ok(names.length >= 2 && names.length <= 3, names.join());
    assert.equal(statSync(logDir).mode & 0o777, 0o700);
    const lines: Record<string, unknown>[] = [];
    for (const name of names) {
      assert.match(name, /^certmate\.\d+\.log$/);
      assert.equal(statSync(join(logDir, name)).mode & 0o777, 0o600, name);
      assert.ok(statSync(join(logDir, name)).size < 1.2 * 1024 * 1024, name);
      lines.push(...parsed(readFileSync(join(logDir, name), 'utf8')));
    }
    const numbers = lines.map(({ n }) => n as number);
    assert.equal(numbers.at(-1), 2599, 'the last line is in the newest file');
    for (const [index, number] of numbers.slice(1).entries()) {
      assert.equal(number, ((numbers[index] as number) + 1) % 2600, 'no line between two files is lost');
    }
  });

  it('goes on without its files where the disk takes nothing, and says so once', (t) => {
    const logDir = folder(t);
    // A file size limit is a full disk that concerns one process only.
    const source = join(logDir, 'limited.mjs');
    const settings = JSON.stringify({ logLevel: 'info', logFile: true, logDir: join(logDir, 'logs'), logMaxMb: 1 });
    const script = `process.on('SIGXFSZ', () => {});
      for (let n = 0; n < 300; n += 1) log.info({ text: 'x'.repeat(1000) }, 'line');`;
    writeFileSync(source, program(settings, script));
    const { stdout, stderr, status } = spawnSync(
      'sh',
      ['-c', `trap '' XFSZ; ulimit -f 100; exec "${process.execPath}" "${source}" | cat`],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    assert.equal(status, 0, stderr);
    const messages = parsed(stdout).map(({ msg }) => String(msg));
    assert.equal(messages.filter((message) => message === 'line').length, 300);
    assert.deepEqual(
      messages.filter((message) => message !== 'line'),
      ['the log cannot be written to its file: EFBIG'],
    );
  });

  it('stops the start where its folder takes no files', (t) => {
    const file = join(folder(t), 'file');
    writeFileSync(file, '');
    const { stderr, status } = run(JSON.stringify({ logLevel: 'info', logFile: true, logDir: file }), '');
    assert.notEqual(status, 0);
    assert.match(stderr, /CERTMATE_LOG_FILE is on, but .*takes no log files/);
  });
});
