// What the command does to certificates that are there, to batches and to requests: through a server, and without one.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ACCESS } from '../../src/http/access.js';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing, run as program } from '../interop/programs.js';
import { until } from '../until.js';
import { begin, certmate, jsonLines, place, type Settings } from './stage.js';

interface Shown {
  identifier: string;
  serial_number: string;
  status: string;
  notes: string;
  tags: string[];
  has_private_key: boolean;
  renewal: { renewal_enabled: boolean; renewal_threshold_days: number };
}

describe('through a server, the command', () => {
  let server: CertMate;
  let admin: Settings;
  before(async () => {
    server = await startCertMate();
    admin = { CERTMATE_URL: server.url, CERTMATE_TOKEN: interopToken };
  });
  after(() => server.stop());

  const run = (...args: string[]) => certmate(admin, ...args);
  const done = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const issue = async (...args: string[]) => JSON.parse(await done('issue', ...args, '--json')) as Shown;
  const show = async (name: string) => JSON.parse(await done('show', name, '--json')) as Shown;

  it('releases certificates from hold, and no others', async () => {
    const { identifier: held } = await issue('--cn', 'held');
    const { identifier: lost } = await issue('--cn', 'lost');
    await done('revoke', held, '--reason', 'certificateHold');
    await done('revoke', lost, '--reason', 'keyCompromise');
    const { status, stdout, stderr } = await run('unhold', lost, held);
    assert.equal(status, 1);
    assert.equal(stdout, `released ${held}; it is active\n`);
    assert.match(stderr, /^certmate: .*hold/m);
    assert.deepEqual([(await show(held)).status, (await show(lost)).status], ['active', 'revoked']);
  });

  it('does to the present certificate only what is meant for it', async () => {
    const before = await issue('--cn', 'renewed');
    await done('renew', before.identifier, '--json');
    for (const command of ['unhold', 'delete', 'edit']) {
      const extra = command === 'edit' ? ['--notes', 'x'] : [];
      const { status, stderr } = await run(command, before.serial_number, ...extra);
      assert.equal(status, 1, command);
      assert.match(stderr, /was renewed since/, command);
    }
    assert.equal((await show(before.identifier)).status, 'active');
  });

  it('deletes certificates: revoked, without a key, out of sight', async () => {
    const { identifier } = await issue('--cn', 'leaving');
    const unknown = await run('delete', identifier, 'nobody');
    assert.equal(unknown.status, 1);
    assert.equal((await show(identifier)).status, 'active', 'all must be known before the first is deleted');
    assert.equal(await done('delete', identifier), `deleted ${identifier}\n`);
    assert.equal(await done('list', '--search', 'leaving'), '');
    const [deleted] = jsonLines<Shown>(await done('list', '--status', 'deleted', '--json'));
    assert.deepEqual([deleted?.identifier, deleted?.has_private_key], [identifier, false]);
  });

  it('changes notes, tags and renewal, and leaves alone what is not named', async () => {
    const { identifier } = await issue('--cn', 'edited', '--tag', 'berlin', '--tag', 'laptop', '--notes', 'first');
    const words = ['--add-tag', 'stolen', '--remove-tag', 'berlin', '--renewal', 'off'];
    assert.equal(await done('edit', identifier, ...words), `changed ${identifier}\n`);
    const edited = await show(identifier);
    assert.deepEqual(edited.tags, ['laptop', 'stolen']);
    assert.deepEqual([edited.notes, edited.renewal.renewal_enabled], ['first', false]);
    await done('edit', identifier, '--notes', '', '--renew-before', '7');
    const { notes, renewal, tags } = await show(identifier);
    assert.deepEqual(
      { notes, renewal, tags },
      {
        notes: '',
        renewal: { ...edited.renewal, renewal_threshold_days: 7 },
        tags: ['laptop', 'stolen'],
      },
    );
    for (const wrong of [[], ['--renewal', 'maybe']]) assert.equal((await run('edit', identifier, ...wrong)).status, 2);
  });

  it('cancels a batch and tells how far it has come', async () => {
    const table = server.file('long.csv', `common_name,key_type\n${'long,rsa-4096\n'.repeat(200)}`);
    const { child, written, ended } = begin(admin, ['issue', '--batch', table]);
    await until(
      async () => /batch [0-9a-f]{32}/.test(written.stderr),
      () => written.stderr,
      60,
    );
    const job = /batch ([0-9a-f]{32})/.exec(written.stderr)?.[1] ?? assert.fail(written.stderr);
    assert.match(await done('batch', 'show', job), new RegExp(`^batch ${job} is \\w+: \\d+ of 200 issued`));
    assert.match(await done('batch', 'cancel', job), new RegExp(`^batch ${job} is cancel`));
    assert.equal((await ended).status, 1, 'whoever follows it is told');
    assert.equal(child.signalCode, null);
    const { state, successful } = JSON.parse(await done('batch', 'show', job, '--json')) as Record<string, unknown>;
    assert.equal(state, 'cancelled');
    assert.ok(Number(successful) < 200);
    assert.equal((await run('batch', 'cancel', '../keys')).status, 2);
    assert.equal((await run('batch', 'show', '00')).status, 1);
  });

  it('replaces the token of a key, by its name or by itself', async () => {
    const words = ['key', 'create', '--name', 'robot', '--role', 'viewer', '--json'];
    const { token, id } = JSON.parse(await done(...words)) as { token: string; id: string };
    const byName = (await done('key', 'rotate', 'Robot')).trim();
    const as = (token: string, ...args: string[]) => certmate({ ...admin, CERTMATE_TOKEN: token }, ...args);
    assert.equal((await as(token, 'list')).status, 1);
    const byItself = (await as(byName, 'key', 'rotate', id)).stdout.trim();
    assert.equal((await as(byName, 'list')).status, 1);
    assert.equal((await as(byItself, 'list')).status, 0);
    assert.match((await run('key', 'rotate', 'nobody')).stderr, /there is no API key nobody/);
  });

  it('counts what there is', async () => {
    await issue('--cn', 'counted', '--usage', 'vpn');
    const counts = new Map(
      (await done('stats'))
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t') as [string, string]),
    );
    const stats = JSON.parse(await done('stats', '--json')) as { total: number; by_usage: Record<string, number> };
    assert.equal(counts.get('total'), String(stats.total));
    assert.equal(counts.get('usage vpn'), String(stats.by_usage['vpn']));
    assert.ok(stats.total > 0);
  });

  it('renews what is due now, and tells of it later', async () => {
    const { identifier } = await issue('--cn', 'due', '--hours', '2');
    await done('edit', identifier, '--renew-before', '3650');
    // Due is what has lived two thirds of its life, so this one is not.
    assert.match(await done('renewals', 'run'), /^\d+ renewed, \d+ skipped, 0 failed\.$/m);
    const overview = JSON.parse(await done('renewals', '--json')) as { runs: { trigger: string }[] };
    assert.equal(overview.runs[0]?.trigger, 'manual');
    assert.match(await done('renewals'), /^\S+Z  \d+ renewed, .* \(manual\)\nThe next one: \S+Z\.\n$/);
  });

  it('makes a CSR with its key, and tells what would be certified of one', { skip: missing('openssl') }, async () => {
    const name = join(server.folder, 'laptop');
    await done(
      'csr',
      'create',
      '--cn',
      'laptop-7',
      '--san',
      'dns:laptop-7.example.com',
      '--key-type',
      'ec-p256',
      '--out',
      name,
    );
    assert.equal(statSync(`${name}.key`).mode & 0o777, 0o600);
    const { status, output } = await program`openssl req -in ${name}.csr -noout -verify -subject`;
    assert.equal(status, 0, output);
    assert.match(output, /laptop-7/);
    assert.equal((await run('csr', 'create', '--cn', 'x', '--out', name)).status, 1, 'nothing is replaced');
    const told = await done('csr', 'inspect', `${name}.csr`);
    assert.match(told, /^subject +.*laptop-7$/m);
    assert.match(told, /^names +dns:laptop-7\.example\.com$/m);
    assert.match(told, /^It would be signed\.$/m);
    const refused = await run(
      'csr',
      'inspect',
      server.file('broken.csr', readFileSync(`${name}.csr`, 'utf8').replace(/M/, 'N')),
    );
    assert.equal(refused.status, 1);
  });
});

