import assert from 'node:assert/strict';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { readCrl } from '../../../src/pki/crl.js';
import { type Built, build } from '../../build.js';
import { certmate } from '../backup/certmate.js';
import { complaints, type Filled, filled, repaired, USAGE } from '../doctor/doctored.js';

const onCrl = async ({ call }: Built) =>
  [...readCrl((await call('anonymous', { url: '/api/crl/download/der' })).rawPayload).entries].map(
    ({ serial }) => serial,
  );
const ocsp = async ({ call }: Built, serial: string) =>
  (await call('anonymous', { url: `/api/ocsp/status/${serial}` })).json();

/** Damages the metadata.json of all three and loses the journal: nothing but certificates and the CRL is left. */
async function ruin({ at }: Filled): Promise<void> {
  for (const identifier of ['alice', 'bob', 'carol']) await truncate(at(`${USAGE}/${identifier}/metadata.json`), 30);
  await rm(at('journal'), { recursive: true });
}

describe('a certificate whose metadata.json is damaged and that no journal knows', () => {
  it('keeps its revocation state in OCSP and on the CRL, and is named in health (CertMate)', async (t) => {
    const place = await filled(t);
    await ruin(place);
    const built = await build(t, { config: place.config });
    const { alice, bob, carol, carolBefore } = place.serials;
    assert.deepEqual(await onCrl(built), [bob]);
    const said = await ocsp(built, bob);
    assert.equal(said.certificate_status, 'revoked');
    assert.equal(said.revocation_reason, 'keyCompromise');
    for (const serial of [alice, carol, carolBefore]) {
      assert.equal((await ocsp(built, serial)).certificate_status, 'good');
    }
    const { certificates } = (await built.call('viewer', { url: '/api/client-certs' })).json();
    assert.equal(certificates.length, 3);
    const shown = (await built.call('viewer', { url: '/api/client-certs/carol' })).json();
    assert.equal(shown.common_name, 'carol@example.com');
    assert.equal(shown.history[0].serial_number, carolBefore);
    assert.equal(shown.renewal.renewal_enabled, false);
    assert.match(built.app.store.problems()[0]?.message ?? '', /damaged/);
    const health = (await built.call('anonymous', { url: '/health' })).json();
    assert.equal(health.status, 'degraded');
    assert.equal(health.checks.store.ok, false);
    await built.issue();
  });

  it('can be accepted as it is, with certmate doctor --repair', async (t) => {
    const place = await filled(t);
    await ruin(place);
    await repaired(place.config);
    assert.deepEqual(await complaints(place.config), []);
    const { app } = await build(t, { config: place.config });
    assert.deepEqual(app.store.problems(), []);
    assert.equal(app.store.inventory.get('bob')?.revocation.reason_revoked, 'keyCompromise');
  });

  it('stays on the CRL even if its certificate is damaged too, and OCSP says the same', async (t) => {
    const place = await filled(t);
    await ruin(place);
    const { bob } = place.serials;
    await writeFile(place.at(`${USAGE}/bob/cert.crt`), 'nothing');
    const first = await build(t, { config: place.config });
    assert.deepEqual(await onCrl(first), [bob]);
    assert.equal((await ocsp(first, bob)).certificate_status, 'revoked');
    const { identifier } = await first.issue();
    await first.call('admin', {
      method: 'POST',
      url: `/api/client-certs/${identifier}/revoke`,
      payload: { reason: 'superseded' },
    });
    assert.equal((await onCrl(first)).length, 2, 'the next CRL still has it');
    await first.app.close();
    const second = await build(t, { config: place.config });
    assert.ok((await onCrl(second)).includes(bob), 'and so after another start');
  });
});

describe('certmate reindex', () => {
  it('makes the journal from the directories, taking revocations of damaged ones from the CRL', async (t) => {
    const place = await filled(t);
    await truncate(place.at(`${USAGE}/bob/metadata.json`), 30);
    await writeFile(place.at('journal/journal-1.log'), 'nothing of use\n');
    const { status, output } = await certmate(place.config, 'reindex');
    assert.equal(status, 1, output);
    assert.match(output, /bob\/metadata\.json: It cannot be used: it is not JSON/);
    assert.match(output, /made anew from 3 certificates/);
    assert.match(output, /kept as journal-before-/);
    const built = await build(t, { config: place.config });
    assert.deepEqual(await onCrl(built), [place.serials.bob]);
    assert.equal((await ocsp(built, place.serials.bob)).certificate_status, 'revoked');
    assert.equal((await ocsp(built, place.serials.carolBefore)).certificate_status, 'good');
  });

  it('takes a metadata.json that was restored for good again', async (t) => {
    const place = await filled(t);
    const path = place.at(`${USAGE}/alice/metadata.json`);
    const whole = await readFile(path);
    await ruin(place);
    await (await build(t, { config: place.config })).app.close();
    await writeFile(path, whole, { mode: 0o644 });
    await certmate(place.config, 'reindex');
    const { app } = await build(t, { config: place.config });
    assert.equal(app.store.inventory.get('alice')?.renewal.renewal_enabled, true);
  });
});
