// What is in force and could not be finished: other certificates of a bulk call, the CRL, the line in the audit trail, the key.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Arrears, followsLater, recordSaved } from '../../../src/arrears.js';
import { CertMateError, SavedAlready } from '../../../src/errors.js';
import type { AuditEvent } from '../../../src/types.js';
import { build, MovedClock, testConfig } from '../../build.js';
import { FileCalls } from '../../file-calls.js';
import { life } from './life.js';

const FULL = new CertMateError('STORAGE_FULL', 'Nothing was saved: the disk is full.');

/** An app whose file system calls can be made to fail, with a call for many certificates. */
async function watched(t: TestContext) {
  const config = await testConfig(t);
  const calls = FileCalls.watch(t, dirname(config.dataDir));
  const built = await build(t, { config });
  const bulk = async (step: string, identifiers: string[]) => {
    const url = `/api/client-certs/bulk/${step}`;
    const answer = await built.call('admin', { method: 'POST', url, payload: { identifiers } });
    return { status: answer.statusCode, body: answer.json() };
  };
  const audit = async (query: string): Promise<{ resource_id: string; status: string; error?: string }[]> =>
    (await built.call('admin', { url: `/api/audit?${query}` })).json().entries;
  return { ...built, ...life(built), config, calls, bulk, audit };
}

describe('a bulk revocation in which one certificate fails unexpectedly', () => {
  it('has all the others on the CRL, in OCSP and in the audit trail, and is answered with 500', async (t) => {
    const { app, issue, bulk, ocsp, crl, audit } = await watched(t);
    const issued = [];
    for (const identifier of ['a', 'b', 'c', 'd']) issued.push(await issue({ identifier }));
    const update = app.store.update.bind(app.store);
    app.store.update = (identifier, change) =>
      identifier === 'b' ? Promise.reject(new TypeError('made to fail')) : update(identifier, change);
    const { status, body } = await bulk('revoke', ['a', 'b', 'c', 'd']);
    assert.deepEqual([status, body.code], [500, 'INTERNAL']);
    assert.doesNotMatch(JSON.stringify(body), /made to fail/);
    const told = [];
    for (const { serial_number } of issued) told.push([await ocsp(serial_number), crl(serial_number)]);
    const both = ['unspecified', 'unspecified'];
    assert.deepEqual(told, [both, ['good', null], both, both]);
    const lines = await audit('operation=revoke&status=success');
    assert.deepEqual(lines.map(({ resource_id }) => resource_id).toSorted(), ['a', 'c', 'd']);
  });
});

describe('a revocation that is in force while no CRL could be published', () => {
  it('is recorded as such, and is on the CRL and in the trail once it can be', async (t) => {
    const { app, issue, revoke, unhold, remove, bulk, ocsp, crl, calls, audit } = await watched(t);
    const serials = new Map<string, string>();
    for (const identifier of ['revoked', 'released', 'deleted', 'many']) {
      serials.set(identifier, (await issue({ identifier })).serial_number);
    }
    await revoke('released', 'certificateHold');
    const failing = calls.fail(({ name, path }) => name === 'datasync' && path.includes('/certs/crl/'), 'ENOSPC');
    const answers = [await revoke('revoked'), await unhold('released'), await remove('deleted')];
    const many = await bulk('revoke', ['many']);
    assert.deepEqual(
      [...answers, many].map(({ status }) => status),
      [507, 507, 507, 507],
    );
    for (const { body } of [...answers, many])
      assert.match(body.message, /: the CRL follows as soon as .*Do not repeat/);
    for (const [identifier, serial] of serials) {
      assert.equal((await ocsp(serial)) === 'good', identifier === 'released');
      assert.equal(crl(serial) === 'certificateHold', identifier === 'released');
    }
    const lines = await audit('status=failure');
    assert.deepEqual(lines.map(({ resource_id }) => resource_id).toSorted(), [...serials.keys()].toSorted());
    assert.ok(lines.every(({ error }) => error === 'in force and told by OCSP, but no CRL could be published'));
    failing.stop();
    await app.crl.retry();
    for (const [identifier, serial] of serials) assert.equal(crl(serial) === null, identifier === 'released');
  });
});

