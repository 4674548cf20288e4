// Whoever reads standard output stops reading: the CA goes on. With a real server, a real pipe and a real terminal.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { missing, temporaryFolder } from './interop/programs.js';
import { until } from './until.js';

const main = fileURLToPath(new URL('../src/main.js', import.meta.url));
const module = new URL('../src/log.js', import.meta.url).href;

function folder(t: TestContext): string {
  const temporary = temporaryFolder('stalled');
  t.after(() => temporary.remove());
  return temporary.path;
}

/** A pipe whose reader is this test, which reads when it is told to. */
function pipe(t: TestContext, path: string) {
  assert.equal(spawnSync('mkfifo', [path]).status, 0);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  const buffer = Buffer.alloc(1 << 16);
  let text = '';
  let open = true;
  const close = () => {
    if (open) closeSync(reader);
    open = false;
  };
  t.after(close);
  return {
    writer,
    close,
    /** Reads what is there, and gives all that has been read so far. */
    read(): string {
      try {
        for (;;) {
          const length = readSync(reader, buffer);
          if (length === 0) return text;
          text += buffer.toString('utf8', 0, length);
        }
      } catch {
        return text;
      }
    },
  };
}

/** A server that writes into `output`. */
async function serve(t: TestContext, path: string, output: number) {
  const port = await freePort();
  const env = {
    ...process.env,
    CERTMATE_PORT: String(port),
    CERTMATE_DATA_DIR: join(path, 'data'),
    CERTMATE_LOG_DIR: join(path, 'logs'),
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_RATE_LIMITS: 'off',
  };
  const server = spawn(process.execPath, [main], { env, stdio: ['ignore', output, 'inherit'] });
  closeSync(output);
  t.after(() => end(server, 'SIGKILL'));
  const url = `http://127.0.0.1:${port}`;
  /** Makes `count` requests of which each leaves some kilobytes in the log. */
  const chatter = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) {
      const answer = await fetch(`${url}/none/${n}/${'x'.repeat(8000)}`, { signal: AbortSignal.timeout(20_000) });
      assert.equal(answer.status, 404);
      await answer.arrayBuffer();
    }
  };
  return { server, chatter };
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }
  return server.exitCode;
}

const linesOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { msg: string; dropped?: number; req?: { url: string } });
const greeted = (text: string) => /Admin API key +cm_[A-Za-z0-9_-]{43}\n/.test(text);

describe('a server whose standard output nobody reads any more', { skip: missing('mkfifo') }, () => {
  it('goes on answering, and says how many lines are missing as soon as somebody reads', async (t) => {
    const path = folder(t);
    const output = pipe(t, join(path, 'stdout'));
    const { server, chatter } = await serve(t, path, output.writer);
    await until(async () => greeted(output.read()), output.read, 60);
    await chatter(1200);

    const found = () => {
      const text = output.read();
      return linesOf(text.slice(0, text.lastIndexOf('\n') + 1));
    };
    await until(async () => found().some(({ dropped }) => dropped !== undefined), output.read, 30);
    const urls = () =>
      found().flatMap(({ req }) => (req?.url.startsWith('/none/') ? [Number(req.url.split('/')[2])] : []));
    const kept = urls();
    assert.deepEqual(kept, [...kept.keys()], 'the oldest lines are kept, none between them is missing');
    assert.ok(kept.length > 400 && kept.length < 1200, `${kept.length} lines are there: a bounded number`);
    const [loss] = found().filter(({ dropped }) => dropped !== undefined);
    assert.match(loss?.msg ?? '', new RegExp(`^${loss?.dropped} lines of the log were dropped here`));

    await chatter(3);
    assert.equal(await end(server, 'SIGTERM'), 0);
    assert.deepEqual(urls().slice(kept.length), [0, 1, 2], 'the log is whole again');
    assert.equal(found().at(-1)?.msg, 'closing');
  });

  it('writes everything that waits when it ends, to a reader who is slow', async (t) => {
    const path = folder(t);
    const output = pipe(t, join(path, 'stdout'));
    const { server, chatter } = await serve(t, path, output.writer);
    await until(async () => greeted(output.read()), output.read, 60);
    await chatter(60);
    server.kill('SIGTERM');
    await until(async () => output.read() !== '' && server.exitCode !== null, output.read, 60);
    assert.equal(server.exitCode, 0);
    const lines = linesOf(output.read());
    assert.equal(lines.filter(({ req }) => req?.url.startsWith('/none/')).length, 60);
    assert.equal(lines.at(-1)?.msg, 'closing');
  });

  it('ends all the same when nobody reads', async (t) => {
    const path = folder(t);
    const output = pipe(t, join(path, 'stdout'));
    const { server, chatter } = await serve(t, path, output.writer);
    await until(async () => greeted(output.read()), output.read, 60);
    await chatter(60);
    assert.equal(await end(server, 'SIGTERM'), 0);
  });

  it('goes on without a log when its reader has gone for good', async (t) => {
    const path = folder(t);
    const output = pipe(t, join(path, 'stdout'));
    const { server, chatter } = await serve(t, path, output.writer);
    await until(async () => greeted(output.read()), output.read, 60);
    output.close();
    await chatter(5);
    assert.equal(await end(server, 'SIGTERM'), 0);
  });
});

