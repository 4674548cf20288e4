// nginx lets clients in by their certificates: with our CRL as a file, and with our OCSP responder asked at each handshake.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request, requestByCurl } from './handshake.js';
import { missing } from './programs.js';
import { startNginx, type WebServer } from './servers.js';

const skip = missing('nginx', 'curl');

describe('nginx', () => {
  let certmate: CertMate;
  let nginx: WebServer;
  let byCrl: number;
  let byOcsp: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    const server = await certmate.issue({
      common_name: 'localhost',
      certificate_type: 'server',
      subject_alt_names: ['dns:localhost', 'ip:127.0.0.1'],
    });
    [byCrl, byOcsp] = [await freePort(), await freePort()];
    const block = (port: number, revocation: string) => `
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${server.certificate};
        ssl_certificate_key ${server.key};
        ssl_client_certificate ${certmate.ca};
        ssl_verify_client on;
        ${revocation}
        location / { return 200 "welcome"; }
      }`;
    nginx = await startNginx(
      block(byCrl, `ssl_crl ${await certmate.crl('pem')};`) +
        block(byOcsp, `ssl_ocsp leaf; ssl_ocsp_responder ${certmate.url}/api/ocsp;`),
      [byCrl, byOcsp],
    );
  });
  after(async () => {
    await nginx?.stop();
    await certmate?.stop();
  });

  test('without a certificate nobody gets in', { skip }, async () => {
    assert.equal(await request(byCrl, certmate.ca, null), '400');
    assert.equal(await request(byOcsp, certmate.ca, null), '400');
  });

  test('ssl_crl: a client gets in, and no longer once nginx has reloaded the CRL that names it', { skip }, async () => {
    const alice = await certmate.issue({ common_name: 'alice' });
    const bob = await certmate.issue({ common_name: 'bob' });
    assert.equal(await request(byCrl, certmate.ca, alice), '200', nginx.output());
    assert.equal(await requestByCurl(byCrl, certmate.ca, alice), '200');
    await certmate.revoke(alice.identifier);
    await certmate.crl('pem');
    await nginx.reload();
    assert.equal(await request(byCrl, certmate.ca, alice), '400');
    assert.equal(await requestByCurl(byCrl, certmate.ca, alice), '400');
    assert.match(nginx.output(), /certificate revoked/);
    assert.equal(await request(byCrl, certmate.ca, bob), '200');
  });

  test('ssl_ocsp: a client gets in, and no longer as soon as the revoke call has returned', { skip }, async () => {
    const alice = await certmate.issue({ common_name: 'alice' });
    const bob = await certmate.issue({ common_name: 'bob' });
    assert.equal(await request(byOcsp, certmate.ca, alice), '200', nginx.output());
    assert.equal(await requestByCurl(byOcsp, certmate.ca, alice), '200');
    await certmate.revoke(alice.identifier);
    assert.equal(await request(byOcsp, certmate.ca, alice), '400');
    assert.equal(await requestByCurl(byOcsp, certmate.ca, alice), '400');
    assert.match(nginx.output(), /certificate status "revoked"|certificate revoked/);
    assert.equal(await request(byOcsp, certmate.ca, bob), '200');
  });
});
