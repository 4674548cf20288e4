import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { build } from '../../build.js';
import { life } from './life.js';

const ROUNDS = 200;
/** So many pairs at once: the rounds meet on the store, the CRL and the audit trail too. */
const SIDE_BY_SIDE = 10;

async function rounds(work: (round: number) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round += SIDE_BY_SIDE) {
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, i) => work(round + i)));
  }
}

/** A head start for the other side, another one in each round, from none to longer than a call takes. */
const headStart = (round: number) => new Promise((resolve) => setTimeout(resolve, (round % SIDE_BY_SIDE) * 8));

describe('two calls for the same certificate at once', () => {
  it('a renewal never erases a revocation, whichever comes first (certmate#591, #603)', async (t) => {
    const { issue, renew, revoke, get, ocsp, crl } = life(await build(t));
    const seen = new Set<string>();
    await rounds(async (round) => {
      const { identifier, serial_number } = await issue();
      const [renewed, revoked] = await Promise.all([
        renew(identifier),
        headStart(round).then(() => revoke(identifier)),
      ]);
      assert.equal(revoked.status, 200, revoked.body.message);
      assert.ok(renewed.status === 201 || renewed.status === 409, renewed.body.message);
      seen.add(`renewal ${renewed.status}`);
      const serials = [serial_number, ...(renewed.status === 201 ? [renewed.body.serial_number] : [])];
      for (const serial of serials) {
        assert.equal(await ocsp(serial), 'keyCompromise');
        assert.equal(crl(serial), 'keyCompromise');
      }
      assert.equal((await get(identifier)).status, 'revoked');
    });
    assert.deepEqual([...seen].toSorted(), ['renewal 201', 'renewal 409'], 'both orders came up');
  });

  it('of two revocations one counts, and the CRL has every one of them (CertMate)', async (t) => {
    const { issue, revoke, get, ocsp, crl } = life(await build(t));
    await rounds(async (round) => {
      const { identifier, serial_number } = await issue();
      const reasons = round % 2 === 0 ? ['keyCompromise', 'superseded'] : ['superseded', 'keyCompromise'];
      const answers = await Promise.all(reasons.map((reason) => revoke(identifier, reason)));
      assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 409]);
      const winner = answers.find(({ status }) => status === 200)?.body.revocation;
      assert.deepEqual((await get(identifier)).revocation, winner);
      assert.equal(await ocsp(serial_number), winner?.reason_revoked);
      assert.equal(crl(serial_number), winner?.reason_revoked);
    });
  });

  it('a key that is downloaded while its certificate is deleted is whole or absent, and gone afterwards', async (t) => {
    const built = await build(t);
    const { issue, remove, download } = life(built);
    await rounds(async (round) => {
      const { identifier, certificate_pem } = await issue();
      const [file, removed] = await Promise.all([
        download(identifier, 'key'),
        headStart(round % 3).then(() => remove(identifier)),
      ]);
      assert.equal(removed.status, 200);
      if (file.status === 200) {
        const publicKey = (key: Parameters<typeof createPublicKey>[0]) =>
          createPublicKey(key).export({ type: 'spki', format: 'pem' });
        assert.equal(publicKey(createPrivateKey(file.text) as never), publicKey(certificate_pem));
      } else assert.equal(file.status, 404, file.text);
      assert.equal((await download(identifier, 'key')).status, 404);
      const left = await readdir(join(built.config.dataDir, 'certs/client/api-mtls', identifier));
      assert.ok(!left.includes('cert.key'));
    });
  });

  it('a renewal never brings a deleted certificate back, nor a key of it', async (t) => {
    const built = await build(t);
    const { issue, renew, remove, ocsp } = life(built);
    await rounds(async (round) => {
      const { identifier, serial_number } = await issue();
      const [renewed, removed] = await Promise.all([
        renew(identifier),
        headStart(round).then(() => remove(identifier)),
      ]);
      assert.equal(removed.status, 200);
      assert.ok([201, 404].includes(renewed.status), renewed.body.message);
      assert.equal(await ocsp(serial_number), 'cessationOfOperation');
      if (renewed.status === 201) assert.equal(await ocsp(renewed.body.serial_number), 'cessationOfOperation');
      const folder = join(built.config.dataDir, 'certs/client/api-mtls', identifier);
      assert.deepEqual(
        (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.key')),
        [],
      );
    });
  });

  it('of two renewals at once one counts: a double click does not renew twice', async (t) => {
    const { issue, renew, get } = life(await build(t));
    const { identifier } = await issue();
    const answers = await Promise.all([renew(identifier), renew(identifier), renew(identifier)]);
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409]);
    assert.equal((await get(identifier)).history.length, 1);
  });
});
