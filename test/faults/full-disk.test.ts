// A disk that is really full: a small tmpfs, filled to the last byte by a file of ours.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readCrl } from '../../src/pki/crl.js';
import { build, testConfig } from '../build.js';
import { complaints } from '../modules/doctor/doctored.js';
import { randomNumbers } from '../random-numbers.js';
import { until } from '../until.js';

const PAGE = 4096;

/** A disk of a few megabytes; null if none can be had here. */
async function smallDisk(t: TestContext): Promise<string | null> {
  const path = await mkdtemp(join(tmpdir(), 'certmate-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', path]);
  t.after(async () => {
    if (status === 0) spawnSync('umount', ['-l', path]);
    await rm(path, { recursive: true, force: true });
  });
  return status === 0 ? path : null;
}

/** A file that takes up all room but `pages` pages. */
class Ballast {
  readonly #handle: FileHandle;
  #pages = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async leave(pages: number): Promise<void> {
    for (;;) {
      try {
        await this.#handle.write(Buffer.alloc(PAGE, 1), 0, PAGE, this.#pages * PAGE);
        this.#pages += 1;
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
        break;
      }
    }
    this.#pages = Math.max(0, this.#pages - pages);
    await this.#handle.truncate(this.#pages * PAGE);
  }

  async remove(): Promise<void> {
    this.#pages = 0;
    await this.#handle.truncate(0);
  }
}

