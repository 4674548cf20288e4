/** Which of the peers are there, and children: started, awaited, stopped. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).error === undefined;

/** The peers that are installed. */
export const programs = {
  openssl: isThere('openssl', 'version'),
  cfssl: isThere('cfssl', 'version'),
  wrk: isThere('wrk', '--version'),
};

export interface Child {
  /** What it said when it was ready: one line of JSON on standard output. */
  ready: Record<string, unknown>;
  pid: number;
  /** Octets in use on its heap, after a collection if it was started with --expose-gc. */
  heap(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a script of this folder as a process of its own and waits until it says that it is ready. */
export async function startScript(
  name: string,
  settings: Record<string, string> = {},
  flags = process.env['BENCH_NODE_FLAGS']?.split(' ').filter(Boolean) ?? [],
): Promise<Child> {
  const script = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [...flags, script], {
    env: { ...process.env, ...settings },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ready = await nextWord(child, name);
  return {
    ready,
    pid: child.pid as number,
    async heap() {
      const answer = nextWord(child, name);
      child.stdin?.write('heap\n');
      return (await answer)['heap'] as number;
    },
    async stop() {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin?.end();
      await ended;
    },
  };
}

/** The next line that is meant for us; the measured server logs on standard output as well, as it does for a user. */
function nextWord(child: ChildProcess, name: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const ended = (code: number | null) => reject(new Error(`${name} ended with ${code}`));
    const read = (chunk: unknown) => {
      rest += String(chunk);
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        if (!line.startsWith('{"bench":')) continue;
        child.stdout?.off('data', read).resume();
        child.off('exit', ended);
        resolve(JSON.parse(line).bench);
        return;
      }
    };
    child.stdout?.on('data', read);
    child.once('exit', ended);
  });
}

/**
 * Starts somebody else's server and waits until it takes connections; ends it with `stop`.
 * @param says what it writes when it does, where it does not bear to be tried
 */
export async function startServer(
  program: string,
  args: string[],
  port: number,
  says: string | null = null,
): Promise<{ stop(): Promise<void> }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said = (said + String(chunk)).slice(-1000);
    });
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    if (child.exitCode === null) await ended;
  };
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}: ${said}`);
    if (says === null ? await takesConnections(port) : said.includes(says)) return { stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`${program} does not listen`);
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Runs a program to its end. @returns what it wrote, and how long it took in milliseconds @throws Error if it failed */
export function timed(program: string, args: string[], options: { cwd?: string } = {}): { text: string; ms: number } {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, { ...options, encoding: 'utf8', maxBuffer: 1 << 28 });
  const ms = performance.now() - began;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return { text: `${stdout}${stderr}`, ms };
}
