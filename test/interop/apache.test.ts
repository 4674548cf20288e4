// Apache, set up as page and docs say, with our CA and CRL as files.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { admitsByHttps } from './admission.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request, requestByCurl } from './handshake.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, start } from './programs.js';
import { type RunningServer, replacingWorkers, serve } from './servers.js';

const skip = missing('apache2', 'curl', 'openssl', 'ps');

/** What Debian's apache2.conf and ssl.conf bring along, on one port. */
const surroundings = (folder: string, port: number) => `
  ServerRoot ${folder}
  ServerName localhost
  PidFile ${folder}/apache2.pid
  Mutex file:${folder}
  ErrorLog ${folder}/error.log
  LogLevel info
  ${process.getuid?.() === 0 ? 'User www-data\n  Group www-data' : ''}
  ${['mpm_event', 'authz_core', 'socache_shmcb', 'ssl', 'dir']
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`)
    .join('\n  ')}
  SSLSessionCache shmcb:${folder}/ssl_scache(512000)
  SSLSessionCacheTimeout 300
  ServerLimit 1
  MaxRequestWorkers 25
  Listen ${port}
`;

describe('Apache', () => {
  let certmate: CertMate;
  let machine: Machine;
  let apache: RunningServer;
  let port: number;
  let log = '';

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'apache');
    machine.write('/var/www/html/index.html', 'welcome');
    const server = await certmate.issueServer();
    machine.copy(server.certificate, '/etc/apache2/tls/server.crt');
    machine.copy(server.key, '/etc/apache2/tls/server.key');
    port = await freePort();
    const site = machine.here(machine.snippet(/site/).text, { 443: port });
    const started = await serve('apache', [port], (folder) => {
      log = join(folder, 'error.log');
      const file = join(folder, 'apache2.conf');
      writeFileSync(file, surroundings(folder, port) + site);
      return start('apache2', ['-D', 'FOREGROUND', '-f', file]);
    });
    apache = { ...started, output: () => readFileSync(log, 'utf8') };
    machine.reloadBy(`kill -USR1 ${apache.pid}`);
  });
  after(async () => {
    await apache?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.match(await request(port, certmate.ca, null), /certificate required|handshake failure/);
  });

  test('SSLCARevocationFile: a client gets in, and no longer once the list that names it has been fetched', {
    skip,
  }, async () => {
    const fetchList = () => replacingWorkers(apache, machine.fetchList);
    const refused = /certificate revoked/;
    const { alice, bob } = await admitsByHttps({ certmate, port, refused, fetchList, output: apache.output });
    assert.match(await requestByCurl(port, certmate.ca, alice), /revoked/);
    assert.equal(await requestByCurl(port, certmate.ca, bob), '200');
  });
});
