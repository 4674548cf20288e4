import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCrlEntry } from '../../src/pki/crl-search.js';
import { buildOcspRequest, doubtOf, readOcspResponse } from '../../src/pki/ocsp-client.js';
import { build } from '../build.js';

test('an answer of our own responder is read, believed, and doubted once an octet of it is changed', async (t) => {
  const { app, issue, call } = await build(t);
  const issuer = { subject: app.authority.certificate.subject, publicKey: app.authority.signer.publicKey };
  const { identifier, serial_number: serial } = await issue();
  const asked = async () => {
    const request = buildOcspRequest(app.authority.certificate, String(serial));
    return Buffer.from((await app.ocsp.respond(request)).text, 'latin1');
  };
  const good = readOcspResponse(await asked());
  assert.equal(good.status, 'good');
  assert.equal(good.serial, serial);
  assert.equal(doubtOf(good, issuer, app.clock.now()), null);
  assert.match(doubtOf(good, issuer, new Date(Date.now() + 400 * 86_400_000)) ?? '', /expired/);

  await call('admin', {
    method: 'POST',
    url: `/api/client-certs/${identifier}/revoke`,
    payload: { reason: 'keyCompromise' },
  });
  const bytes = await asked();
  const revoked = readOcspResponse(bytes);
  assert.equal(typeof revoked.status === 'object' && revoked.status.reason, 'keyCompromise');
  const at = bytes.indexOf(revoked.tbs) + revoked.tbs.length - 8;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  assert.match(
    doubtOf({ ...revoked, tbs: bytes.subarray(at - revoked.tbs.length + 8, at + 8) }, issuer, app.clock.now()) ?? '',
    /signature/,
  );
});

test('an error of the responder is told by its name', () => {
  assert.throws(() => readOcspResponse(Buffer.from('30030a0106', 'hex')), /unauthorized/);
});

test('a serial number is found on a CRL, and one that is not there is not', async (t) => {
  const { app, issue, call } = await build(t);
  const [gone, good] = [await issue(), await issue()];
  await call('admin', {
    method: 'POST',
    url: `/api/client-certs/${gone.identifier}/revoke`,
    payload: { reason: 'superseded' },
  });
  const { pieces } = app.crl.current;
  assert.equal(findCrlEntry(pieces, String(gone['serial_number']))?.reason, 'superseded');
  assert.equal(findCrlEntry(pieces, String(good['serial_number'])), null);
  // The number of the version and of the list stand in it as INTEGERs, too: no entry is made of them.
  assert.equal(findCrlEntry(pieces, '1'), null);
  assert.equal(findCrlEntry(pieces, String(app.crl.current.number)), null);
});
