// PostgreSQL, set up as page and docs say, with our CA and CRL as files.

import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { until } from '../until.js';
import { type Account, account } from './accounts.js';
import { admits } from './admission.js';
import { type CertMate, type Issued, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, run, start } from './programs.js';
import { type RunningServer, serve } from './servers.js';

// Debian keeps each version's programs in a folder of its own, outside of PATH.
const VERSIONS = '/usr/lib/postgresql';
const [version] = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
const programs = join(VERSIONS, version ?? '', 'bin');
const skip = version === undefined ? 'postgresql is not installed' : missing('psql', 'setpriv', 'curl', 'openssl');

describe('PostgreSQL', () => {
  let certmate: CertMate;
  let machine: Machine;
  let postgres: RunningServer;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'postgresql');
    // It refuses to run as root.
    const owner = await account('postgres');
    const server = await certmate.issueServer();
    machine.copy(server.certificate, '/etc/postgresql/tls/server.crt', owner);
    machine.copy(server.key, '/etc/postgresql/tls/server.key', owner);
    const [tls, access] = [/TLS/, /common name/].map((caption) => machine.install(machine.snippet(caption)));
    const data = join(machine.root, 'data');
    await makeCluster(data, owner);
    port = await freePort();
    appendFileSync(
      join(data, 'postgresql.conf'),
      `include '${tls}'
hba_file = '${access}'
listen_addresses = '127.0.0.1'
port = ${port}
unix_socket_directories = ''
fsync = off
`,
    );
    const [program, ...words] = [...actingFor(owner), join(programs, 'postgres'), '-D', data];
    postgres = await serve('postgresql', [port], () => start(program ?? '', words));
    // It listens before it lets anybody in.
    await until(async () => /ready to accept connections/.test(postgres.output()), postgres.output);
    machine.reloadBy(`kill -HUP ${postgres.pid}`);
  });
  after(async () => {
    await postgres?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  const query = async (user: string, client: Pick<Issued, 'certificate' | 'key'> | null) => {
    const files = client === null ? 'sslcert=none' : `sslcert=${client.certificate} sslkey=${client.key}`;
    const where = `host=localhost hostaddr=127.0.0.1 port=${port} dbname=postgres user=${user} sslmode=verify-full`;
    const { output } =
      await run`psql -At -c ${'SELECT current_user'} ${`${where} sslrootcert=${certmate.ca} ${files}`}`;
    return output.trim();
  };

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.match(await query('alice', null), /requires a valid client certificate/);
  });

  test('a certificate is good for the database user of its common name only', { skip }, async () => {
    const bob = await certmate.issue({ common_name: 'bob' });
    assert.equal(await query('bob', bob), 'bob', postgres.output());
    assert.match(await query('alice', bob), /certificate authentication failed for user "alice"/);
  });

  test('ssl_crl_file: a client gets in, and no longer once the list that names it has been fetched', {
    skip,
  }, async () => {
    await admits({
      certmate,
      knock: (client) => query(client.identifier.replace(/-.*/, ''), client),
      welcome: /^(alice|bob)$/,
      refused: /certificate revoked/,
      fetchList: machine.fetchList,
      output: postgres.output,
    });
  });
});

/** The words before a command that make it run as this account. */
function actingFor(owner: Account | null): string[] {
  return owner === null ? [] : ['setpriv', `--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
}

const MAKE_CLUSTER = `
set -e
initdb -D "$1" -U postgres -A reject --no-sync --no-locale -E UTF8
postgres --single -D "$1" postgres <<'END'
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
END
`;

/** Makes an empty cluster in this folder, with the roles alice and bob. */
async function makeCluster(data: string, owner: Account | null): Promise<void> {
  mkdirSync(data);
  chmodSync(data, 0o700);
  if (owner) chownSync(data, owner.uid, owner.gid);
  const path = `${programs}:${process.env['PATH']}`;
  const [program = 'env', ...words] = [...actingFor(owner), 'env', `PATH=${path}`, 'sh', '-c', MAKE_CLUSTER, '-', data];
  const making = start(program, words, { cwd: data });
  await until(async () => !making.running(), making.output);
  assert.equal(await making.stop(), 0, making.output());
}