describe('the log of a program that ends', () => {
  const program = (script: string) =>
    `const { createLog } = await import(${JSON.stringify(module)});
     const log = await createLog({ logLevel: 'info' });
     for (let n = 0; n < 1000; n += 1) log.info({ text: 'x'.repeat(500) }, String(n));
     ${script}`;

  for (const [how, script, status] of [
    ['by itself', '', 0],
    ['by process.exit', 'process.exit(3);', 3],
    ['by an error that nobody catches', `setImmediate(() => { throw new Error('fatal'); });`, 1],
  ] as const) {
    it(`is complete in a pipe and in a file: it ends ${how}`, (t) => {
      const path = folder(t);
      const source = join(path, 'program.mjs');
      writeFileSync(source, program(script));
      const into = (shell: string) => spawnSync('sh', ['-c', shell, process.execPath, source], { encoding: 'utf8' });
      const file = into(`"$0" "$1" > "${path}/file"`);
      assert.equal(file.status, status, file.stderr);
      const piped = into(`("$0" "$1"; echo $? > "${path}/status") | (sleep 0.3; cat)`);
      assert.equal(Number(readFileSync(join(path, 'status'), 'utf8')), status, piped.stderr);
      for (const text of [readFileSync(join(path, 'file'), 'utf8'), piped.stdout]) {
        assert.deepEqual(
          linesOf(text).map(({ msg }) => Number(msg)),
          [...Array(1000).keys()],
        );
      }
    });
  }

  it('waits in a terminal that is held by Ctrl-S, without holding up the program', {
    skip: missing('script'),
  }, async (t) => {
    const path = folder(t);
    const source = join(path, 'terminal.mjs');
    const done = join(path, 'done');
    writeFileSync(
      source,
      `import { existsSync, writeFileSync } from 'node:fs';
       const { createLog } = await import(${JSON.stringify(module)});
       const log = await createLog({ logLevel: 'info' });
       log.info('first');
       while (!existsSync(${JSON.stringify(`${path}/held`)})) await new Promise((resolve) => setTimeout(resolve, 20));
       for (let n = 0; n < 200; n += 1) log.info('line ' + n + 'x'.repeat(200));
       writeFileSync(${JSON.stringify(done)}, '');
       process.stdin.once('data', () => process.exit());`,
    );
    const terminal = spawn('script', ['-qec', `"${process.execPath}" "${source}"`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.after(() => end(terminal, 'SIGKILL'));
    let seen = '';
    terminal.stdout.on('data', (piece) => (seen += String(piece)));
    await until(
      async () => seen.includes('first'),
      () => seen,
      30,
    );
    terminal.stdin.write('\x13');
    writeFileSync(join(path, 'held'), '');
    const isThere = () => spawnSync('test', ['-e', done]).status === 0;
    await until(
      async () => isThere(),
      () => seen,
      30,
    );
    assert.doesNotMatch(seen, /line 199/, 'the terminal is held');
    terminal.stdin.write('\x11\n');
    await until(
      async () => seen.includes('line 199x'),
      () => seen.slice(-500),
      30,
    );
    await until(
      async () => terminal.exitCode !== null,
      () => seen.slice(-500),
      30,
    );
    for (let n = 0; n < 200; n += 1) assert.ok(seen.includes(`line ${n}x`), `line ${n}`);
  });
});
