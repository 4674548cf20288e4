// The example of deploy/docker-compose.yml. No container engine is needed: its services' own scripts, configuration and
// application run here, in a folder that stands for their volume; what Docker alone can tell is checked by its words only.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parse } from 'yaml';
import { fetchScript } from '../../src/modules/dashboard/guides/revocation-list.js';
import { freePort } from '../free-port.js';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { request, requestByCurl } from '../interop/handshake.js';
import { missing, type RunningProgram, run, start, temporaryFolder } from '../interop/programs.js';
import { type RunningServer, replacingWorkers, startNginx } from '../interop/servers.js';
import { root } from '../root.js';
import { until } from '../until.js';

interface Service {
  image?: string;
  build?: { context: string };
  entrypoint?: string[];
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  ports?: string[];
  depends_on?: Record<string, { condition: string }>;
  pid?: string;
  [key: string]: unknown;
}

const deploy = join(root, 'deploy');
const text = (name: string) => readFileSync(join(deploy, 'example', name), 'utf8');
const compose = parse(readFileSync(join(deploy, 'docker-compose.yml'), 'utf8'), { strict: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, null>;
};
const services = Object.entries(compose.services);

/** The keys of the Compose specification that are used; a slip of the pen is none of them. */
const KNOWN = new Set(
  `build cap_drop command depends_on entrypoint environment image pid ports read_only restart security_opt
   stop_grace_period tmpfs user volumes`.split(/\s+/),
);

/** Whether the application answers. */
const greets = (port: number) =>
  new Promise<boolean>((resolve) => {
    const asked = get({ host: '127.0.0.1', port }, (answer) => resolve(answer.resume().statusCode === 200));
    asked.on('error', () => resolve(false));
  });

describe('docker-compose.yml', () => {
  test('has services of known words, each with an image or a Dockerfile', () => {
    assert.deepEqual(Object.keys(compose).sort(), ['services', 'volumes']);
    for (const [name, service] of services) {
      for (const key of Object.keys(service)) assert.ok(KNOWN.has(key), `${name}: ${key}`);
      if (service.build !== undefined) assert.ok(existsSync(join(deploy, service.build.context, 'Dockerfile')));
      else assert.match(service.image ?? '', /^[a-z]+:[a-z0-9.-]+$/, name);
    }
  });

  test('is what Compose takes, once there is a token', { skip: missing('docker-compose') }, async () => {
    const file = join(deploy, 'docker-compose.yml');
    const refused = await run`env -u CERTMATE_API_TOKEN docker-compose -f ${file} config`;
    assert.notEqual(refused.status, 0);
    assert.match(refused.output, /set it to at least 32 random characters/);
    const taken = await run`env CERTMATE_API_TOKEN=${interopToken} docker-compose -f ${file} config --services`;
    assert.equal(taken.status, 0, taken.output);
    assert.deepEqual(taken.output.trim().split('\n').sort(), Object.keys(compose.services).sort());
  });

  test('mounts what is there, opens ports on this machine only, and waits for services that there are', () => {
    for (const [name, { volumes = [], ports = [], depends_on = {}, pid }] of services) {
      for (const volume of volumes) {
        const [source = '', target, mode = 'rw'] = volume.split(':');
        if (source.startsWith('.')) {
          assert.ok(existsSync(join(deploy, source)), `${name}: ${source}`);
          assert.equal(mode, 'ro', `${name} may change ${source}`);
        } else assert.ok(source in compose.volumes, `${name}: ${source}`);
        assert.match(target ?? '', /^\//);
      }
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/, name);
      for (const [other, { condition }] of Object.entries(depends_on)) {
        assert.ok(other in compose.services, `${name}: ${other}`);
        assert.ok(
          ['service_healthy', 'service_started', 'service_completed_successfully'].includes(condition),
          condition,
        );
      }
      if (pid !== undefined) assert.ok(pid.replace('service:', '') in compose.services);
    }
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    assert.match(dockerfile, /^HEALTHCHECK /m, 'prepare waits for it');
    for (const volume of compose.services['certmate']?.volumes ?? []) {
      assert.ok(dockerfile.includes(`"${volume.split(':')[1]}"`), `${volume} is no volume of the image`);
    }
  });

  test('holds no secret and names none but the settings that there are', () => {
    const settings = readFileSync(join(root, 'README.md'), 'utf8');
    for (const [, { environment = {} }] of services) {
      for (const [name, value] of Object.entries(environment)) {
        assert.ok(name === 'CERTMATE_URL' || settings.includes(`\`${name}\``), name);
        if (name.includes('TOKEN')) assert.match(value, /^\$\{CERTMATE_API_TOKEN(:\?[^}]+)?\}$/);
      }
    }
    for (const script of ['prepare.sh', 'certmate-crl', 'app.mjs', 'nginx.conf']) {
      const uses = services.some(([, service]) => JSON.stringify(service).includes(script));
      assert.ok(uses || text('prepare.sh').includes(script), `nobody uses ${script}`);
    }
  });

  test('fetches the list with the very script that the dashboard prints', () => {
    const addresses = { crl: 'http://certmate:8000/api/crl/download/pem' } as Parameters<typeof fetchScript>[0];
    assert.equal(text('certmate-crl'), `${fetchScript(addresses).text}\n`);
  });
});

