// `certmate verify-audit` away from the server, and the bundle that is made for it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { testConfig } from '../../build.js';
import { smallApp, temporaryDirectory, tokenFor } from '../../http/small-app.js';
import { without } from '../../pki/programs.js';
import { certmate } from '../backup/certmate.js';
import { copied, LIVE, linesOf, logFilesOf, open, type Place, place, placeIn, recordMany, rewrite } from './place.js';

const SMALL = { limits: { bytes: 24_000, age: 0 } };

/** A log of several files that its server has left, and its public key in a file elsewhere. */
async function left(t: TestContext): Promise<{ where: Place; key: string; verify: Verify }> {
  const where = place(t);
  const trail = await open(t, where, SMALL);
  await recordMany(trail, 1, 250);
  const key = join(where.directory, 'noted.pem');
  writeFileSync(key, trail.publicKey.export({ type: 'spki', format: 'pem' }));
  await trail.close();
  return { where, key, verify: await command(t) };
}

type Verify = (...args: string[]) => Promise<{ status: number | null; output: string }>;

/** The command, where there is no data directory at all. */
async function command(t: TestContext): Promise<Verify> {
  const config = await testConfig(t);
  return async (...args) => {
    const result = await certmate(config, 'verify-audit', ...args);
    assert.throws(() => readdirSync(config.dataDir), { code: 'ENOENT' }, 'none is made either');
    return result;
  };
}

describe('certmate verify-audit, with the public key alone', () => {
  test('proves a directory, and its files named one by one', async (t) => {
    const { where, key, verify } = await left(t);
    const files = logFilesOf(where);
    const directory = await verify('--log', where.logs, '--public-key', key);
    assert.deepEqual(directory, {
      status: 0,
      output: `The audit log is unbroken: 250 lines in ${files.length} files.\n`,
    });
    const paths = files.map((name) => join(where.logs, name));
    const named = await verify('--public-key', key, '--log', ...paths.toReversed());
    assert.deepEqual([named.status, named.output], [0, directory.output]);
    const repeated = await verify(...paths.flatMap((path) => ['--log', path]), '--public-key', key, '--json');
    assert.equal(repeated.status, 0);
    const { status, lines, proven_seq, first_bad, head } = JSON.parse(repeated.output);
    assert.deepEqual([status, lines, proven_seq, first_bad, head.seq], ['intact', 250, 250, null, 250]);
  });

  test('names the first bad line, its file and what is wrong, with exit code 1', async (t) => {
    const { where, key, verify } = await left(t);
    const [first = ''] = logFilesOf(where);
    const path = join(where.logs, first);
    rewrite(path, linesOf(path).toSpliced(41, 1));
    const { status, output } = await verify('--log', where.logs, '--public-key', key);
    assert.equal(status, 1);
    assert.match(output, new RegExp(`^The audit log is broken at line 42 \\(missing: .*\\), in ${first}\\.\n$`));
    const json = await verify('--log', where.logs, '--public-key', key, '--json');
    assert.equal(json.status, 1);
    assert.deepEqual(JSON.parse(json.output).first_bad, { seq: 42, reason: 'missing', file: first });
  });

  test('holds the log to a statement that was kept elsewhere', async (t) => {
    const { where, key, verify } = await left(t);
    const kept = join(where.directory, 'kept.json');
    copyFileSync(where.head, kept);
    rewrite(where.log, linesOf(where.log).slice(0, 1));
    rewrite(where.checkpoints, linesOf(where.checkpoints).slice(0, 2));
    assert.equal((await verify('--log', where.logs, '--public-key', key)).status, 0);
    const { status, output } = await verify('--log', where.logs, '--public-key', key, '--head', kept);
    assert.equal(status, 1);
    assert.match(output, /truncated/);
  });

  test('says what it needs, with exit code 2', async (t) => {
    const { where, key, verify } = await left(t);
    const empty = join(where.directory, 'empty');
    mkdirSync(empty);
    for (const [args, message] of [
      [['--log', where.logs], /--public-key is missing/],
      [['--public-key', key], /--log is missing/],
      [['--log', join(where.logs, 'nowhere'), '--public-key', key], /there is nothing at/],
      [['--log', where.logs, '--public-key', where.log], /not one of an audit log/],
      [['--log', where.logs, '--public-key', join(where.logs, 'nowhere')], /there is no file/],
      [['--log', empty, '--public-key', key], /there is no audit log/],
      [[where.logs], /Put --log before it/],
      [['--logs', where.logs], /Unknown option/],
    ] as const) {
      const { status, output } = await verify(...args);
      assert.equal(status, 2, output);
      assert.match(output, message);
    }
  });
});

