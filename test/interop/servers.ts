/** Web servers that ask for client certificates, each in a folder of its own and on free ports of the loopback. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type RunningProgram, start, temporaryFolder, waitFor } from './programs.js';

export interface WebServer {
  /** Makes it read its configuration and CRL again, and waits until the worker that knew the old ones is gone. */
  reload(): Promise<void>;
  output(): string;
  stop(): Promise<void>;
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

async function serve(
  launch: (folder: string) => RunningProgram,
  options: { name: string; ports: number[]; reloadSignal: NodeJS.Signals },
): Promise<WebServer> {
  const temporary = temporaryFolder(options.name);
  const program = launch(temporary.path);
  const stop = async () => {
    await program.stop();
    temporary.remove();
  };
  try {
    for (const port of options.ports) {
      await waitFor(async () => !program.running() || (await listens(port)), program.output);
      if (!program.running()) throw new Error(`${options.name} does not start: ${program.output()}`);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const workersGone = () => program.output().match(/worker (process )?\(?\d+\)? exited with code/g)?.length ?? 0;
  const reload = async () => {
    const gone = workersGone();
    program.signal(options.reloadSignal);
    await waitFor(async () => workersGone() > gone, program.output);
  };
  return { reload, output: program.output, stop };
}

/** Starts nginx with these `server { … }` blocks and waits until it listens on every port. */
export async function startNginx(servers: string, ports: number[]): Promise<WebServer> {
  return serve(
    (folder) => {
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const configuration = `
        ${process.getuid?.() === 0 ? 'user root;' : ''}
        daemon off;
        worker_processes 1;
        pid ${folder}/nginx.pid;
        error_log stderr info;
        events {}
        http {
          access_log off;
          ${temporary.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
          ${servers}
        }`;
      writeFileSync(join(folder, 'nginx.conf'), configuration);
      return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { cwd: folder });
    },
    { name: 'nginx', ports, reloadSignal: 'SIGHUP' },
  );
}

/** Starts HAProxy, master and worker, with this configuration and waits until it listens on every port. */
export async function startHaproxy(configuration: string, ports: number[]): Promise<WebServer> {
  return serve(
    (folder) => {
      writeFileSync(join(folder, 'haproxy.cfg'), configuration);
      return start('haproxy', ['-W', '-db', '-f', join(folder, 'haproxy.cfg')], { cwd: folder });
    },
    { name: 'haproxy', ports, reloadSignal: 'SIGUSR2' },
  );
}
