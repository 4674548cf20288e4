// HAProxy lets clients in by their certificates, with our CA and CRL as files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request, requestByCurl } from './handshake.js';
import { missing } from './programs.js';
import { startHaproxy, type WebServer } from './servers.js';

const skip = missing('haproxy', 'curl');

describe('HAProxy', () => {
  let certmate: CertMate;
  let haproxy: WebServer;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    const server = await certmate.issue({
      common_name: 'localhost',
      certificate_type: 'server',
      subject_alt_names: ['dns:localhost'],
    });
    const crl = await certmate.crl('pem');
    port = await freePort();
    haproxy = await startHaproxy(
      `global
         maxconn 64
       defaults
         mode http
         timeout connect 5s
         timeout client 5s
         timeout server 5s
       frontend mutual
         bind 127.0.0.1:${port} ssl crt ${server.bundle} ca-file ${certmate.ca} crl-file ${crl} verify required
         http-request return status 200
`,
      [port],
    );
  });
  after(async () => {
    await haproxy?.stop();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.match(await request(port, certmate.ca, null), /certificate required|handshake failure|closed/);
  });

  test('crl-file: a client gets in, and no longer once HAProxy has reloaded the CRL that names it', {
    skip,
  }, async () => {
    const alice = await certmate.issue({ common_name: 'alice' });
    const bob = await certmate.issue({ common_name: 'bob' });
    assert.equal(await request(port, certmate.ca, alice), '200', haproxy.output());
    assert.equal(await requestByCurl(port, certmate.ca, alice), '200');
    await certmate.revoke(alice.identifier);
    await certmate.crl('pem');
    await haproxy.reload();
    assert.match(await request(port, certmate.ca, alice), /certificate revoked/);
    assert.match(await requestByCurl(port, certmate.ca, alice), /revoked/);
    assert.equal(await request(port, certmate.ca, bob), '200');
  });
});
