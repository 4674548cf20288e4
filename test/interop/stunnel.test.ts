// stunnel, set up as page and docs say: with our CRL as a file, and with our OCSP responder asked at each handshake.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import { freePort } from '../free-port.js';
import { type Application, admitsByHttps, startApplication } from './admission.js';
import { type CertMate, startCertMate } from './certmate.js';
import { request } from './handshake.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, start } from './programs.js';
import { serve } from './servers.js';

const skip = missing('stunnel', 'curl', 'openssl');

describe('stunnel', () => {
  let certmate: CertMate;
  let machine: Machine;
  let application: Application;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'stunnel');
    application = await startApplication();
    const server = await certmate.issueServer();
    machine.copy(server.certificate, '/etc/stunnel/server.crt');
    machine.copy(server.key, '/etc/stunnel/server.key');
  });
  after(async () => {
    application?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  const startStunnel = async (t: TestContext, caption: RegExp) => {
    const port = await freePort();
    const configuration = machine.install(machine.snippet(caption), { 443: port, 3000: application.port });
    const stunnel = await serve('stunnel', [port], () => start('stunnel', [configuration]));
    t.after(stunnel.stop);
    machine.reloadBy(`kill -HUP ${stunnel.pid}`);
    assert.match(await request(port, certmate.ca, null), /certificate required|handshake failure/);
    return { port, output: stunnel.output };
  };

  test('CRLfile: a client gets in, and no longer once the list that names it has been fetched', { skip }, async (t) => {
    const { port, output } = await startStunnel(t, /list/);
    await admitsByHttps({ certmate, port, refused: /certificate revoked/, fetchList: machine.fetchList, output });
  });

  test('OCSP: a client gets in, and no longer as soon as the revoke call has returned', { skip }, async (t) => {
    const { port, output } = await startStunnel(t, /OCSP/);
    await admitsByHttps({ certmate, port, refused: /certificate revoked|handshake failure/, output });
  });
});
