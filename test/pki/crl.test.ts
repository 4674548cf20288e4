import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { localSigner } from '../../src/crypto/file-signer.js';
import { signatureAlgorithm } from '../../src/pki/certificate.js';
import {
  assembleSignedPieces,
  buildTbsCertList,
  type CrlEntry,
  decodeCrlEntry,
  encodeCrlEntry,
  readCrl,
} from '../../src/pki/crl.js';
import { assertDer, bitString, contextExplicit, DerError, integer, sequence, time } from '../../src/pki/der.js';
import { crlNumber, type Extension, encodeExtensions, reasonCode } from '../../src/pki/extensions.js';
import { readForeignCrl } from '../../src/pki/foreign-crl.js';
import { encodeName } from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { encodePem } from '../../src/pki/pem.js';
import type { RevocationReason, SignatureScheme } from '../../src/types.js';
import { keyFor, makeAuthority, type TestAuthority } from './authority.js';
import { mutate, seeded } from './mutations.js';
import { output, run, scratch, without } from './programs.js';

const path = scratch();
const openssl = { skip: without('openssl') };
const schemes: SignatureScheme[] = ['rsa-sha256', 'ecdsa-sha256', 'ecdsa-sha384', 'ed25519'];
const reasons: RevocationReason[] = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
];
const thisUpdate = new Date('2026-11-21T20:38:00Z');
const nextUpdate = new Date('2036-11-28T20:38:00Z');
const revokedAt = new Date('2026-11-20T01:02:03Z');

const plainKey = localSigner(keyFor('ecdsa-sha256'));
const issuer = encodeName([{ type: 'CN', value: 'CertMate CA' }]);

function entry(serial: bigint | number, change: Partial<CrlEntry> = {}): CrlEntry {
  return { serial: `${serial}`, revokedAt, reason: 'unspecified', invalidityDate: null, ...change };
}

interface Parts {
  entries?: readonly CrlEntry[];
  number?: bigint;
  thisUpdate?: Date;
  nextUpdate?: Date;
}

/** A signed CRL: by the authority, or by a key that no certificate belongs to. */
async function crl(parts: Parts = {}, authority?: TestAuthority): Promise<Buffer> {
  const signer = authority?.signer ?? plainKey;
  const pieces = buildTbsCertList({
    issuer: authority?.certificate.subject ?? issuer,
    thisUpdate: parts.thisUpdate ?? thisUpdate,
    nextUpdate: parts.nextUpdate ?? nextUpdate,
    number: parts.number ?? 1n,
    authorityKeyIdentifier: authority?.certificate.keyIdentifier ?? Buffer.alloc(20, 9),
    entries: (parts.entries ?? []).map(encodeCrlEntry),
    scheme: signer.scheme,
  });
  return Buffer.concat(assembleSignedPieces(pieces, signer.scheme, await signer.sign(pieces)));
}

