// strongSwan, set up as page and docs say. Two daemons speak IKEv2 over the loopback, without a tunnel of their own
// (RFC 6023), so that no kernel needs to know IPsec.

import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../free-port.js';
import { until } from '../until.js';
import { admits } from './admission.js';
import { type CertMate, type Issued, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, type RunningProgram, run, start } from './programs.js';

const skip =
  process.getuid?.() === 0
    ? missing('charon-systemd', 'swanctl', 'curl', 'openssl')
    : 'charon needs the rights of root';

interface Daemon {
  readonly port: number;
  readonly program: RunningProgram;
  /** The command line by which swanctl does something with this daemon. */
  swanctl(command: string): string;
}

/** Starts a daemon on a free port, which reads its configuration from <folder>/etc/swanctl. */
async function startDaemon(machine: Machine, folder: string, revocation = ''): Promise<Daemon> {
  const home = join(machine.root, folder);
  const [port, portNatT] = [await freePort(), await freePort()];
  const socket = join(home, 'charon.vici');
  const settings = machine.write(
    join(home, 'strongswan.conf'),
    `charon-systemd {
       load = random nonce openssl kdf pem pkcs1 pkcs8 x509 pubkey revocation constraints curl socket-default kernel-netlink vici
       plugins {
         vici {
           socket = unix://${socket}
         }
         revocation {
           ${revocation}
         }
       }
       filelog {
         output {
           path = stdout
           default = 1
           flush_line = yes
         }
       }
       port = ${port}
       port_nat_t = ${portNatT}
     }`,
  );
  machine.write(join(home, 'etc/swanctl/swanctl.conf'), 'include conf.d/*.conf\n');
  const program = start('charon-systemd', [], { env: { STRONGSWAN_CONF: settings } });
  await until(async () => !program.running() || (await accepts(socket)), program.output);
  assert.ok(program.running(), program.output());
  const settingsOfSwanctl = `PATH=$PATH:/usr/sbin SWANCTL_DIR=${join(home, 'etc/swanctl')}`;
  const swanctl = (command: string) => `${settingsOfSwanctl} swanctl ${command} --uri unix://${socket}`;
  return { port: portNatT, program, swanctl };
}

/** Whether somebody listens there: a daemon that has ended may have left its socket's file behind. */
function accepts(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socket);
    connection.on('connect', () => resolve(true)).on('error', () => resolve(false));
    connection.on('connect', () => connection.end());
  });
}

describe('strongSwan', () => {
  let certmate: CertMate;
  let machine: Machine;
  let client: Daemon;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    machine = await prepareMachine(certmate, 'strongswan');
    const own = await certmate.issue({
      common_name: 'vpn.example.com',
      certificate_type: 'server',
      subject_alt_names: ['dns:vpn.example.com'],
    });
    machine.copy(own.certificate, '/etc/swanctl/x509/server.crt');
    machine.copy(own.key, '/etc/swanctl/private/server.key');
    machine.install(machine.snippet(/IKEv2/));
    machine.copy(certmate.ca, '/client/etc/swanctl/x509ca/ca.pem');
    client = await startDaemon(machine, 'client');
  });
  after(async () => {
    await client?.program.stop();
    machine?.remove();
    await certmate?.stop();
  });

  const connect = async ({ identifier, certificate, key }: Issued, { port }: Daemon) => {
    machine.copy(certificate, `/client/etc/swanctl/x509/${identifier}.crt`);
    machine.copy(key, `/client/etc/swanctl/private/${identifier}.key`);
    machine.write(
      '/client/etc/swanctl/conf.d/client.conf',
      `connections {
         ${identifier} {
           version = 2
           childless = force
           local_port = ${client.port}
           remote_addrs = 127.0.0.1
           remote_port = ${port}
           local {
             auth = pubkey
             certs = ${identifier}.crt
           }
           remote {
             auth = pubkey
             id = vpn.example.com
           }
         }
       }`,
    );
    await run`sh -c ${client.swanctl('--load-all --noprompt')}`;
    const { output } = await run`sh -c ${client.swanctl(`--initiate --ike ${identifier} --timeout 10`)}`;
    await run`sh -c ${client.swanctl(`--terminate --ike ${identifier} --timeout 5`)}`;
    return output;
  };

  for (const [how, setting] of [
    ['OCSP', 'enable_crl = no'],
    ['crl_uris', 'enable_ocsp = no'],
  ] as const) {
    test(`${how}: a client gets in, and no longer once the list that names it has been fetched`, {
      skip,
    }, async (t) => {
      const server = await startDaemon(machine, '.', setting);
      t.after(server.program.stop);
      const loaded = await run`sh -c ${server.swanctl('--load-all --noprompt')}`;
      assert.match(loaded.output, /successfully loaded 1 connections/);
      // The stand-in lies in /usr/local/bin, before the real one in PATH.
      machine.reloadBy(server.swanctl('"$@"').replace(' swanctl ', ' /usr/sbin/swanctl '));
      await admits({
        certmate,
        knock: (holder) => connect(holder, server),
        welcome: /initiate completed successfully/,
        refused: /AUTHENTICATION_FAILED/,
        fetchList: machine.fetchList,
        output: server.program.output,
      });
      assert.match(server.program.output(), /certificate was revoked/);
    });
  }
});
