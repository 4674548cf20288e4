// The printed script that fetches the revocation list: what it lets through, and what not.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { type CertMate, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, run } from './programs.js';

const skip = missing('curl', 'openssl');

describe('the printed script', () => {
  let certmate: CertMate;
  let between: Between;
  let machine: Machine;
  let folder: string;

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    between = await standBetween(certmate.url);
  });
  beforeEach(async () => {
    if (skip) return;
    machine?.remove();
    between.answer = null;
    machine = await prepareMachine({ ...certmate, url: between.url }, 'nginx');
    machine.reloadBy(`echo "$*" >> ${machine.root}/reloads`);
    folder = join(machine.root, 'etc/certmate');
  });
  after(async () => {
    machine?.remove();
    between?.stop();
    await certmate?.stop();
  });

  const inUse = () => readFileSync(join(folder, 'crl.pem'), 'utf8');
  const reloads = () => {
    const file = join(machine.root, 'reloads');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
  };
  const published = async () => readFileSync(await certmate.crl('pem'), 'utf8');
  const revokeSomebody = async () => certmate.revoke((await certmate.issue({ common_name: 'somebody' })).identifier);

  test('puts a new list in place, readable for every server, and reloads', { skip }, async () => {
    await revokeSomebody();
    const { output, status } = await machine.fetchList();
    assert.deepEqual({ output, status }, { output: '', status: 0 });
    assert.equal(inUse(), await published());
    assert.equal(statSync(join(folder, 'crl.pem')).mode & 0o777, 0o644);
    assert.equal(reloads(), 1);
  });

  test('also makes one file of CA and list, and a directory of links by hash, by which openssl checks', {
    skip,
  }, async () => {
    const [good, bad] = [await certmate.issue({ common_name: 'good' }), await certmate.issue({ common_name: 'bad' })];
    await certmate.revoke(bad.identifier);
    assert.equal((await machine.fetchList()).status, 0);
    const both = join(folder, 'ca-and-crl.pem');
    assert.equal(statSync(both).mode & 0o777, 0o644);
    for (const [{ certificate: leaf }, said] of [
      [good, /: OK/],
      [bad, /certificate revoked/],
    ] as const) {
      const inOne = await run`openssl verify -crl_check -CAfile ${both} ${leaf}`;
      assert.match(inOne.output, said);
      const byHash = await run`openssl verify -crl_check -no-CAfile -CApath ${join(folder, 'hashed')} ${leaf}`;
      assert.match(byHash.output, said);
    }
  });

  test('does not reload when the list is the one in use', { skip }, async () => {
    assert.equal((await machine.fetchList()).status, 0);
    assert.equal(reloads(), 0);
  });

  test('keeps the list when something else than a list of this CA comes, and says so', { skip }, async () => {
    const list = inUse();
    const body = Buffer.from(list.replace(/-----.*-----|\n/g, ''), 'base64');
    body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
    const lines = body.toString('base64').replace(/.{64}/g, '$&\n');
    const answers = {
      'a list whose signature is wrong': `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`,
      'half a list': list.slice(0, list.length / 2),
      'a page of words': '<html>verify OK</html>',
      nothing: '',
    };
    const refuses = async (what: string) => {
      const { output, status } = await machine.fetchList();
      assert.notEqual(status, 0, what);
      assert.match(output, /not a list of the CA/, what);
      assert.equal(inUse(), list, what);
    };
    for (const [what, answer] of Object.entries(answers)) {
      between.answer = answer;
      await refuses(what);
    }
    between.answer = null;
    const ca = join(folder, 'ca.pem');
    await run`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${ca}.key -out ${ca} -subj ${'/O=CertMate/CN=CertMate CA'}`;
    rmSync(`${ca}.key`);
    await refuses('a list of another CA, of the same name');
    assert.equal(reloads(), 0);
    assert.deepEqual(
      readdirSync(folder).sort(),
      ['ca-and-crl.pem', 'ca.pem', 'crl.pem', 'hashed', 'reload'],
      'something is left over',
    );
  });

  test('keeps the list when CertMate does not answer, or with an error', { skip }, async () => {
    const list = inUse();
    between.answer = 500;
    const { output, status } = await machine.fetchList();
    assert.notEqual(status, 0);
    assert.match(output, /500/);
    assert.equal(inUse(), list);
  });

  test('never goes back to an older list, though the CA has signed it', { skip }, async () => {
    const older = inUse();
    await revokeSomebody();
    assert.equal((await machine.fetchList()).status, 0);
    const newer = inUse();
    assert.notEqual(newer, older);
    between.answer = older;
    const { output, status } = await machine.fetchList();
    assert.notEqual(status, 0);
    assert.match(output, /older than the list in use/);
    assert.equal(inUse(), newer);
  });

  test('tries a reload that has failed again', { skip }, async () => {
    await revokeSomebody();
    machine.reloadBy('exit 1');
    assert.notEqual((await machine.fetchList()).status, 0);
    machine.reloadBy(`echo "$*" >> ${machine.root}/reloads`);
    assert.equal((await machine.fetchList()).status, 0);
    assert.equal(reloads(), 1);
    assert.equal((await machine.fetchList()).status, 0);
    assert.equal(reloads(), 1);
  });

  test('takes a list again whose file was lost or damaged', { skip }, async () => {
    for (const damage of [
      () => rmSync(join(folder, 'crl.pem')),
      () => machine.write('/etc/certmate/crl.pem', 'ruins'),
    ]) {
      damage();
      const { output, status } = await machine.fetchList();
      assert.equal(status, 0, output);
      assert.equal(inUse(), await published());
    }
  });

  test('is what the units of systemd run, and systemd accepts them', {
    skip: skip || missing('systemd-analyze'),
  }, async () => {
    const units = machine.guides.timer.filter(({ file }) => file !== null);
    const [service = '', timer = ''] = units.map((unit) => machine.install(unit));
    const verified = await run`systemd-analyze verify --man=no ${service} ${timer}`;
    assert.deepEqual(verified, { output: '', status: 0 });
    const [, command] = /^ExecStart=(.*)$/m.exec(readFileSync(service, 'utf8')) ?? [];
    assert.ok(machine.here(machine.guides.cron.text).endsWith(` root ${command}`));
    const [, when = ''] = /^OnCalendar=(.*)$/m.exec(readFileSync(timer, 'utf8')) ?? [];
    const times = await run`systemd-analyze calendar --iterations=3 ${when}`;
    assert.match(times.output, /Normalized form: \*-\*-\* \*:00\/5:00/);
  });
});

interface Between {
  readonly url: string;
  /** What everybody who asks for the list gets instead: a body, or a status; null for CertMate's own answer. */
  answer: string | number | null;
  stop(): void;
}

/** Somebody on the way to CertMate, which is asked without TLS. */
async function standBetween(url: string): Promise<Between> {
  const server = createServer(async ({ url: path = '' }, response) => {
    const { answer } = between;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else if (answer !== null) response.end(answer);
    else response.end(Buffer.from(await (await fetch(url + path)).arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const between: Between = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer: null,
    stop: () => server.close(),
  };
  return between;
}