describe('a full disk', () => {
  it('is answered with 507, loses nothing, and is forgotten as soon as there is room', async (t) => {
    const disk = await smallDisk(t);
    if (disk === null) return t.skip('only root can mount a small disk');
    const config = await testConfig(t, {
      CERTMATE_DATA_DIR: join(disk, 'data'),
      CERTMATE_LOG_DIR: join(disk, 'logs'),
    });
    const { app, call, issue } = await build(t, { config });
    t.after(() => app.close());
    const handle = await open(join(disk, 'ballast'), 'w');
    t.after(() => handle.close());
    const ballast = new Ballast(handle);
    const issued: string[] = [];
    const revoked: string[] = [];
    for (let n = 0; n < 6; n += 1) issued.push((await issue({ identifier: `first-${n}` }))['serial_number'] as string);

    let refused = 0;
    const attempt = async (method: 'POST', url: string, payload: object): Promise<Record<string, string> | null> => {
      const answer = await call('admin', { method, url, payload });
      if (answer.statusCode < 300) return answer.json();
      assert.equal(answer.statusCode, 507, `${url}: ${answer.body}`);
      assert.equal(answer.json().code, 'STORAGE_FULL');
      assert.match(answer.json().message, /disk is full/);
      refused += 1;
      return null;
    };
    // Each amount of room lets another step of the work fail.
    const random = randomNumbers(t);
    const rounds = [0, 1, 2, 3, 4, 5, 6, 8, 10, 14, ...Array.from({ length: 6 }, () => random(20))];
    t.diagnostic(`pages left: ${rounds.join(', ')}`);
    for (const [round, pages] of rounds.entries()) {
      await ballast.leave(pages);
      const made = await attempt('POST', '/api/client-certs', { identifier: `full-${round}`, common_name: 'a' });
      if (made !== null) issued.push(made['serial_number'] as string);
      await ballast.leave(pages);
      const target = `first-${round % 6}`;
      const change = await attempt('POST', `/api/client-certs/${target}/revoke`, { reason: 'superseded' }).catch(
        (error: unknown) => {
          // A first attempt that was refused may be in force all the same; then a second one is told so.
          if (!(error as Error).message.includes('ALREADY_REVOKED')) throw error;
          return null;
        },
      );
      if (change !== null) revoked.push(change['serial_number'] as string);
      await ballast.leave(pages);
      await attempt('POST', `/api/client-certs/full-${round}/renew`, {}).catch((error: unknown) => {
        if (!(error as Error).message.includes('NOT_FOUND')) throw error;
      });
      assert.equal((await call('viewer', { url: '/api/client-certs' })).statusCode, 200, 'reading goes on');
      assert.equal((await call('anonymous', { url: '/api/crl/download/der' })).statusCode, 200);
      assert.equal((await call('anonymous', { url: `/api/ocsp/status/${issued[0]}` })).statusCode, 200);
      assert.equal((await call('anonymous', { url: '/health' })).json().status, 'degraded');
    }
    assert.ok(refused >= 5, `${refused} refused`);

    await ballast.remove();
    const after = await issue({ identifier: 'after' });
    assert.equal(
      (await attempt('POST', '/api/client-certs/after/revoke', { reason: 'superseded' }))?.['identifier'],
      'after',
    );
    revoked.push(after['serial_number'] as string);
    const crl = readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
    const listed = new Set(Array.from(crl.entries, ({ serial }) => serial));
    for (const serial of revoked) assert.ok(listed.has(serial), 'every acknowledged revocation is on the CRL');
    for (const serial of issued) assert.ok(app.store.inventory.bySerial(serial), 'every certificate is there');
    await app.close();

    const again = await build(t, { config });
    assert.deepEqual(again.app.store.problems(), []);
    for (const serial of [...issued, ...revoked]) assert.ok(again.app.store.inventory.bySerial(serial));
    assert.equal((await again.call('admin', { url: '/api/audit/verify' })).statusCode, 200);
    await again.app.close();
    assert.deepEqual(await complaints(config), []);
  });

  // Found by a stranger: a revocation that was saved, durable and in force was answered with "Nothing was saved", and no CRL
  // followed when there was room again.
  it('never makes a saved change look as if it had not happened; CRL and audit trail follow when there is room', async (t) => {
    const disk = await smallDisk(t);
    if (disk === null) return t.skip('only root can mount a small disk');
    const config = await testConfig(t, {
      CERTMATE_DATA_DIR: join(disk, 'data'),
      CERTMATE_LOG_DIR: join(disk, 'logs'),
    });
    const { app, call, issue } = await build(t, { config });
    t.after(() => app.close());
    const handle = await open(join(disk, 'ballast'), 'w');
    t.after(() => handle.close());
    const ballast = new Ballast(handle);

    const serials = new Map<string, string>();
    const steps = ['revoke', 'hold', 'unhold', 'bulk', 'delete', 'renew'] as const;
    const rounds = [8, 6, 4, 3, 2, 1, 0];
    for (const step of steps) {
      for (const [round] of rounds.entries()) {
        const identifier = `${step}-${round}`;
        serials.set(identifier, (await issue({ identifier }))['serial_number'] as string);
        if (step !== 'unhold') continue;
        await call('admin', {
          method: 'POST',
          url: `/api/client-certs/${identifier}/revoke`,
          payload: { reason: 'certificateHold' },
        });
      }
    }
    const stateOf = async (identifier: string): Promise<string> =>
      (await call('anonymous', { url: `/api/ocsp/status/${serials.get(identifier)}` })).json().certificate_status;
    const requestOf = (step: (typeof steps)[number], identifier: string) => {
      const url = `/api/client-certs/${identifier}`;
      const post = (path: string, payload: object) => ({ method: 'POST' as const, url: path, payload });
      if (step === 'delete') return { method: 'DELETE' as const, url };
      if (step === 'renew') return post(`${url}/renew`, { revoke_previous: true });
      if (step === 'bulk') return post('/api/client-certs/bulk/revoke', { identifiers: [identifier] });
      if (step === 'unhold') return post(`${url}/unhold`, {});
      return post(`${url}/revoke`, step === 'hold' ? { reason: 'certificateHold' } : {});
    };

    const inForce: string[] = [];
    let late = 0;
    const random = randomNumbers(t);
    const attempts = rounds.flatMap((pages, round) => {
      // In another order each time: what one step takes up is what the next one lacks.
      const order = steps.map((step) => ({ step, place: random(1000) })).sort((a, b) => a.place - b.place);
      return order.map(({ step }) => ({ pages, round, step }));
    });
    t.diagnostic(`steps: ${attempts.map(({ step, pages }) => `${step} ${pages}`).join(', ')}`);
    // Up to one whose CRL is missing still.
    for (const { pages, round, step } of attempts) {
      if (late >= 3 && app.crl.isFailing) break;
      const identifier = `${step}-${round}`;
      const before = await stateOf(identifier);
      await ballast.leave(pages);
      const answer = await call('admin', requestOf(step, identifier));
      const changed = (await stateOf(identifier)) !== before;
      if (changed) inForce.push(identifier);
      if (answer.statusCode < 300) {
        // Of a bulk step each certificate has its own result.
        if (step !== 'bulk' || answer.json().failed === 0) assert.ok(changed, `${identifier} was acknowledged`);
        continue;
      }
      assert.deepEqual([answer.statusCode, answer.json().code], [507, 'STORAGE_FULL'], answer.body);
      const { message } = answer.json();
      if (!changed) {
        assert.match(message, /^Nothing was saved: the disk is full/, identifier);
        continue;
      }
      late += 1;
      assert.match(message, / is (revoked|released|deleted|renewed)|are revoked/, identifier);
      assert.match(message, /the disk is full: .* follows as soon as/, identifier);
      assert.doesNotMatch(message, /Nothing was saved/, identifier);
    }
    assert.ok(late > 0, 'some changes were saved and not published');
    assert.ok(app.crl.isFailing, 'nothing has followed yet');

    await ballast.remove();
    // Nothing is asked for: what is missing follows by itself.
    const listed = async () => {
      const crl = readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload);
      return new Set(Array.from(crl.entries, ({ serial }) => serial));
    };
    const recorded = async () => {
      const { entries } = (await call('admin', { url: '/api/audit?limit=500' })).json();
      return new Set(entries.map(({ resource_id }: { resource_id: string }) => resource_id));
    };
    const isComplete = async () => {
      const [crl, audit] = [await listed(), await recorded()];
      return inForce.every(
        (identifier) =>
          crl.has(serials.get(identifier) as string) !== identifier.startsWith('unhold') && audit.has(identifier),
      );
    };
    await until(isComplete, 'CRL and audit trail follow');
    assert.equal((await call('admin', { url: '/api/audit/verify' })).statusCode, 200);
  });
});
