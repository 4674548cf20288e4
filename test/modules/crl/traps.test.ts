import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { importAuthority } from '../../../src/modules/ca/establish.js';
import { DerReader } from '../../../src/pki/der.js';
import { decodeExtensions } from '../../../src/pki/extensions.js';
import { OID } from '../../../src/pki/oids.js';
import { Folder } from '../../../src/store/folder.js';
import { build, testConfig } from '../../build.js';
import { without } from '../../pki/programs.js';
import { madeElsewhere } from '../ca/elsewhere.js';

/** The extensions of a CRL, by our reader alone: the last element of its TBSCertList, in [0] (RFC 5280 §5.1). */
function extensionsOf(crl: Buffer) {
  const fields = new DerReader(crl).sequence().sequence();
  let last = fields.read();
  while (!fields.atEnd) last = fields.read();
  return decodeExtensions(last.reader().read().raw);
}

it('a CRL has no issuing distribution point: its scope is all (mathiasertl/django-ca#64, smallstep/certificates#2511)', async (t) => {
  const { app } = await build(t);
  const extensions = extensionsOf(app.crl.current.der);
  assert.deepEqual(
    extensions.map(({ oid }) => oid),
    [OID.authorityKeyIdentifier, OID.crlNumber],
  );
});

it("a CRL names the CA's own key, not the key above it (ultimate-ca-manager#202)", {
  skip: without('openssl'),
}, async (t) => {
  const read = await madeElsewhere(t, ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']);
  const config = await testConfig(t);
  const files = { certificate: await read('sub.crt'), key: await read('sub.key'), chain: await read('root.crt') };
  await importAuthority(new Folder(join(config.dataDir, 'certs', 'ca')), files, null, null, new Date());
  const { app } = await build(t, { config });
  const { keyIdentifier, certificate } = app.authority;
  const above = certificate.extensions.find(({ oid }) => oid === OID.authorityKeyIdentifier)?.value;
  const named = extensionsOf(app.crl.current.der).find(({ oid }) => oid === OID.authorityKeyIdentifier)?.value;
  assert.ok(named);
  assert.ok(named.includes(keyIdentifier));
  assert.ok(above && !named.equals(above));
});

it('revoking a certificate costs little more with 16 900 on the CRL than with none (hashicorp/vault#9176)', async (t) => {
  const { app, issue, call } = await build(t);
  const record = await issue({ identifier: 'first' });
  const known = app.store.inventory.get(record.identifier);
  assert.ok(known);
  const revoke = async (): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const { identifier } = await issue();
      const start = performance.now();
      const answer = await call('admin', {
        method: 'POST',
        url: `/api/client-certs/${identifier}/revoke`,
        payload: {},
      });
      times.push(performance.now() - start);
      assert.equal(answer.statusCode, 200, answer.body);
    }
    return times.sort((a, b) => a - b)[2] as number;
  };
  const short = await revoke();
  for (let n = 1; n <= 16_900; n += 1) {
    const revocation = {
      revoked: true,
      revoked_at: known.created_at,
      reason_revoked: 'keyCompromise',
      invalidity_date: null,
    } as const;
    app.crl.note({ ...known, serial_number: String(10n ** 30n + BigInt(n)), revocation }, null);
  }
  const long = await revoke();
  assert.equal(app.crl.current.count, 16_910);
  // What it cost there was 2 to 3 s, hundreds of times a short one; here entries are kept as bytes.
  assert.ok(long < 30 * short, `${long.toFixed(1)} ms against ${short.toFixed(1)} ms`);
});