describe('the export', () => {
  /** A server with a trail of several files. */
  async function serving(t: TestContext) {
    const where = placeIn(temporaryDirectory(t));
    const trail = await open(t, where, SMALL);
    await recordMany(trail, 1, 250);
    await trail.close();
    const app = await smallApp(t, { directory: where.directory });
    const { headers } = await tokenFor(app, 'admin');
    return { where, app, headers };
  }

  test('is a bundle that proves itself with the key noted before, as it is or unpacked', async (t) => {
    const { where, app, headers } = await serving(t);
    const verify = await command(t);
    const answer = await app.inject({ url: '/api/audit/export', headers });
    assert.equal(answer.headers['content-type'], 'application/zip');
    assert.match(
      String(answer.headers['content-disposition']),
      /^attachment; filename="certmate-audit-2026-11-21\.zip"$/,
    );
    const bundle = join(where.directory, 'bundle.zip');
    writeFileSync(bundle, answer.rawPayload);
    const key = join(where.directory, 'key.json');
    writeFileSync(key, (await app.inject({ url: '/api/audit/public-key', headers })).body);
    const packed = await verify('--log', bundle, '--public-key', key, '--json');
    assert.equal(packed.status, 0, packed.output);
    const { lines, proven_seq } = JSON.parse(packed.output);
    assert.deepEqual([lines, proven_seq], [251, 251], 'the export itself is in it, and the end is signed');

    const missing = without('unzip');
    if (missing !== false) return t.diagnostic(missing);
    const folder = join(where.directory, 'unpacked');
    assert.equal(spawnSync('unzip', ['-q', bundle, '-d', folder]).status, 0);
    assert.deepEqual(
      readdirSync(folder).sort(),
      [...logFilesOf(where), 'README.txt', 'certificate_audit.checkpoints', 'head.json', 'public-key.pem'].sort(),
    );
    assert.equal((await verify('--log', folder, '--public-key', join(folder, 'public-key.pem'))).status, 0);
    const [, second = ''] = logFilesOf(where);
    rmSync(join(folder, second));
    assert.match((await verify('--log', folder, '--public-key', key)).output, /missing/);
  });

  test('tells in its README how to check a line and a signature without CertMate', {
    skip: without('unzip', 'openssl'),
  }, async (t) => {
    const { where, app, headers } = await serving(t);
    const bundle = join(where.directory, 'bundle.zip');
    writeFileSync(bundle, (await app.inject({ url: '/api/audit/export', headers })).rawPayload);
    const cwd = join(where.directory, 'unpacked');
    spawnSync('unzip', ['-q', bundle, '-d', cwd]);
    const readme = readFileSync(join(cwd, 'README.txt'), 'utf8');
    const shell = (command: string) => {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const hashing = /^ {4}(sed .*)$/m.exec(readme)?.[1] ?? '';
    const [line = ''] = linesOf(join(cwd, logFilesOf(where)[0] ?? ''));
    assert.equal(shell(hashing).slice(0, 64), JSON.parse(line).hash);
    const { seq, hash, timestamp, signature } = JSON.parse(readFileSync(join(cwd, 'head.json'), 'utf8'));
    writeFileSync(join(cwd, 'statement.txt'), `certmate audit checkpoint\n${seq}\n${hash}\n${timestamp}\n`);
    writeFileSync(join(cwd, 'signature.bin'), Buffer.from(signature, 'base64'));
    assert.match(shell(/^ {4}(openssl .*)$/m.exec(readme)?.[1] ?? ''), /Verified Successfully/);
  });

  test('that was changed or cut short is refused with exit code 1', async (t) => {
    const { where, app, headers } = await serving(t);
    const verify = await command(t);
    const { rawPayload } = await app.inject({ url: '/api/audit/export', headers });
    const key = join(where.directory, 'key.json');
    writeFileSync(key, (await app.inject({ url: '/api/audit/public-key', headers })).body);
    const bundle = join(where.directory, 'bundle.zip');
    const flipped = Buffer.from(rawPayload);
    const at = flipped.indexOf(LIVE) + 200;
    flipped[at] = (flipped[at] ?? 0) ^ 1;
    for (const bytes of [rawPayload.subarray(0, -100), rawPayload.subarray(0, 5000), flipped]) {
      writeFileSync(bundle, bytes);
      const { status, output } = await verify('--log', bundle, '--public-key', key);
      assert.equal(status, 1, output);
    }
  });

  test('gives the plain lines of all files for format=ndjson, and is recorded with who asked', async (t) => {
    const { where, app, headers } = await serving(t);
    const answer = await app.inject({ url: '/api/audit/export?format=ndjson', headers });
    assert.equal(answer.headers['content-type'], 'application/x-ndjson');
    const files = logFilesOf(where).map((name) => readFileSync(join(where.logs, name), 'utf8'));
    assert.equal(answer.body, files.join(''));
    const { operation, resource_type, user, details } = JSON.parse(answer.body.trimEnd().split('\n').at(-1) ?? '');
    assert.deepEqual(
      [operation, resource_type, user, details],
      ['export', 'audit_log', 'test admin', { format: 'ndjson' }],
    );
    assert.equal((await app.inject({ url: '/api/audit/export?format=csv', headers })).statusCode, 400);
  });
});

test('beside its data directory the command needs no key, and tells of all files', async (t) => {
  const { where } = await left(t);
  const at = copied(t, where);
  const config = { dataDir: join(at.directory, 'data'), logDir: join(at.directory, 'logs') };
  const { status, output } = await certmate(config, 'verify-audit');
  assert.deepEqual([status, output], [0, `The audit log is unbroken: 250 lines in ${logFilesOf(at).length} files.\n`]);
  const [, second = ''] = logFilesOf(at);
  rmSync(join(at.logs, second));
  assert.equal((await certmate(config, 'verify-audit')).status, 1);
});
