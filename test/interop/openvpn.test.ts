// OpenVPN, server and clients set up as page and docs say.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { until } from '../until.js';
import { admits } from './admission.js';
import { type CertMate, type Issued, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, type RunningProgram, start } from './programs.js';

const skip = missing('openvpn', 'curl', 'openssl');

const READY = /Initialization Sequence Completed|UDPv4 link remote/;

describe('OpenVPN', () => {
  let certmate: CertMate;
  let machine: Machine;
  let server: RunningProgram;
  let port: number;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'openvpn');
    const own = await certmate.issueServer();
    machine.copy(own.certificate, '/etc/openvpn/server/server.crt');
    machine.copy(own.key, '/etc/openvpn/server/server.key');
    port = await freePort();
    const { file, text } = machine.snippet(/server/);
    // A network that nobody routes, in the place of one that this machine may use.
    const printed = machine.here(text, { 1194: port }).replace('10.8.0.0', '192.0.2.0');
    for (const configuration of [printed, withoutTunnel(printed)]) {
      server = start('openvpn', ['--config', machine.write(file ?? '', configuration)]);
      await until(async () => !server.running() || READY.test(server.output()), server.output);
      if (server.running() || !/TUN/.test(server.output())) break;
    }
    assert.ok(server.running(), server.output());
  });
  after(async () => {
    await server?.stop();
    machine?.remove();
    await certmate?.stop();
  });

  /** Connects; whether the server took the client, or else what both have to say about it. */
  const connect = async ({ identifier, certificate, key }: Issued) => {
    const home = `/home/${identifier}`;
    const printed = machine.here(machine.snippet(/client/).text, { 1194: port });
    // The client's end of the tunnel is of no interest here.
    const text = printed.replace('vpn.example.com', '127.0.0.1').replace('dev tun', 'dev null');
    const configuration = machine.write(`${home}/client.ovpn`, text);
    machine.copy(certmate.ca, `${home}/ca.pem`);
    machine.copy(certificate, `${home}/alice.crt`);
    machine.copy(key, `${home}/alice.key`);
    const said = server.output().length;
    const news = () => server.output().slice(said);
    const client = start('openvpn', ['--config', configuration], { cwd: join(machine.root, home) });
    try {
      const settled = () => !client.running() || /Peer Connection Initiated|VERIFY ERROR/.test(news());
      await until(
        async () => settled(),
        () => client.output() + news(),
      );
      return /Peer Connection Initiated/.test(news()) ? 'connected' : client.output() + news();
    } finally {
      await client.stop();
    }
  };

  test('crl-verify: a client gets in, and no longer once the list that names it has been fetched', {
    skip,
  }, async () => {
    await admits({
      certmate,
      knock: connect,
      welcome: /^connected$/,
      refused: /certificate revoked/,
      fetchList: machine.fetchList,
      output: server.output,
    });
  });
});

/**
 * Where /dev/net/tun cannot be used, one end of a tunnel without a device is all that OpenVPN can be. It checks certificates
 * in the same way.
 */
function withoutTunnel(configuration: string): string {
  return configuration.replace('dev tun', 'dev null').replace(/^topology .*\nserver .*$/m, 'tls-server');
}
