// The printed server for Node.js, run as it stands.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { admitsByHttps } from './admission.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request } from './handshake.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, start } from './programs.js';
import { type RunningServer, serve } from './servers.js';

const skip = missing('curl', 'openssl');

describe('Node.js', () => {
  let certmate: CertMate;
  let machine: Machine;
  let server: RunningServer;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'node');
    const own = await certmate.issueServer();
    machine.copy(own.certificate, '/etc/app/server.crt');
    machine.copy(own.key, '/etc/app/server.key');
    port = await freePort();
    const script = machine.install(machine.snippet(/HTTPS/), { 443: port });
    server = await serve('node', [port], () => start(process.execPath, [script]));
  });
  after(async () => {
    await server?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.match(await request(port, certmate.ca, null), /certificate required|handshake failure|ECONNRESET|closed/);
  });

  test('crl: a client gets in, and no longer once the list that names it has been fetched', { skip }, async () => {
    await admitsByHttps({
      certmate,
      port,
      refused: /certificate revoked|ECONNRESET|disconnected|closed/,
      fetchList: machine.fetchList,
      output: server.output,
    });
  });
});
