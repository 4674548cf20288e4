import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { localSigner } from '../../src/crypto/file-signer.js';
import { assembleSigned, buildTbsCertificate } from '../../src/pki/certificate.js';
import { findCrlEntry } from '../../src/pki/crl-search.js';
import { integer, nullValue, objectIdentifier, octetString, sequence } from '../../src/pki/der.js';
import { extendedKeyUsage } from '../../src/pki/extensions.js';
import { encodeName } from '../../src/pki/names.js';
import { assembleOcspResponse, buildResponseData, type OcspStatus } from '../../src/pki/ocsp.js';
import { buildOcspRequest, doubtOf, readOcspResponse } from '../../src/pki/ocsp-client.js';
import { OID } from '../../src/pki/oids.js';
import { newSerial } from '../../src/pki/serial.js';
import { build } from '../build.js';
import { keyFor } from './authority.js';

const NOW = new Date('2026-11-21T20:38:00Z');
const [caKey, responderKey] = [keyFor('ecdsa-sha256'), keyFor('ecdsa-sha256')];
const CA = encodeName([{ type: 'CN', value: 'CA' }]);
const issuer = { subject: CA, publicKey: createPublicKey(caKey) };

/** The certificate of a responder, valid from ten seconds before NOW to ten after it, unless `changes` say otherwise. */
async function responderOf(changes: { by?: KeyObject; purposes?: string[]; from?: number; to?: number } = {}) {
  const { by = caKey, purposes = [OID.ocspSigning], from = -10, to = 10 } = changes;
  const signer = localSigner(by);
  const tbs = buildTbsCertificate({
    serial: newSerial(randomBytes(16)),
    issuer: CA,
    subject: encodeName([{ type: 'CN', value: 'responder' }]),
    notBefore: new Date(NOW.getTime() + from * 1000),
    notAfter: new Date(NOW.getTime() + to * 1000),
    subjectPublicKeyInfo: createPublicKey(responderKey).export({ type: 'spki', format: 'der' }),
    extensions: [extendedKeyUsage(purposes)],
    scheme: signer.scheme,
  });
  return assembleSigned(tbs, signer.scheme, await signer.sign(tbs));
}

/** An answer about so many certificates; signed by this key, with this certificate in it. */
async function answerBy(key: KeyObject, responder: Buffer | null, count = 1): Promise<Buffer> {
  const certId = sequence(
    sequence(objectIdentifier(OID.sha1), nullValue()),
    octetString(Buffer.alloc(20, 1)),
    octetString(Buffer.alloc(20, 2)),
    integer(5),
  );
  const single = {
    certId,
    status: 'good' as OcspStatus,
    thisUpdate: NOW,
    nextUpdate: new Date(NOW.getTime() + 60_000),
  };
  const responses = Array.from({ length: count }, () => single);
  const data = buildResponseData({ responderKeyHash: Buffer.alloc(20), producedAt: NOW, responses, nonce: null });
  const signer = localSigner(key);
  return assembleOcspResponse(data, signer.scheme, await signer.sign(data), responder === null ? [] : [responder]);
}

test('an answer is believed if the CA has signed it, or a responder that the CA certified for it and that is valid now', async () => {
  const doubt = async (key: KeyObject, responder: Buffer | null) =>
    doubtOf(readOcspResponse(await answerBy(key, responder)), issuer, NOW);
  assert.equal(await doubt(caKey, null), null);
  assert.match((await doubt(responderKey, null)) ?? '', /not the CA’s/);
  assert.equal(await doubt(responderKey, await responderOf()), null);
  assert.match((await doubt(caKey, await responderOf())) ?? '', /signature is wrong/);
  assert.match((await doubt(responderKey, await responderOf({ by: responderKey }))) ?? '', /not certified by this CA/);
  const client = await responderOf({ purposes: [OID.clientAuth] });
  assert.match(
    (await doubt(responderKey, client)) ?? '',
    /not certified for OCSP/,
    'a client cannot answer for the CA',
  );
  assert.equal(await doubt(responderKey, await responderOf({ from: 0 })), null, 'its first second counts');
  assert.equal(await doubt(responderKey, await responderOf({ to: 0 })), null, 'and its last');
  assert.match((await doubt(responderKey, await responderOf({ from: 1 }))) ?? '', /expired/, 'it is not valid yet');
  assert.match((await doubt(responderKey, await responderOf({ to: -1 }))) ?? '', /expired/);
});

test('an answer about two certificates is not read: nobody has asked about two', async () => {
  const two = await answerBy(caKey, null, 2);
  assert.throws(() => readOcspResponse(two), /more than one certificate/);
  assert.equal(readOcspResponse(await answerBy(caKey, null)).serial, '5');
});

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
