// HAProxy, set up as page and docs say, with our CA and CRL as files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { type Application, admitsByHttps, startApplication } from './admission.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request, requestByCurl } from './handshake.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing } from './programs.js';
import { type RunningServer, replacingWorkers, startHaproxy } from './servers.js';

const skip = missing('haproxy', 'curl', 'openssl', 'ps');

describe('HAProxy', () => {
  let certmate: CertMate;
  let machine: Machine;
  let application: Application;
  let haproxy: RunningServer;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'haproxy');
    application = await startApplication();
    machine.copy((await certmate.issueServer()).bundle, '/etc/haproxy/server.pem');
    port = await freePort();
    haproxy = await startHaproxy(
      `global
         maxconn 64
       defaults
         timeout connect 5s
         timeout client 5s
         timeout server 5s
       ${machine.here(machine.snippet(/frontend/).text, { 443: port })}
       backend application
         mode http
         server one 127.0.0.1:${application.port}
`,
      [port],
    );
    machine.reloadBy(`kill -USR2 ${haproxy.pid}`);
  });
  after(async () => {
    await haproxy?.stop();
    application?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.match(await request(port, certmate.ca, null), /certificate required|handshake failure|closed/);
  });

  test('crl-file: a client gets in, and no longer once the list that names it has been fetched', { skip }, async () => {
    const { alice, bob } = await admitsByHttps({
      certmate,
      port,
      refused: /certificate revoked/,
      fetchList: () => replacingWorkers(haproxy, machine.fetchList),
      output: haproxy.output,
    });
    assert.match(await requestByCurl(port, certmate.ca, alice), /revoked/);
    assert.equal(await requestByCurl(port, certmate.ca, bob), '200');
    assert.match(String(application.headers['x-client-subject']), /CN=bob/);
  });
});
