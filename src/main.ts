/** The process: configuration in, app built, listening, files read again on SIGHUP, drained on SIGTERM. Nothing else. */
import type { FastifyInstance } from 'fastify';
import { buildApp } from './app.js';
import { type Config, readConfig, unknownSettings } from './config.js';
import { StartupError } from './errors.js';
import { closeInTime, orExit } from './exit.js';
import { standardOutput } from './log.js';

/** Requests that are still running when this many milliseconds have passed since SIGTERM are cut off. */
const DRAIN = 10_000;
/** From so many milliseconds after the first signal on, another one means: now. Terminals and npm send the first one twice. */
const IMPATIENCE = 1000;

/** Serves until SIGTERM or SIGINT. @throws StartupError what stops the start */
async function serve(config: Config): Promise<void> {
  const app = await buildApp({ config });
  for (const name of unknownSettings()) app.log.warn(`there is no setting ${name}: is it misspelt?`);
  const { firstToken } = app.auth;
  obeySignals(app);
  try {
    await listen(app, config);
  } catch (error) {
    await closeInTime(app);
    // The key of this first start exists from now on: its one chance to be seen must not pass.
    if (firstToken !== null) print(keyLines(firstToken));
    throw error;
  }
  greet(config, app.authority.fingerprint, firstToken);
  const warm = ({ issuance }: typeof app.settings.current) => app.keys.warm(issuance.default_key_type);
  warm(app.settings.current);
  app.settings.subscribe(warm);
}

/** From the first moment on at which there is something to lose: whoever sees the greeting may stop the server at once. */
function obeySignals(app: FastifyInstance): void {
  let began: number | null = null;
  const cutOff = (why: string): never => {
    app.log.warn(`${why}: what is still running is cut off`);
    process.exit(1);
  };
  const drain = (signal: NodeJS.Signals): void => {
    if (began !== null) {
      if (performance.now() - began > IMPATIENCE) cutOff(`a second ${signal}`);
      return;
    }
    began = performance.now();
    app.log.info({ signal }, 'closing');
    setTimeout(cutOff, DRAIN, `${DRAIN / 1000} s have passed`).unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        app.log.error({ err: error }, 'closing failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', drain);
  process.on('SIGINT', drain);
  process.on('SIGHUP', () => void reload(app));
}

/** Opens the port, and that for relying parties if there is one. @throws StartupError */
async function listen(app: FastifyInstance, { host, port, httpPort, tls }: Config): Promise<void> {
  let wanted = port;
  try {
    const scheme = tls === 'off' ? 'http:' : 'https:';
    const listenTextResolver = (address: string) => `Server listening at ${address.replace(/^http:/, scheme)}`;
    await app.listen({ host, port, listenTextResolver });
    wanted = httpPort ?? 0;
    await app.listenPlainly(host);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const place = `${host.includes(':') ? `[${host}]` : host}:${wanted}`;
    const setting = wanted === port ? 'CERTMATE_PORT' : 'CERTMATE_HTTP_PORT';
    throw new StartupError(`cannot listen on ${place} (${code}): ${remedyOf(code, setting)}`, { cause });
  }
}

function remedyOf(code: string | undefined, setting: string): string {
  if (code === 'EADDRINUSE') return `another program has this port; stop that one, or set ${setting}`;
  if (code === 'EACCES') return `this port needs a privilege; set ${setting} to one from 1024 on`;
  return 'set CERTMATE_HOST to an address of this machine';
}

/** Reads again what operators change while the server runs. What cannot be read leaves everything as it was. */
async function reload(app: FastifyInstance): Promise<void> {
  await app.tls?.refresh();
  for (const [what, part] of [
    ['profiles', app.profiles],
    ['settings', app.settings],
  ] as const) {
    try {
      await part.reload();
      app.log.info({ signal: 'SIGHUP' }, `${what} read again`);
    } catch (error) {
      app.log.error({ err: error }, `the ${what} stay as they were: ${(error as Error).message}`);
    }
  }
}

/** Says on standard output where everything is; the first run's admin token is shown here and nowhere else, once. */
function greet({ publicUrl }: Config, fingerprint: string, firstToken: string | null): void {
  const lines = [
    'CertMate is running.',
    `  Dashboard       ${publicUrl}/client-certificates`,
    `  API docs        ${publicUrl}/docs`,
    `  CA fingerprint  SHA-256 ${fingerprint}`,
  ];
  if (firstToken !== null) lines.push(...keyLines(firstToken));
  print(lines);
}

function keyLines(token: string): string[] {
  return [`  Admin API key   ${token}`, '                  Shown this once: keep it somewhere safe.'];
}

function print(lines: readonly string[]): void {
  standardOutput().insist(`\n${lines.join('\n')}\n\n`);
}

await orExit(() => serve(readConfig()));
