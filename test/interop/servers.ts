/** Servers that ask for client certificates, each in a folder of its own and on free ports. */

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { until } from '../until.js';
import { type RunningProgram, run, start, temporaryFolder } from './programs.js';

export interface RunningServer {
  readonly pid: number;
  output(): string;
  stop(): Promise<void>;
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

/** Starts a server and waits until it listens on every port. @param launch gets an empty folder */
export async function serve(
  name: string,
  ports: number[],
  launch: (folder: string) => RunningProgram,
): Promise<RunningServer> {
  const temporary = temporaryFolder(name);
  const program = launch(temporary.path);
  const stop = async () => {
    await program.stop();
    temporary.remove();
  };
  try {
    for (const port of ports) {
      await until(async () => !program.running() || (await listens(port)), program.output);
    }
    if (!program.running() || program.pid === undefined) throw new Error(`${name} does not start: ${program.output()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: program.pid, output: program.output, stop };
}

/**
 * Reloads a server that replaces its workers, and waits until the former ones are gone: until then a connection may end up
 * with one that knows the old list only.
 */
export async function replacingWorkers<T>({ pid, output }: RunningServer, reload: () => Promise<T>): Promise<T> {
  const workers = async () => (await run`ps -o pid= --ppid ${String(pid)}`).output.split(/\s+/).filter(Boolean);
  const former = await workers();
  const outcome = await reload();
  await until(async () => (await workers()).every((worker) => !former.includes(worker)), output);
  return outcome;
}

/** Starts nginx with this inside `http { … }` and waits until it listens on every port. */
export async function startNginx(http: string, ports: number[]): Promise<RunningServer> {
  return serve('nginx', ports, (folder) => {
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
          ${http}
        }`;
    writeFileSync(join(folder, 'nginx.conf'), configuration);
    return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { cwd: folder });
  });
}

/** Starts HAProxy, master and worker, with this configuration and waits until it listens on every port. */
export async function startHaproxy(configuration: string, ports: number[]): Promise<RunningServer> {
  return serve('haproxy', ports, (folder) => {
    writeFileSync(join(folder, 'haproxy.cfg'), configuration);
    return start('haproxy', ['-W', '-db', '-f', join(folder, 'haproxy.cfg')], { cwd: folder });
  });
}
