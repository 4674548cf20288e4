// Damaged requests by the ten thousand, over a real socket: answered quickly, never with a 5xx, and then it is as before.
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { OCSP_MAX_REQUEST } from '../../../src/pki/ocsp.js';
import { build } from '../../build.js';
import { mutate, seeded } from '../../pki/mutations.js';
import { until } from '../../until.js';
import { certId, ocspRequest } from './request.js';

const REQUESTS = 24_000;
const CONNECTIONS = 8;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Answer {
  status: number;
  type: string;
  body: string;
}

/** One connection at a time, opened anew where the server has closed it: as a client in trouble behaves. */
class Caller {
  readonly #port: number;
  #socket: Socket | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends these octets and reads one answer. @throws Error if none comes */
  ask(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      let received = '';
      this.#socket ??= connect(this.#port, '127.0.0.1').setNoDelay();
      const socket = this.#socket;
      const finish = (outcome: () => void) => {
        socket.removeAllListeners();
        socket.on('error', () => {});
        outcome();
      };
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        const head = received.indexOf('\r\n\r\n');
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(received)?.[1] ?? 0);
        if (head === -1 || received.length < head + 4 + length) return;
        const type = /\r\ncontent-type: ([^\r;]+)/i.exec(received)?.[1] ?? '';
        if (/\r\nconnection: close/i.test(received)) this.close();
        finish(() => resolve({ status: Number(received.slice(9, 12)), type, body: received.slice(head + 4) }));
      });
      socket.on('close', () => {
        this.#socket = null;
        finish(() => reject(new Error(`closed without an answer after ${received.length} octets`)));
      });
      socket.on('error', () => {});
      socket.write(request);
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }
}

const post = (body: Buffer) =>
  Buffer.concat([
    Buffer.from(
      `POST /api/ocsp HTTP/1.1\r\nHost: a\r\nContent-Type: application/ocsp-request\r\nContent-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);
const get = (path: string) => Buffer.from(`GET /api/ocsp/${path} HTTP/1.1\r\nHost: a\r\n\r\n`, 'latin1');

describe('damaged OCSP requests', () => {
  test(`${REQUESTS} of them, by POST and GET, never bring a 5xx, a stall or a leak`, async (t) => {
    const { app, issue } = await build(t);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const serial_number = (await issue())['serial_number'] as string;
    const { certificate } = app.authority;
    const sound = [
      ocspRequest([certId(certificate, serial_number)]),
      ocspRequest([certId(certificate, serial_number, 'sha256')], Buffer.alloc(32, 7)),
      ocspRequest([certId(certificate, serial_number, 'sha512'), certId(certificate, '12345')], Buffer.alloc(128, 1)),
    ];
    const large = Buffer.alloc(OCSP_MAX_REQUEST + 1, Buffer.from([0x30, 0x80]));
    const random = seeded(20_261_121);

    /** A damaged request: damaged DER in a sound HTTP request, or a damaged path. */
    const damaged = (): Buffer => {
      const der = mutate(sound[random(sound.length)] as Buffer, random);
      switch (random(20)) {
        case 0:
          return post(Buffer.concat([der, large.subarray(0, large.length - der.length - random(3))]));
        case 1: {
          // Characters of the path itself, percent signs without digits among them.
          const path = Buffer.from(encodeURIComponent(der.toString('base64')));
          for (let n = random(4); n >= 0 && path.length > 0; n -= 1) path[random(path.length)] = 0x21 + random(0x5e);
          return get(path.toString('latin1').slice(0, 8000));
        }
        case 2:
          return get(der.toString('base64').slice(0, 8000));
        default:
          return random(2) === 0 ? post(der) : get(encodeURIComponent(der.toString('base64').slice(0, 4000)));
      }
    };

    const statuses = new Map<number, number>();
    let sent = 0;
    const callerLoop = async (): Promise<void> => {
      const caller = new Caller(port);
      while (sent < REQUESTS) {
        sent += 1;
        const request = damaged();
        const { status, type, body } = await caller.ask(request);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        assert.ok(status < 500, `${status} to ${request.toString('base64').slice(0, 400)}`);
        if (status !== 200) continue;
        assert.equal(type, 'application/ocsp-response');
        assert.equal(body.charCodeAt(0), 0x30);
      }
      caller.close();
    };
    const run = () => Promise.all(Array.from({ length: CONNECTIONS }, callerLoop));

    // The first part warms everything up, so that memory afterwards can be compared.
    sent = REQUESTS - 4000;
    await run();
    collectGarbage();
    const before = process.memoryUsage();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    sent = 4000;
    await run();
    delay.disable();
    let grown = 0;
    // What connections that are being closed still hold goes a moment later; a leak does not.
    await until(
      () => {
        collectGarbage();
        const after = process.memoryUsage();
        grown = (after.heapUsed + after.external - before.heapUsed - before.external) / 1_048_576;
        return grown < 16;
      },
      () => `memory grew by ${grown.toFixed(1)} MiB`,
      20,
    );
    assert.ok(delay.percentile(99) < 100e6, `event loop delay p99 ${delay.percentile(99) / 1e6} ms`);
    assert.ok(delay.max < 1000e6, `event loop delay at most ${delay.max / 1e6} ms`);
    assert.ok((statuses.get(200) ?? 0) > REQUESTS / 2, JSON.stringify([...statuses]));
    const caller = new Caller(port);
    const { status, body } = await caller.ask(post(sound[0] as Buffer));
    caller.close();
    assert.equal(status, 200);
    assert.ok(body.includes((certId(certificate, serial_number) as Buffer).toString('latin1')));
    assert.ok(app.ocsp.kept <= 8, `${app.ocsp.kept} answers are kept`);
  });
});
