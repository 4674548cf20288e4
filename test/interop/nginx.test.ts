// nginx, set up as page and docs say: with our CRL as a file, and with our OCSP responder asked at each handshake.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { type Application, admitsByHttps, startApplication } from './admission.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request, requestByCurl } from './handshake.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing } from './programs.js';
import { type RunningServer, replacingWorkers, startNginx } from './servers.js';

const skip = missing('nginx', 'curl', 'openssl', 'ps');

describe('nginx', () => {
  let certmate: CertMate;
  let machine: Machine;
  let application: Application;
  let nginx: RunningServer;
  let byCrl: number;
  let byOcsp: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'nginx');
    application = await startApplication();
    const server = await certmate.issueServer();
    machine.copy(server.certificate, '/etc/nginx/tls/server.crt');
    machine.copy(server.key, '/etc/nginx/tls/server.key');
    [byCrl, byOcsp] = [await freePort(), await freePort()];
    const block = (caption: RegExp, port: number) =>
      machine.here(machine.snippet(caption).text, { 443: port, 3000: application.port });
    // What many have for all of their servers.
    const cache = 'ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:tls:1m;';
    nginx = await startNginx(`${cache}${block(/list/, byCrl)}${block(/OCSP/, byOcsp)}`, [byCrl, byOcsp]);
    machine.reloadBy(`kill -HUP ${nginx.pid}`);
  });
  after(async () => {
    await nginx?.stop();
    application?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.equal(await request(byCrl, certmate.ca, null), '400');
    assert.equal(await request(byOcsp, certmate.ca, null), '400');
  });

  test('ssl_crl: a client gets in, and no longer once the list that names it has been fetched', { skip }, async () => {
    const { alice, bob } = await admitsByHttps({
      certmate,
      port: byCrl,
      refused: /^400$/,
      fetchList: () => replacingWorkers(nginx, machine.fetchList),
      output: nginx.output,
    });
    assert.match(nginx.output(), /certificate revoked/);
    assert.equal(await requestByCurl(byCrl, certmate.ca, alice), '400');
    assert.equal(await requestByCurl(byCrl, certmate.ca, bob), '200');
    assert.match(String(application.headers['x-client-subject']), /CN=bob/);
  });

  test('ssl_ocsp: a client gets in, and no longer as soon as the revoke call has returned', { skip }, async () => {
    const { alice, bob } = await admitsByHttps({ certmate, port: byOcsp, refused: /^400$/, output: nginx.output });
    assert.match(nginx.output(), /certificate status "revoked"|certificate revoked/);
    assert.equal(await requestByCurl(byOcsp, certmate.ca, alice), '400');
    assert.equal(await requestByCurl(byOcsp, certmate.ca, bob), '200');
  });
});
