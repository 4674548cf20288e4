/** A bounded storm of requests over keep-alive connections to a server on this machine: by wrk, or by sockets of our own. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { programs } from './programs.js';

export interface Storm {
  port: number;
  connections: number;
  seconds: number;
  /** Complete HTTP requests, sent in turn. */
  requests: readonly Buffer[];
  /** For files of its own. */
  folder: string;
}

/** Answers a second, all of them 2xx. @throws Error if any was not */
export async function answersPerSecond(storm: Storm): Promise<number> {
  return programs.wrk ? withWrk(storm) : withSockets(storm);
}

/** The name of what makes the storm, for the report. */
export const loadGenerator = programs.wrk ? 'wrk' : 'sockets of its own (wrk is not installed)';

const SCRIPT = `
local requests, n = {}, 0
function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = (line:gsub('..', function(hex) return string.char(tonumber(hex, 16)) end))
  end
end
function request()
  n = n % #requests + 1
  return requests[n]
end
function done(summary)
  io.write(string.format('RESULT %d %d %d\\n', summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
`;

/** Beside other work of this process: it must go on reading what the measured server logs, or that one waits for it. */
async function withWrk({ port, connections, seconds, requests, folder }: Storm): Promise<number> {
  const [script, list] = [join(folder, 'storm.lua'), join(folder, 'storm.txt')];
  writeFileSync(script, SCRIPT);
  writeFileSync(list, `${requests.map((request) => request.toString('hex')).join('\n')}\n`);
  const url = `http://127.0.0.1:${port}/`;
  const wrk = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url, '--', list]);
  let said = '';
  for (const stream of [wrk.stdout, wrk.stderr]) {
    stream.on('data', (chunk) => {
      said += String(chunk);
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    wrk.once('error', reject);
    wrk.once('close', resolve);
  });
  const [, count, microseconds, errors] = /RESULT (\d+) (\d+) (\d+)/.exec(said) ?? [];
  if (status !== 0 || errors !== '0' || count === '0') throw new Error(`the storm went wrong: ${said}`);
  return (Number(count) / Number(microseconds)) * 1e6;
}

async function withSockets({ port, connections, seconds, requests }: Storm): Promise<number> {
  let answers = 0;
  const began = performance.now();
  const end = began + seconds * 1000;
  const caller = (index: number) =>
    new Promise<void>((resolve, reject) => {
      let next = index;
      let kept = '';
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const send = () => {
        next += connections;
        if (performance.now() >= end) socket.end();
        else socket.write(requests[next % requests.length] as Buffer);
      };
      socket.once('connect', send);
      socket.on('data', (chunk) => {
        kept += chunk.toString('latin1');
        const head = kept.indexOf('\r\n\r\n');
        if (head === -1) return;
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(kept)?.[1] ?? 0);
        if (kept.length < head + 4 + length) return;
        if (kept.startsWith('HTTP/1.1 2')) {
          kept = '';
          answers += 1;
          send();
        } else socket.destroy(new Error(`not answered well: ${kept.slice(0, 200)}`));
      });
      socket.on('error', reject);
      socket.on('close', () => resolve());
    });
  await Promise.all(Array.from({ length: connections }, (_, index) => caller(index)));
  return (answers / (performance.now() - began)) * 1000;
}

/** Sends one request and gives the body of its answer. @throws Error unless it is a 2xx */
export async function ask(port: number, request: Buffer): Promise<Buffer> {
  let body: Buffer = Buffer.alloc(0);
  await inTurn(port, [request], (answer) => {
    body = answer;
  });
  return body;
}

/** Sends requests one after another over one connection; how long each took, in milliseconds. */
export async function latencies(port: number, requests: readonly Buffer[]): Promise<number[]> {
  const lasted: number[] = [];
  await inTurn(port, requests, (_, ms) => lasted.push(ms));
  return lasted;
}

function inTurn(port: number, requests: readonly Buffer[], take: (body: Buffer, ms: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let next = 0;
    let began = 0;
    let received: Buffer[] = [];
    const send = () => {
      const request = requests[next];
      next += 1;
      began = performance.now();
      if (request === undefined) socket.end();
      else socket.write(request);
    };
    socket.once('connect', send);
    socket.on('data', (chunk) => {
      received.push(chunk);
      const answer = received.length === 1 ? chunk : Buffer.concat(received);
      const head = answer.indexOf('\r\n\r\n');
      if (head === -1) return;
      const text = answer.toString('latin1', 0, head);
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (answer.length < head + 4 + length) return;
      const ms = performance.now() - began;
      const body = answer.subarray(head + 4);
      received = [];
      if (/^HTTP\/1\.[01] 2/.test(text)) {
        take(body, ms);
        send();
      } else socket.destroy(new Error(`not answered well: ${text} ${body}`));
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}