it('the command does at the data directory what it does through a server', async (t) => {
  const { settings } = place(t);
  const run = (...args: string[]) => certmate({ ...settings, CERTMATE_PUBLIC_URL: 'http://ca.example.com' }, ...args);
  const done = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...args);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  await done('init');
  const { identifier } = JSON.parse(await done('issue', '--cn', 'here', '--json')) as Shown;
  await done('revoke', identifier, '--reason', 'certificateHold');
  assert.equal(await done('unhold', identifier), `released ${identifier}; it is active\n`);
  assert.equal(await done('renewals', 'run'), '0 renewed, 0 skipped, 0 failed.\n');
  assert.equal(await done('delete', identifier), `deleted ${identifier}\n`);
  assert.match(await done('stats'), /^total\t0$/m);
  // For whoever wants another first key, or has lost it.
  assert.match(await done('key', 'rotate', 'admin'), /^cm_[\w-]{43}\n$/);
});

it('there is a command for every route that does something to certificates', () => {
  // Each route with what does the same; the last ones by being able to name many.
  const commands: Record<string, string> = {
    'GET /api/client-certs': 'list',
    'POST /api/client-certs': 'issue',
    'POST /api/client-certs/create': 'issue',
    'POST /api/client-certs/csr/create': 'csr create',
    'POST /api/client-certs/csr/inspect': 'csr inspect',
    'POST /api/client-certs/csr/submit': 'issue --csr',
    'GET /api/client-certs/stats': 'stats',
    'POST /api/client-certs/batch': 'issue --batch',
    'GET /api/client-certs/batch/:job': 'batch show',
    'DELETE /api/client-certs/batch/:job': 'batch cancel',
    'GET /api/client-certs/batch/:job/events': 'issue --follow',
    'GET /api/client-certs/batch/:job/results.csv': 'issue --follow --out',
    'GET /api/client-certs/batch/:job/results.zip': 'issue --follow --out',
    'GET /api/client-certs/:id': 'show',
    'GET /api/client-certs/:id/download/:type': 'download',
    'POST /api/client-certs/:id/download/p12': 'download --type p12',
    'PATCH /api/client-certs/:id': 'edit',
    'PUT /api/client-certs/:id': 'edit',
    'DELETE /api/client-certs/:id': 'delete',
    'POST /api/client-certs/:id/renew': 'renew',
    'POST /api/client-certs/:id/revoke': 'revoke',
    'POST /api/client-certs/:id/unhold': 'unhold',
    'POST /api/client-certs/revoke': 'revoke',
    'POST /api/client-certs/bulk/revoke': 'revoke',
    'POST /api/client-certs/bulk/renew': 'renew',
    'POST /api/client-certs/bulk/tag': 'edit --add-tag',
    'GET /api/renewals': 'renewals',
    'POST /api/renewals/run': 'renewals run',
  };
  const routes = Object.keys(ACCESS).filter((route) => / \/api\/(client-certs|renewals)/.test(route));
  assert.deepEqual(routes.toSorted(), Object.keys(commands).toSorted());
});