const skip = missing('nginx', 'curl', 'openssl', 'ps');

describe('the example', () => {
  const temporary = temporaryFolder('example');
  const tls = join(temporary.path, 'tls');
  let certmate: CertMate;
  let application: RunningProgram;
  let nginx: RunningServer;
  let port: number;
  let applicationPort: number;

  /** A script as its container runs it, with the volume and CertMate where they are here. */
  const runScript = (name: string) => {
    const scripts = join(temporary.path, 'scripts');
    mkdirSync(scripts, { recursive: true });
    for (const script of ['prepare.sh', 'certmate-crl']) {
      const here = text(script).replaceAll('/etc/certmate', tls).replaceAll('http://certmate:8000', certmate.url);
      writeFileSync(join(scripts, script), here);
    }
    return run`env CERTMATE_API_TOKEN=${interopToken} CERTMATE_URL=${certmate.url} sh ${join(scripts, name)}`;
  };

  before(async () => {
    if (skip) return;
    mkdirSync(tls);
    certmate = await startCertMate();
    [port, applicationPort] = [await freePort(), await freePort()];
    const { status, output } = await runScript('prepare.sh');
    assert.equal(status, 0, output);
    application = start(process.execPath, [join(deploy, 'example', 'app.mjs')], {
      env: { PORT: String(applicationPort), HOST: '127.0.0.1' },
    });
    await until(() => greets(applicationPort), application.output, 30);
    const configuration = text('nginx.conf')
      .replaceAll('/etc/certmate', tls)
      .replace('listen 8443 ', `listen 127.0.0.1:${port} `)
      .replace('http://app:3000', `http://127.0.0.1:${applicationPort}`);
    nginx = await startNginx(configuration, [port]);
  });
  after(async () => {
    await nginx?.stop();
    await application?.stop();
    await certmate?.stop();
    temporary.remove();
  });

  test('has an nginx configuration that nginx -t accepts, with certificates as prepare fetches them', {
    skip,
  }, async () => {
    const file = join(temporary.path, 'test.conf');
    const server = text('nginx.conf').replaceAll('/etc/certmate', tls).replace('http://app:3000', 'http://127.0.0.1:9');
    writeFileSync(file, `pid ${join(temporary.path, 'test.pid')};\nevents {}\nhttp {\naccess_log off;\n${server}}\n`);
    const { status, output } = await run`nginx -t -p ${temporary.path} -c ${file} -e stderr`;
    assert.equal(status, 0, output);
    assert.match(output, /test is successful/);
    assert.doesNotMatch(output, /warn/);
    assert.equal(statSync(join(tls, 'server.key')).mode & 0o777, 0o600);
  });

  test('greets whoever has a certificate by name, and nobody else', { skip }, async () => {
    assert.equal(await request(port, certmate.ca, null), '400');
    const alice = await certmate.issue({ common_name: 'alice', identifier: 'alice' });
    assert.equal(await requestByCurl(port, certmate.ca, alice), '200');
    const { output } =
      await run`curl -sS --cacert ${certmate.ca} --cert ${alice.certificate} --key ${alice.key} -H ${'X-Client-Subject: CN=root'} https://localhost:${String(port)}/`;
    assert.equal(output, 'Welcome, CN=alice\n', 'and believes no client who it is');
  });

  test('turns away whoever is revoked as soon as the list has been fetched', { skip }, async () => {
    const bob = await certmate.issue({ common_name: 'bob', identifier: 'bob' });
    assert.equal(await request(port, certmate.ca, bob), '200');
    await certmate.revoke('bob');
    // In the container nginx has the process id 1.
    assert.equal(readFileSync(join(tls, 'reload'), 'utf8'), 'kill -HUP 1\n');
    writeFileSync(join(tls, 'reload'), `kill -HUP ${nginx.pid}\n`);
    const { status, output } = await replacingWorkers(nginx, () => runScript('certmate-crl'));
    assert.equal(status, 0, output);
    assert.equal(await request(port, certmate.ca, bob), '400', nginx.output());
  });

  test('prepares a second time without another certificate', { skip }, async () => {
    const key = readFileSync(join(tls, 'server.key'), 'utf8');
    const { status, output } = await runScript('prepare.sh');
    assert.equal(status, 0, output);
    assert.equal(readFileSync(join(tls, 'server.key'), 'utf8'), key);
  });

  test('has an application that ends when it is told to', { skip }, async () => {
    const port = await freePort();
    const env = { PORT: String(port), HOST: '127.0.0.1' };
    const another = start(process.execPath, [join(deploy, 'example', 'app.mjs')], { env });
    await until(() => greets(port), another.output, 30);
    assert.equal(await another.stop(), 0);
  });
});
