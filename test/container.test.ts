// No container engine is needed here: the Dockerfile's own steps are carried out in folders that stand for its stages.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, normalize } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort } from './free-port.js';
import { root } from './root.js';
import { until } from './until.js';

interface Stage {
  name: string;
  image: string;
  steps: { instruction: string; value: string }[];
}

function readStages(): Stage[] {
  const stages: Stage[] = [];
  for (const line of readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n')) {
    const [, instruction, value] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (instruction === undefined || value === undefined) continue;
    const [image, as, name] = value.split(' ');
    if (instruction === 'FROM')
      stages.push({ image: image ?? '', name: as === 'AS' ? (name ?? '') : 'final', steps: [] });
    else stages.at(-1)?.steps.push({ instruction, value });
  }
  return stages;
}

const values = (stage: Stage | undefined, instruction: string) =>
  stage?.steps.filter((step) => step.instruction === instruction).map((step) => step.value) ?? [];

const scripts = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

test('the final image runs without rights, keeps data and logs in volumes, and is reachable from outside it', () => {
  const final = readStages().at(-1);
  assert.equal(final?.image, 'node:24-bookworm-slim');
  assert.deepEqual(values(final, 'USER'), ['node']);
  assert.deepEqual(values(final, 'VOLUME'), ['["/app/data", "/app/logs"]']);
  assert.deepEqual(values(final, 'CMD'), ['["node", "dist/main.js"]']);
  assert.ok(values(final, 'ENV').includes('CERTMATE_HOST=0.0.0.0'));
});

test('everything that the Dockerfile copies from the project exists and is let through by .dockerignore', () => {
  const [everything, ...admitted] = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => /^[^#]/.test(line));
  assert.equal(everything, '*');
  for (const stage of readStages()) {
    for (const copy of values(stage, 'COPY').filter((value) => !value.startsWith('--from='))) {
      for (const source of copy.split(' ').slice(0, -1)) {
        assert.ok(existsSync(join(root, source)), `${source} exists`);
        assert.ok(admitted.includes(`!${normalize(source)}`), `${source} reaches the build`);
      }
    }
  }
});

test('every npm command of the Dockerfile is a script of package.json or npm’s own', () => {
  const commands = readStages().flatMap((stage) =>
    values(stage, 'RUN').filter((command) => command.startsWith('npm ')),
  );
  assert.ok(commands.some((command) => command.startsWith('npm ci ')));
  for (const command of commands) {
    const [, verb, script] = command.split(' ');
    if (verb === 'run') assert.ok(scripts[script ?? ''] !== undefined, command);
    else assert.ok(['ci', 'prune'].includes(verb ?? ''), command);
  }
});

/** Carries out the steps of every stage; the folder that stands for `/app` of the last one, and its environment. */
function replay(t: TestContext, top: string): { app: string; env: NodeJS.ProcessEnv } {
  const env: NodeJS.ProcessEnv = { ...process.env, npm_config_prefer_offline: 'true', npm_config_loglevel: 'error' };
  let app = '';
  for (const stage of readStages()) {
    app = join(top, stage.name, 'app');
    mkdirSync(app, { recursive: true });
    for (const { instruction, value } of stage.steps) {
      if (instruction === 'ENV') {
        const [name, setting] = value.split('=');
        env[name ?? ''] = setting;
      } else if (instruction === 'COPY') {
        const words = value.split(' ');
        const origin = words[0]?.startsWith('--from=') ? join(top, words.shift()?.slice('--from='.length) ?? '') : root;
        const target = join(app, words.pop() ?? '');
        for (const source of words) {
          const to = words.length > 1 || value.endsWith('/') ? join(target, basename(source)) : target;
          cpSync(join(origin, source), to, { recursive: true, verbatimSymlinks: true });
        }
      } else if (instruction === 'RUN') {
        // The user `node` exists in the image only: here its files stay ours.
        const command = value.replaceAll('node:node', '"$(id -u):$(id -g)"');
        const { status, stderr, stdout } = spawnSync('sh', ['-c', command], { cwd: app, env, encoding: 'utf8' });
        assert.equal(status, 0, `${value}\n${stdout}${stderr}`);
        t.diagnostic(`RUN ${value}`);
      }
    }
  }
  return { app, env };
}

test('its steps give a server that starts, is healthy by its own HEALTHCHECK, and stops on SIGTERM', async (t) => {
  const top = mkdtempSync(join(tmpdir(), 'certmate-container-'));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const { app, env } = replay(t, top);

  assert.deepEqual(readdirSync(app).sort(), [
    'data',
    'dist',
    'logs',
    'node_modules',
    'package.json',
    'public',
    'views',
  ]);
  assert.ok(!existsSync(join(app, 'node_modules', 'typescript')), 'no development dependency is left');

  env['CERTMATE_PORT'] = String(await freePort());
  env['CERTMATE_CA_KEY_TYPE'] = 'ec-p256';
  const final = readStages().at(-1);
  const [, ...main] = JSON.parse(values(final, 'CMD')[0] ?? '') as string[];
  const [, ...probe] = JSON.parse((values(final, 'HEALTHCHECK')[0] ?? '').replace(/^.*? CMD /, '')) as string[];
  const check = () => spawnSync(process.execPath, probe, { env, cwd: app }).status;
  assert.equal(check(), 1, 'unhealthy while nothing listens');

  for (const tls of ['off', 'self']) {
    env['CERTMATE_TLS'] = tls;
    const server = spawn(process.execPath, main, { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => server.kill('SIGKILL'));
    let output = '';
    for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    await until(
      () => {
        assert.equal(server.exitCode, null, output);
        return check() === 0;
      },
      () => output,
    );
    server.kill('SIGTERM');
    const [code] = await once(server, 'exit');
    assert.equal(code, 0, output);
  }
  assert.ok(existsSync(join(app, 'data', 'certs', 'ca', 'ca.crt')), 'what it stores lies in the volume');
});