function opensslText(der: Buffer): string {
  return output('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], der).toString();
}

test('what is written is read back: every reason, invalidity dates, large serial numbers, times beyond 2049', async () => {
  const entries = [
    ...reasons.map((reason, n) => entry(n + 1, { reason })),
    entry(2n ** 159n - 1n, { reason: 'keyCompromise', invalidityDate: new Date('2026-01-02T03:04:05Z') }),
    entry(2n ** 127n, { invalidityDate: new Date('2026-01-02T03:04:05Z') }),
    entry(4711, { revokedAt: new Date('2050-01-01T00:00:00Z') }),
  ];
  const read = readCrl(await crl({ entries, number: 2n ** 64n, nextUpdate: new Date('2050-01-01T00:00:00Z') }));
  assert.deepEqual([...read.entries], entries);
  assert.equal(read.count, entries.length);
  assert.equal(read.number, 2n ** 64n);
  assert.deepEqual(read.issuer, issuer);
  assert.deepEqual(read.thisUpdate, thisUpdate);
  assert.deepEqual(read.nextUpdate, new Date('2050-01-01T00:00:00Z'));
  assert.equal(read.scheme, 'ecdsa-sha256');
  assert.equal(verify('sha256', read.tbs, plainKey.publicKey, read.signature), true);
});

test('a CRL is strict DER', async () => {
  assertDer(await crl());
  assertDer(await crl({ entries: reasons.map((reason, n) => entry(n + 1, { reason, invalidityDate: revokedAt })) }));
});

test('without entries revokedCertificates is absent, not empty', openssl, async () => {
  const der = await crl();
  assert.equal(readCrl(der).count, 0);
  assert.deepEqual([...readCrl(der).entries], []);
  assert.match(opensslText(der), /No Revoked Certificates/);
  // Between nextUpdate and [0] crlExtensions nothing may stand (RFC 5280 §5.1.2.6).
  assert.ok(der.includes(Buffer.concat([Buffer.from('170d3336313132383230333830305a', 'hex'), Buffer.from([0xa0])])));
});

test('the reason unspecified is left out, and an entry without a reason has no extensions', () => {
  const plain = encodeCrlEntry(entry(5));
  assert.equal(plain.toString('hex'), '3012020105170d3236313132303031303230335a');
  assert.equal(encodeCrlEntry(entry(5, { invalidityDate: revokedAt })).includes(Buffer.from('551d15', 'hex')), false);
});

test('the invalidity date is a GeneralizedTime also before 2050', () => {
  const encoded = encodeCrlEntry(entry(5, { invalidityDate: new Date('2026-01-02T03:04:05Z') }));
  assert.ok(encoded.includes(Buffer.from('\x18\x0f20260102030405Z', 'latin1')));
});

test('times are UTCTime up to the last second of 2049 and GeneralizedTime from 2050', () => {
  const at = (time: string): Buffer => encodeCrlEntry(entry(1, { revokedAt: new Date(time) }));
  assert.ok(at('2049-12-31T23:59:59Z').includes(Buffer.from('\x17\x0d491231235959Z', 'latin1')));
  assert.ok(at('2050-01-01T00:00:00Z').includes(Buffer.from('\x18\x0f20500101000000Z', 'latin1')));
});

test('several entries may come in one Buffer, and none of them is copied', async () => {
  const all = Buffer.concat([1, 2, 3].map((n) => encodeCrlEntry(entry(n))));
  const template = {
    issuer,
    thisUpdate,
    nextUpdate,
    number: 1n,
    authorityKeyIdentifier: Buffer.alloc(20),
    scheme: plainKey.scheme,
  };
  const pieces = buildTbsCertList({ ...template, entries: [all] });
  assert.ok(pieces.includes(all));
  const signed = assembleSignedPieces(pieces, plainKey.scheme, await plainKey.sign(pieces));
  assert.ok(signed.includes(all));
  assert.equal(readCrl(Buffer.concat(signed)).count, 3);
});

test('a number of more than 20 octets, and a nextUpdate that is not later, are refused', async () => {
  assert.equal(readCrl(await crl({ number: 2n ** 159n - 1n })).number, 2n ** 159n - 1n);
  await assert.rejects(crl({ number: 2n ** 159n }), RangeError);
  await assert.rejects(crl({ number: -1n }), RangeError);
  await assert.rejects(crl({ nextUpdate: thisUpdate }), RangeError);
});

for (const scheme of schemes) {
  test(`${scheme}: openssl crl -verify accepts it, empty and with 1000 entries`, openssl, async () => {
    const authority = makeAuthority(path, scheme);
    const entries = Array.from({ length: 1000 }, (_, n) => entry(BigInt(n + 1) << 100n, { reason: 'superseded' }));
    for (const some of [[], entries.slice(0, 1), entries]) {
      const der = await crl({ entries: some, number: 255n }, authority);
      const judged = run('openssl', ['crl', '-inform', 'DER', '-CAfile', authority.certificateFile, '-noout'], der);
      assert.match(judged.text, /verify OK/);
      const text = opensslText(der);
      assert.match(text, /Version 2/);
      assert.match(text, /X509v3 CRL Number: *\n *255\n/);
      assert.equal(text.match(/Serial Number:/g)?.length ?? 0, some.length);
      const identifier = authority.certificate.keyIdentifier
        ?.toString('hex')
        .toUpperCase()
        .replace(/..(?=.)/g, '$&:');
      assert.ok(text.includes(identifier as string));
    }
  });
}

test('openssl reads every reason as meant, and the dates', openssl, async () => {
  const entries = reasons.map((reason, n) =>
    entry(n + 1, { reason, invalidityDate: new Date('2026-01-02T03:04:05Z') }),
  );
  const text = opensslText(await crl({ entries }));
  const named = [...text.matchAll(/CRL Reason Code: *\n *(.+)/g)].map((match) => match[1]);
  assert.deepEqual(named, [
    'Key Compromise',
    'CA Compromise',
    'Affiliation Changed',
    'Superseded',
    'Cessation Of Operation',
    'Certificate Hold',
    'Privilege Withdrawn',
    'AA Compromise',
  ]);
  assert.equal(text.match(/Invalidity Date: *\n *Jan {2}2 03:04:05 2026 GMT/g)?.length, reasons.length);
  assert.equal(text.match(/Revocation Date: Nov 20 01:02:03 2026 GMT/g)?.length, reasons.length);
});

test('certtool --verify-crl accepts it', { skip: without('openssl', 'certtool') }, async () => {
  const authority = makeAuthority(path, 'ecdsa-sha256');
  const entries = reasons.map((reason, n) => entry(n + 1, { reason }));
  // GnuTLS judges by the time of the machine.
  const now = Date.now();
  const der = await crl(
    { entries, thisUpdate: new Date(now - 60_000), nextUpdate: new Date(now + 86_400_000) },
    authority,
  );
  const judged = run(
    'certtool',
    ['--verify-crl', '--load-ca-certificate', authority.certificateFile],
    encodePem('X509 CRL', der),
  );
  assert.match(judged.text, /Verified\./);
  const info = output('certtool', ['--crl-info', '--inder'], der).toString();
  assert.match(info, /Revoked certificates \(9\)/);
});

test('openssl verify finds a revoked certificate on it', openssl, async () => {
  const authority = makeAuthority(path, 'ecdsa-sha256');
  const [leaf, csr, file] = [path('leaf.pem'), path('leaf.csr'), path('crl.pem')];
  const issue = ['-CA', authority.certificateFile, '-CAkey', authority.keyFile, '-set_serial', '4711', '-days', '30'];
  output('openssl', ['req', '-new', '-key', authority.keyFile, '-subj', '/CN=leaf', '-out', csr]);
  output('openssl', ['x509', '-req', '-in', csr, ...issue, '-out', leaf]);
  const judge = async (entries: CrlEntry[]): Promise<string> => {
    const past = new Date(Date.now() - 60_000);
    writeFileSync(file, encodePem('X509 CRL', await crl({ entries, thisUpdate: past }, authority)));
    return run('openssl', ['verify', '-crl_check', '-CAfile', authority.certificateFile, '-CRLfile', file, leaf]).text;
  };
  assert.match(await judge([entry(4712)]), /: OK/);
  assert.match(await judge([entry(4710), entry(4711), entry(4712)]), /certificate revoked/);
});

test('100 000 entries are built, signed and counted in the order of a second', async () => {
  const one = (n: number): Buffer => encodeCrlEntry(entry(BigInt(n) << 64n, { reason: 'superseded' }));
  const entries = Array.from({ length: 100_000 }, (_, n) => one(n + 1));
  const started = performance.now();
  const template = {
    issuer,
    thisUpdate,
    nextUpdate,
    number: 7n,
    authorityKeyIdentifier: Buffer.alloc(20),
    scheme: plainKey.scheme,
  };
  const pieces = buildTbsCertList({ ...template, entries });
  const der = Buffer.concat(assembleSignedPieces(pieces, plainKey.scheme, await plainKey.sign(pieces)));
  assert.equal(readCrl(der).count, 100_000);
  const elapsed = performance.now() - started;
  assert.ok(elapsed < 2000, `${elapsed} ms`);
});

test('a CRL that is not of our kind is refused by the reader', openssl, async () => {
  const der = await crl({ entries: [entry(1)] });
  assert.throws(() => readCrl(Buffer.concat([der, Buffer.from([0])])), DerError);
  assert.throws(() => readCrl(der.subarray(0, -1)), DerError);
  assert.throws(() => readCrl(Buffer.alloc(0)), DerError);
  const authority = makeAuthority(path, 'ecdsa-sha256');
  const [config, index] = [path('ca.cnf'), path('index.txt')];
  writeFileSync(index, '');
  writeFileSync(config, `[ca]\ndefault_ca=x\n[x]\ndatabase=${index}\ndefault_md=sha256\n`);
  const sign = ['-cert', authority.certificateFile, '-keyfile', authority.keyFile, '-crldays', '1'];
  const version1 = output('openssl', ['ca', '-config', config, '-gencrl', ...sign]);
  const foreign = output('openssl', ['crl', '-outform', 'DER'], version1);
  assert.throws(() => readCrl(foreign), DerError);
});

/** A CRL with some of its parts in another form; not signed, which the reader does not look at. */
function written(parts: {
  version?: Buffer;
  inner?: Buffer;
  revoked?: Buffer;
  extensions?: readonly Extension[];
  signature?: Buffer;
}): Buffer {
  const algorithm = signatureAlgorithm('ecdsa-sha256');
  const tbs = sequence(
    parts.version ?? integer(1),
    parts.inner ?? algorithm,
    issuer,
    time(thisUpdate),
    time(nextUpdate),
    ...(parts.revoked ? [parts.revoked] : []),
    contextExplicit(0, encodeExtensions(parts.extensions ?? [crlNumber(7n)])),
  );
  return sequence(tbs, algorithm, parts.signature ?? bitString(Buffer.alloc(8)));
}
const critical = (oid: string, value = integer(1)): Extension => ({ oid, critical: true, value });

test('a CRL that does not say all that a full one says is refused: a delta, one of limited scope, one of extensions unknown', () => {
  assert.equal(readCrl(written({})).number, 7n);
  const [delta, scope] = [OID.deltaCrlIndicator, OID.issuingDistributionPoint];
  for (const oid of [delta, scope, '1.2.3.4']) {
    const named = new RegExp(`critical extension ${oid.replaceAll('.', '\\.')}`);
    const extensions = [crlNumber(7n), critical(oid)];
    assert.throws(() => readCrl(written({ extensions })), named);
    assert.throws(() => readCrl(written({ extensions: extensions.toReversed() })), named);
  }
  const harmless = { oid: '1.2.3.4', critical: false, value: integer(1) };
  assert.equal(readCrl(written({ extensions: [harmless, crlNumber(7n)] })).number, 7n);
});

test('a CRL of another program says nothing of what it does not list if it is a delta, of limited scope, or not understood', () => {
  const isComplete = (...extensions: Extension[]) => readForeignCrl(written({ extensions })).isComplete;
  const harmless = { oid: '1.2.3.4', critical: false, value: integer(1) };
  assert.equal(isComplete(crlNumber(7n), harmless), true);
  assert.equal(isComplete(crlNumber(7n), critical(OID.deltaCrlIndicator)), false, 'a delta');
  assert.equal(isComplete({ ...critical(OID.deltaCrlIndicator), critical: false }), false, 'a delta that hides it');
  assert.equal(isComplete(critical('1.2.3.4')), false, 'a critical extension that is not known');
  const scope = (...fields: Buffer[]) => critical(OID.issuingDistributionPoint, sequence(...fields));
  const flag = (tag: number) => Buffer.from([tag, 1, 0xff]);
  assert.equal(isComplete(scope()), true);
  assert.equal(isComplete(scope(flag(0x81))), true, 'user certificates only');
  for (const tag of [0x82, 0x83, 0x84, 0x85]) assert.equal(isComplete(scope(flag(tag))), false, tag.toString(16));
  assert.equal(isComplete(critical(OID.issuingDistributionPoint, Buffer.from('05', 'hex'))), false, 'not to be read');
});

test('a CRL without number, with a negative one, of another version, or that contradicts itself is refused', () => {
  const cases: [string, Parameters<typeof written>[0], RegExp][] = [
    ['no number', { extensions: [{ oid: '1.2.3.4', critical: false, value: integer(1) }] }, /no number/],
    [
      'a negative number',
      { extensions: [{ oid: OID.crlNumber, critical: false, value: Buffer.from('0201ff', 'hex') }] },
      /no number/,
    ],
    ['version 1', { version: integer(0) }, /not version 2/],
    ['version 3', { version: integer(2) }, /not version 2/],
    ['two algorithms', { inner: signatureAlgorithm('ecdsa-sha384') }, /algorithms differ/],
    ['an empty list', { revoked: sequence() }, /revokedCertificates is empty/],
    ['half an octet', { signature: Buffer.from('03020780', 'hex') }, /whole octets/],
  ];
  for (const [what, parts, said] of cases) assert.throws(() => readCrl(written(parts)), said, what);
});

test('an entry with a critical extension that is not known is refused, one that is not critical is passed over', () => {
  const entryWith = (extension: Extension) =>
    sequence(integer(5), time(revokedAt), encodeExtensions([extension, reasonCode('superseded')]));
  const unknown = { oid: '1.2.3.4', critical: false, value: integer(1) };
  assert.equal(decodeCrlEntry(entryWith(unknown)).reason, 'superseded');
  assert.throws(() => decodeCrlEntry(entryWith({ ...unknown, critical: true })), /critical extension 1\.2\.3\.4/);
  const wrongReason = { oid: OID.reasonCode, critical: false, value: Buffer.from('0a0107', 'hex') };
  assert.throws(
    () => decodeCrlEntry(sequence(integer(5), time(revokedAt), encodeExtensions([wrongReason]))),
    /unknown revocation reason/,
  );
});

test('the number and the dates of a CRL have their limits', () => {
  const template = {
    issuer,
    thisUpdate,
    nextUpdate,
    number: 0n,
    authorityKeyIdentifier: Buffer.alloc(20),
    entries: [],
  };
  const make = (change: object) => buildTbsCertList({ ...template, scheme: 'ecdsa-sha256', ...change });
  make({});
  make({ number: (1n << 159n) - 1n });
  for (const number of [-1n, 1n << 159n]) assert.throws(() => make({ number }), RangeError);
  make({ nextUpdate: new Date(thisUpdate.getTime() + 1000) });
  for (const later of [0, -1000])
    assert.throws(() => make({ nextUpdate: new Date(thisUpdate.getTime() + later) }), RangeError);
});

test('4000 mutated CRLs are read or refused as malformed, and nothing else happens', async () => {
  const random = seeded(5280);
  const der = await crl({ entries: reasons.map((reason, n) => entry(n + 1, { reason, invalidityDate: revokedAt })) });
  for (let n = 0; n < 4000; n += 1) {
    const bytes = mutate(der, random);
    try {
      for (const { serial } of readCrl(bytes).entries) assert.match(serial, /^-?\d+$/);
    } catch (error) {
      if (!(error instanceof DerError)) assert.fail(`${bytes.toString('hex')} → ${String(error)}`);
    }
  }
});
