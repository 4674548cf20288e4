// A revocation that only a damaged metadata.json tells, in every form in which one may be found.
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { salvage } from '../../../src/store/salvage.js';
import { build } from '../../build.js';
import { certmate } from '../backup/certmate.js';
import { complaints, type Filled, filled, repaired, USAGE } from './doctored.js';

/** As the first design document shows it, but with the revocation wherever and however people write it. */
const older = (serial: string, extra: object, revocation: object = { revoked: false, revoked_at: null }) =>
  JSON.stringify(
    {
      type: 'client_certificate',
      identifier: 'alice',
      common_name: 'alice@example.com',
      serial_number: serial,
      cert_usage: 'api-mtls',
      notes: 'hers',
      revocation,
      renewal: { renewal_enabled: true, renewal_threshold_days: 21, last_renewed_at: null },
      ...extra,
    },
    null,
    2,
  );

const revokedForms: Record<string, (serial: string, whole: string) => string | Buffer> = {
  'true at top level': (serial) => older(serial, { revoked: true, reason_revoked: 'key_compromise' }),
  'within revocation': (serial) =>
    older(serial, {}, { revoked: true, revoked_at: '2026-11-20T10:00:00', reason_revoked: 'Key Compromise' }),
  'as text': (serial) => older(serial, { revoked: 'True' }),
  'as a number': (serial) => older(serial, { revoked: 1 }),
  'as a status': (serial) => older(serial, { status: 'revoked' }),
  'by its date alone': (serial) => older(serial, {}, { revoked_at: '2026-11-20T10:00:00Z' }),
  'nested deeper': (serial) => older(serial, { metadata: { state: { revoked: true } } }),
  'serial number as a number': (serial) => older(serial, { revoked: true }).replace(`"${serial}"`, serial),
  'a Python dictionary': (serial) => `{'serial_number': '${serial}', 'revoked': True, 'reason_revoked': None}`,
  'a trailing comma': (serial) => older(serial, { revoked: true }).replace(/\n}$/, ',\n}'),
  'in UTF-16': (serial) =>
    Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(older(serial, { revoked: true }), 'utf16le')]),
  'in UTF-16 without a byte order mark': (serial) => Buffer.from(older(serial, { revoked: true }), 'utf16le'),
  'in UTF-16 with the high octets first': (serial) => Buffer.from(older(serial, { revoked: true }), 'utf16le').swap16(),
  'behind notes that look like the beginning of a history': (serial) =>
    older(serial, { notes: 'his history: [x', tags: ['previous: ['], revoked: true }),
  'as a list': (serial) => older(serial, { revoked: [true] }),
  'as an object with its date': (serial) => older(serial, { revoked: { at: '2026-11-20T10:00:00Z' } }),
  'as a status with its reason': (serial) => older(serial, { status: 'Revoked (key compromise)' }),
  'written as a text once more': (serial) => JSON.stringify(older(serial, { revoked: true })),
  'with doubled quotes, as a table has them': (serial) => older(serial, { revoked: true }).replaceAll('"', '""'),
  'cut short behind it': (serial) => older(serial, { revoked: true }).replace(/("revoked": true)[^]*$/, '$1'),
  'cut short within it': (serial) => older(serial, { revoked: true }).replace(/("revoked": tr)[^]*$/, '$1'),
  'our own form, cut short': (_, whole) =>
    whole.replace('"revoked": false', '"revoked": true').replace(/"renewal": \{[^]*$/, ''),
  'our own form, contradicting itself': (_, whole) => whole.replace(/\{/, '{ "revoked": true,'),
  'our own form, without a date': (_, whole) => whole.replace('"revoked": false', '"revoked": true'),
};
const goodForms: Record<string, (serial: string) => string> = {
  'an empty list of revocations': (serial) => older(serial, { revoked: [] }, {}),
  'not revoked': (serial) => older(serial, { revoked: false, reason_revoked: null }),
  'false as text': (serial) => older(serial, { revoked: 'False', revoked_at: '' }),
  'of another certificate': () => older('12345', { revoked: true }),
  'speaking of it in its notes': (serial) => older(serial, { notes: '"revoked": true' }),
};

async function write({ at, serials }: Filled, form: (serial: string, whole: string) => string | Buffer) {
  const path = at(`${USAGE}/alice/metadata.json`);
  const content = form(serials.alice, await readFile(path, 'utf8'));
  await writeFile(path, content);
  return Buffer.from(content);
}

const damagedCopies = async ({ at }: Filled) =>
  (await readdir(at(`${USAGE}/alice`))).filter((name) => name.startsWith('metadata.json.damaged-'));

describe('a damaged metadata.json that still says that its certificate is revoked', () => {
  for (const [what, form] of Object.entries(revokedForms)) {
    it(`is believed by doctor --repair, and stays beside the new one: ${what} (found by a stranger)`, async (t) => {
      const place = await filled(t);
      const damaged = await write(place, form);
      assert.match(
        (await complaints(place.config)).join('\n'),
        /alice\/metadata\.json.*is revoked, which the journal does not know/,
      );
      const { status, output } = await certmate(place.config, 'doctor', '--repair');
      // A CRL without it is found until the next start publishes one.
      assert.match(output, /metadata\.json/);
      assert.ok(status === 0 || /It lacks/.test(output), output);
      const [copy = '', ...more] = await damagedCopies(place);
      assert.deepEqual(more, []);
      assert.deepEqual(await readFile(place.at(`${USAGE}/alice/${copy}`)), damaged);
      const { app, call } = await build(t, { config: place.config });
      const { revocation } = app.store.inventory.get('alice') ?? assert.fail();
      assert.equal(revocation.revoked, true);
      assert.match(String(revocation.revoked_at), /^\d{4}-.*Z$/);
      assert.ok([...app.crl.serials()].includes(place.serials.alice));
      const said = (await call('anonymous', { url: `/api/ocsp/status/${place.serials.alice}` })).json();
      assert.equal(said.certificate_status, 'revoked');
      await app.close();
      assert.deepEqual(await complaints(place.config), []);
    });
  }

  it('is believed where no journal knows the certificate: by a start and by reindex', async (t) => {
    for (const what of ['true at top level', 'a Python dictionary', 'our own form, cut short']) {
      const form = revokedForms[what] ?? assert.fail();
      for (const way of ['start', 'reindex', 'damaged journal'] as const) {
        const place = await filled(t);
        await write(place, form);
        if (way === 'damaged journal') await writeFile(place.at('journal/journal-1.log'), 'nothing of use\n');
        else await rm(place.at('journal'), { recursive: true });
        if (way === 'reindex') await certmate(place.config, 'reindex');
        const { app } = await build(t, { config: place.config });
        const record = app.store.inventory.get('alice');
        assert.equal(record?.revocation.revoked, true, `${way}: ${what}`);
        assert.ok([...app.crl.serials()].includes(place.serials.alice), way);
        await app.close();
        await repaired(place.config);
        assert.equal((await damagedCopies(place)).length, 1, way);
      }
    }
  });

  it('is not invented where the file does not say so, and what else it says is kept', async (t) => {
    for (const [what, form] of Object.entries(goodForms)) {
      const place = await filled(t);
      await write(place, form);
      await rm(place.at('journal'), { recursive: true });
      await certmate(place.config, 'reindex');
      const { app } = await build(t, { config: place.config });
      const record = app.store.inventory.get('alice');
      assert.equal(record?.revocation.revoked, false, what);
      if (what === 'not revoked') {
        assert.equal(record?.notes, 'hers');
        assert.deepEqual([record?.renewal.renewal_enabled, record?.renewal.renewal_threshold_days], [true, 21]);
      }
      await app.close();
    }
  });

  it('a hold in it counts only where no whole journal knows better', async (t) => {
    const place = await filled(t);
    await write(place, (serial) => older(serial, {}, { revoked: true, reason_revoked: 'certificateHold' }));
    await repaired(place.config);
    const { app } = await build(t, { config: place.config });
    assert.equal(app.store.inventory.get('alice')?.revocation.revoked, false);
    await app.close();
    await write(place, (serial) => older(serial, {}, { revoked: true, reason_revoked: 'certificateHold' }));
    await rm(place.at('journal'), { recursive: true });
    const again = await build(t, { config: place.config });
    assert.equal(again.app.store.inventory.get('alice')?.revocation.reason_revoked, 'certificateHold');
  });

  it('any later change keeps the damaged file beside the new one', async (t) => {
    const place = await filled(t);
    const damaged = await write(place, () => '{ "half": ');
    const { app, call } = await build(t, { config: place.config });
    const payload = { notes: 'changed' };
    assert.equal(
      (await call('operator', { method: 'PATCH', url: '/api/client-certs/alice', payload })).statusCode,
      200,
    );
    await app.close();
    const [copy = ''] = await damagedCopies(place);
    assert.deepEqual(await readFile(place.at(`${USAGE}/alice/${copy}`)), damaged);
  });

  it('tells of replaced certificates too', () => {
    const text =
      '{"serial_number":"7","revocation":{"revoked":false},"history":[{"serial_number":"5","revoked_at":"2026-01-01T00:00:00Z","reason_revoked":"superseded"},{"serial_number":"6","revoked_at":nul';
    const { revocation, replaced, serials } = salvage(text);
    assert.equal(revocation, null);
    assert.ok(serials.includes('7'));
    assert.equal(replaced.get('5')?.reason_revoked, 'superseded');
    assert.equal(replaced.get('6'), undefined);
  });
});

describe('certmate reindex', () => {
  it('takes final revocations over from the old journal, where neither the damaged file nor a CRL tells of them', async (t) => {
    const place = await filled(t);
    const { at, serials } = place;
    const path = at(`${USAGE}/bob/metadata.json`);
    await writeFile(path, (await readFile(path, 'utf8')).slice(0, 30));
    await rm(at('certs/crl'), { recursive: true });
    await rm(at('certs/ca/crl.pem'));
    await certmate(place.config, 'reindex');
    const { app } = await build(t, { config: place.config });
    assert.equal(app.store.inventory.get('bob')?.revocation.reason_revoked, 'keyCompromise');
    assert.deepEqual([...app.crl.serials()], [serials.bob]);
  });
});