describe('a key that could not be destroyed with its certificate', () => {
  for (const [what, code] of [
    ['on a full disk', 'ENOSPC'],
    ['where its file may not be removed', 'EACCES'],
    ['where the disk fails', 'EIO'],
  ] as const) {
    it(`is told of and recorded, ${what}, and is destroyed before the server has closed`, async (t) => {
      const { app, issue, remove, ocsp, crl, calls, audit, config } = await watched(t);
      const { serial_number } = await issue({ identifier: 'alice' });
      const key = join(config.dataDir, 'certs/client/api-mtls/alice/cert.key');
      const failing = calls.fail(({ name, path }) => name === 'unlink' && path === key, code);
      const { status, body } = await remove('alice');
      assert.deepEqual([status, body.code], [503, 'UNAVAILABLE']);
      assert.match(
        body.message,
        /^The certificate is deleted and revoked, but .*: its private key is destroyed as soon as/,
      );
      assert.ok(failing.count > 0);
      assert.ok(existsSync(key));
      assert.deepEqual(
        [await ocsp(serial_number), crl(serial_number)],
        ['cessationOfOperation', 'cessationOfOperation'],
      );
      const [line] = await audit('operation=delete');
      assert.deepEqual([line?.status, line?.error], ['failure', 'deleted, but a private key could not be destroyed']);
      failing.stop();
      await app.close();
      assert.ok(!existsSync(key));
    });
  }
});

describe('what is owed', () => {
  it('is done in the order in which it came, up to the first that cannot be done yet, and once only', async () => {
    const arrears = new Arrears();
    const done: string[] = [];
    let full = true;
    arrears.owe(async () => void done.push('first'));
    arrears.owe(async () => {
      if (full) throw FULL;
      done.push('second');
    });
    arrears.owe(async () => void done.push('third'));
    await arrears.settle();
    assert.deepEqual(done, ['first']);
    full = false;
    await Promise.all([arrears.settle(), arrears.settle()]);
    assert.deepEqual(done, ['first', 'second', 'third']);
    await arrears.settle();
    assert.equal(done.length, 3);
  });

  it('is not begun again while it is being done', async () => {
    const arrears = new Arrears();
    let [begun, end] = [0, (): void => undefined];
    arrears.owe(() => {
      begun += 1;
      return new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    const all = [arrears.settle(), arrears.settle()];
    end();
    await Promise.all(all);
    assert.equal(begun, 1);
  });

  it('are just those lines that can be written later, with the time at which it happened', async () => {
    const clock = new MovedClock(new Date('2026-11-22T05:00:00Z'));
    const arrears = new Arrears();
    const event = (resource_id: string): AuditEvent => ({
      operation: 'revoke',
      resource_type: 'certificate',
      resource_id,
      status: 'success',
      actor: { user: 'alice', ip_address: null, request_id: null },
      details: { serial_number: '1' },
    });
    const lines: AuditEvent[] = [];
    const faults = new Map<string | null, Error>([
      ['full', FULL],
      ['read-only', new CertMateError('UNAVAILABLE', 'Nothing was saved.')],
      ['broken', new TypeError('made to fail')],
    ]);
    const audit = {
      record: async (line: AuditEvent) => {
        const fault = faults.get(line.resource_id);
        if (fault !== undefined) throw fault;
        lines.push(line);
      },
    };
    const parts = { audit, arrears, clock };
    await recordSaved(parts, [event('good')], 'It is done');
    await assert.rejects(recordSaved(parts, [event('broken')], 'It is done'), TypeError);
    await assert.rejects(
      recordSaved(parts, [event('read-only'), event('good')], 'It is done'),
      (error) =>
        error instanceof SavedAlready &&
        error.message ===
          'It is done, but CertMate cannot write to its data directory now: the line in the audit trail follows as soon as that has changed. Do not repeat the call.',
    );
    await assert.rejects(
      recordSaved(parts, [event('full')], 'It is done'),
      (error) =>
        error instanceof SavedAlready && error.code === 'STORAGE_FULL' && /the disk is full/.test(error.message),
    );
    assert.equal(lines.length, 2, 'the others of a call are written at once');
    faults.clear();
    clock.advance(60);
    await arrears.settle();
    assert.deepEqual(
      lines.slice(2).map(({ resource_id, details }) => [resource_id, details]),
      ['read-only', 'full'].map((id) => [id, { serial_number: '1', happened_at: '2026-11-22T05:00:00Z' }]),
    );
    const other = new TypeError('made to fail');
    assert.equal(followsLater('It is done', 'the CRL follows', other), other);
  });
});
