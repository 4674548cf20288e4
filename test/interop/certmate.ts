/** The real thing as a child process on a folder of its own, and the few calls that these tests make. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../free-port.js';
import { root } from '../root.js';
import { until } from '../until.js';
import { start, temporaryFolder } from './programs.js';

/** A certificate and where its files lie, ready to be named on a command line. */
export interface Issued {
  identifier: string;
  serial_number: string;
  /** Paths of PEM files. */
  certificate: string;
  key: string;
  /** Key, then certificate: as HAProxy wants it. */
  bundle: string;
}

export interface CertMate {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** A folder for the test's own files. */
  readonly folder: string;
  /** Path of the CA's certificate, PEM. */
  readonly ca: string;
  issue(fields: Record<string, unknown>): Promise<Issued>;
  /** A certificate for a server on localhost. */
  issueServer(): Promise<Issued>;
  revoke(identifier: string, reason?: string): Promise<void>;
  /** Downloads the newest CRL; the path of its file. */
  crl(format: 'pem' | 'der'): Promise<string>;
  /** Puts a file into `folder`; its path. */
  file(name: string, content: string | Uint8Array): string;
  stop(): Promise<void>;
}

/** The admin token of every instance that a test starts. */
export const interopToken = 'interop-'.padEnd(48, '0123456789abcdef');

/** Starts CertMate with an EC CA (quick to make) unless `settings` say otherwise, and waits until it is healthy. */
export async function startCertMate(settings: Record<string, string> = {}): Promise<CertMate> {
  const temporary = temporaryFolder('interop');
  const folder = temporary.path;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  const server = start(process.execPath, ['--enable-source-maps', main], {
    cwd: root,
    env: {
      CERTMATE_PORT: String(port),
      CERTMATE_PUBLIC_URL: url,
      CERTMATE_DATA_DIR: join(folder, 'data'),
      CERTMATE_LOG_DIR: join(folder, 'logs'),
      CERTMATE_API_TOKEN: interopToken,
      CERTMATE_CA_KEY_TYPE: 'ec-p256',
      CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
      CERTMATE_RATE_LIMITS: 'off',
      CERTMATE_LOG_LEVEL: 'warn',
      ...settings,
    },
  });
  const stop = async () => {
    const code = await server.stop();
    temporary.remove();
    assert.equal(code, 0, `CertMate ended with ${code}:\n${server.output()}`);
  };

  const call = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${interopToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
    return answer;
  };
  const file = (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const download = async (path: string, name: string) =>
    file(name, new Uint8Array(await (await call('GET', path)).arrayBuffer()));

  const issue: CertMate['issue'] = async (fields) => {
    const answer = await call('POST', '/api/client-certs', { ...fields, store_key: false });
    const made = (await answer.json()) as Record<
      'identifier' | 'serial_number' | 'certificate_pem' | 'private_key_pem',
      string
    >;
    const { identifier, serial_number, certificate_pem: certificate, private_key_pem: key } = made;
    return {
      identifier,
      serial_number,
      certificate: file(`${identifier}.pem`, certificate),
      key: file(`${identifier}.key`, key),
      bundle: file(`${identifier}.bundle`, key + certificate),
    };
  };

  try {
    await until(
      async () => !server.running() || (await fetch(`${url}/health`).catch(() => null))?.status === 200,
      server.output,
    );
    assert.ok(server.running(), server.output());
    return {
      url,
      folder,
      ca: await download('/api/ca/download/pem', 'ca.pem'),
      issue,
      issueServer: () =>
        issue({
          common_name: 'localhost',
          certificate_type: 'server',
          subject_alt_names: ['dns:localhost', 'ip:127.0.0.1'],
        }),
      async revoke(identifier, reason = 'keyCompromise') {
        await call('POST', `/api/client-certs/${identifier}/revoke`, { reason });
      },
      crl: (format) => download(`/api/crl/download/${format}`, `crl.${format}`),
      file,
      stop,
    };
  } catch (error) {
    await server.stop();
    temporary.remove();
    throw error;
  }
}
