// mosquitto, set up as page and docs say, with our CA and CRL as files.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { account } from './accounts.js';
import { admits } from './admission.js';
import { type CertMate, type Issued, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, run, start } from './programs.js';
import { type RunningServer, serve } from './servers.js';

const skip = missing('mosquitto', 'mosquitto_pub', 'curl', 'openssl');

describe('mosquitto', () => {
  let certmate: CertMate;
  let machine: Machine;
  let mosquitto: RunningServer;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'mosquitto');
    const server = await certmate.issueServer();
    port = await freePort();
    const owner = await account('mosquitto');
    machine.copy(server.certificate, '/etc/mosquitto/certs/server.crt', owner);
    machine.copy(server.key, '/etc/mosquitto/certs/server.key', owner);
    const configuration = machine.install(machine.snippet(/listener/), { 8883: port });
    mosquitto = await serve('mosquitto', [port], () => start('mosquitto', ['-v', '-c', configuration]));
    machine.reloadBy(`kill -HUP ${mosquitto.pid}`);
  });
  after(async () => {
    await mosquitto?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  const publish = async ({ certificate, key }: Pick<Issued, 'certificate' | 'key'>) => {
    const { output, status } =
      await run`mosquitto_pub -h localhost -p ${String(port)} --cafile ${certmate.ca} --cert ${certificate} --key ${key} -t greeting -m hello -q 1`;
    return status === 0 ? 'published' : output;
  };

  test('without a certificate nobody gets in', { skip }, async () => {
    const { status } =
      await run`mosquitto_pub -h localhost -p ${String(port)} --cafile ${certmate.ca} -t greeting -m hello -q 1`;
    assert.notEqual(status, 0);
  });

  test('crlfile: a client gets in, and no longer once the list that names it has been fetched', { skip }, async () => {
    await admits({
      certmate,
      knock: publish,
      welcome: /^published$/,
      refused: /tls|revoked|lost|protocol/i,
      fetchList: machine.fetchList,
      output: mosquitto.output,
    });
    assert.match(mosquitto.output(), /certificate verify failed/);
    assert.match(mosquitto.output(), /u'bob'/);
  });
});
