// CRLs as other programs write them, each signed by the CA's own key and laid beside the certificates.
import assert from 'node:assert/strict';
import { constants, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readCertificate } from '../../../src/pki/certificate.js';
import * as der from '../../../src/pki/der.js';
import { readForeignCrl } from '../../../src/pki/foreign-crl.js';
import { decodePem, encodePem } from '../../../src/pki/pem.js';
import { serialToBytes } from '../../../src/pki/serial.js';
import { isSignedBy } from '../../../src/pki/signed-by.js';
import { build, testConfig } from '../../build.js';
import { certmate } from '../backup/certmate.js';

const T1 = new Date('2026-01-01T00:00:00Z');
const T2 = new Date('2026-02-01T00:00:00Z');
const REASON = { hold: 6, remove: 8, keyCompromise: 1, unknown: 77 };
const NULL = der.nullValue();

interface Entry {
  serial: string;
  reason?: number;
  at?: Buffer;
  extensions?: Buffer[];
}

const extension = (oid: string, value: Buffer, critical = false) =>
  der.sequence(der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value));

function entryOf({ serial, reason, at = der.time(T1), extensions = [] }: Entry): Buffer {
  const all = [...(reason === undefined ? [] : [extension('2.5.29.21', der.enumerated(reason))]), ...extensions];
  const number = der.encode(der.TAG.integer, serialToBytes(serial));
  return der.sequence(number, at, ...(all.length === 0 ? [] : [der.sequence(...all)]));
}

interface Shape {
  version?: Buffer;
  algorithm?: Buffer;
  thisUpdate?: Buffer;
  nextUpdate?: Buffer | null;
  extensions?: Buffer[];
  entries: Buffer[] | null;
  signWith?: (tbs: Buffer) => Buffer;
}

const ECDSA_SHA256 = der.sequence(der.objectIdentifier('1.2.840.10045.4.3.2'));

type Files = Record<string, Buffer | string>;

/** A directory with certificates of alice and bob, a fresh place with the same CA, and CRLs that its key signs. */
async function corpus(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-crls-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const source = await build(t);
  const serials: Record<string, string> = {};
  let bobExpires = '';
  for (const identifier of ['alice', 'bob']) {
    const issued = await source.issue({ identifier });
    serials[identifier] = String(issued['serial_number']);
    bobExpires = String(issued['expires_at']);
    const pem = (await source.call('viewer', { url: `/api/client-certs/${identifier}/download/crt` })).body;
    await writeFile(join(folder, `${identifier}.pem`), pem);
  }
  const ca = join(source.config.dataDir, 'certs/ca');
  const pem = await readFile(join(ca, 'ca.crt'), 'latin1');
  const { subject } = readCertificate(decodePem(pem, ['CERTIFICATE'])[0] ?? Buffer.alloc(0));
  const key = createPrivateKey(await readFile(join(ca, 'ca.key')));
  const crl = (shape: Shape): Buffer => {
    const { version = der.integer(1), algorithm = ECDSA_SHA256, nextUpdate = der.time(T2), entries } = shape;
    const tbs = der.sequence(
      version,
      algorithm,
      subject,
      shape.thisUpdate ?? der.time(T1),
      nextUpdate ?? Buffer.alloc(0),
      entries === null ? Buffer.alloc(0) : der.sequence(...entries),
      shape.extensions === undefined ? Buffer.alloc(0) : der.contextExplicit(0, der.sequence(...shape.extensions)),
    );
    const signature = shape.signWith?.(tbs) ?? sign('sha256', tbs, key);
    return der.sequence(tbs, algorithm, der.bitString(signature));
  };
  /** Status of alice and bob after an import with these files. */
  const after = async (given: Files | ((facts: { bobExpires: string }) => Files)) => {
    const files = typeof given === 'function' ? given({ bobExpires }) : given;
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    const config = await testConfig(t);
    const first = await build(t, { config });
    await first.app.close();
    for (const name of ['ca.crt', 'ca.key', 'ca_metadata.json', 'crl.pem']) {
      const content = name === 'crl.pem' ? null : await readFile(join(ca, name));
      await rm(join(config.dataDir, 'certs/ca', name));
      if (content !== null) await writeFile(join(config.dataDir, 'certs/ca', name), content, { mode: 0o600 });
    }
    await rm(join(config.dataDir, 'certs/crl'), { recursive: true });
    const done = await certmate(config, 'import-certs', '--from', folder);
    for (const name of Object.keys(files)) await rm(join(folder, name));
    assert.ok(!/DerError|\bat .*\.js:\d+/.test(done.output), done.output);
    const { app } = await build(t, { config });
    const status = (identifier: string) => app.store.inventory.get(identifier)?.revocation.reason_revoked ?? 'good';
    const both = app.store.inventory.size === 0 ? 'nothing imported' : `${status('alice')}, ${status('bob')}`;
    const listed = [...app.crl.serials()];
    await app.close();
    return { both, listed, ...done };
  };
  return { crl, after, subject, key, alice: serials['alice'] ?? '', bob: serials['bob'] ?? '' };
}

describe('a CRL that the key of this CA has signed', () => {
  it('is read whatever it lacks or has too much (chris2511/xca#153, Keyfactor/ejbca-ce#775)', async (t) => {
    const { crl, after, bob } = await corpus(t);
    const entries = [entryOf({ serial: bob })];
    const unknown = '1.3.6.1.4.1.99999.1';
    const flags = (...tags: number[]) => der.sequence(...tags.map((tag) => der.encode(tag, Buffer.of(0xff))));
    const idp = (value: Buffer) => [extension('2.5.29.28', value, true)];
    const point = der.encode(0xa0, der.encode(0xa0, der.encode(0x86, Buffer.from('http://crl.example.com/1'))));
    const kinds: Record<string, Buffer> = {
      'version 1 without nextUpdate': crl({ version: Buffer.alloc(0), nextUpdate: null, entries }),
      'critical unknown extension': crl({ extensions: [extension(unknown, NULL, true)], entries }),
      'user certificates only': crl({ extensions: idp(flags(0x81)), entries }),
      'CA certificates only': crl({ extensions: idp(flags(0x82)), entries }),
      'some reasons only': crl({ extensions: idp(der.sequence(der.encode(0x83, Buffer.of(1, 0x40)))), entries }),
      'distribution point': crl({ extensions: idp(der.sequence(point)), entries }),
      indirect: crl({ extensions: idp(flags(0x84)), entries }),
      delta: crl({ extensions: [extension('2.5.29.27', der.integer(1), true)], entries }),
      'damaged extensions': crl({ extensions: [der.sequence(der.integer(5))], entries }),
      'times with a zone': crl({
        thisUpdate: der.encode(der.TAG.generalizedTime, Buffer.from('20260101010000.5+0100')),
        entries: [entryOf({ serial: bob, at: der.encode(der.TAG.utcTime, Buffer.from('2601010000Z')) })],
      }),
      'a revocation date of 1950': crl({
        entries: [entryOf({ serial: bob, at: der.utcTime(new Date('1950-01-01')) })],
      }),
      'a revocation date to come': crl({ entries: [entryOf({ serial: bob, at: der.time(new Date('2190-01-01')) })] }),
      'an unknown reason': crl({ entries: [entryOf({ serial: bob, reason: REASON.unknown })] }),
      'a critical unknown entry extension': crl({
        entries: [entryOf({ serial: bob, extensions: [extension(unknown, NULL, true)] })],
      }),
      'an invalidity date of 1969': crl({
        entries: [
          entryOf({ serial: bob, extensions: [extension('2.5.29.24', der.generalizedTime(new Date('1969-07-20')))] }),
        ],
      }),
    };
    for (const [what, list] of Object.entries(kinds)) {
      const { both, status, output } = await after({ 'crl.der': list });
      assert.equal(both, 'good, unspecified', `${what}: ${output}`);
      assert.equal(status, 0, `${what}: ${output}`);
    }
  });

  it('is found in DER, PEM, base64 alone, PKCS #7, UTF-16, with text in front, and whatever its name ends with', async (t) => {
    const { crl, after, bob } = await corpus(t);
    const list = crl({ entries: [entryOf({ serial: bob, reason: REASON.keyCompromise })] });
    const pem = encodePem('X509 CRL', list);
    // As `openssl crl2pkcs7` bundles it: SignedData with nothing signed.
    const signedData = der.sequence(
      der.integer(1),
      der.setOf(),
      der.sequence(der.objectIdentifier('1.2.840.113549.1.7.1')),
      der.encode(0xa1, list),
      der.setOf(),
    );
    const bundle = der.sequence(der.objectIdentifier('1.2.840.113549.1.7.2'), der.contextExplicit(0, signedData));
    for (const files of [
      { 'list.crl': list },
      { crl: list },
      { 'a1b2c3d4.r0': pem },
      { 'revoked.txt': `Certificate Revocation List (CRL):\n    Version 2\n${pem}` },
      { 'crl.pem': pem.replaceAll('\n', '\r\n') },
      { 'crl.pem': list.toString('base64') },
      { 'crl.txt': list.toString('base64') },
      { 'crl.pem.bak': pem },
      { 'list.pem': Buffer.from(`\uFEFF${pem}`, 'utf16le') },
      { 'bundle.p7b': bundle },
      { 'bundle.pem': encodePem('PKCS7', bundle) },
      { 'crl.pem': `${pem}${encodePem('X509 CRL', crl({ entries: null }))}` },
    ]) {
      const { both, output } = await after(files);
      assert.equal(both, 'good, keyCompromise', `${Object.keys(files)[0]}: ${output}`);
    }
  });

  it('of another CA within an indirect list, or about attribute certificates, revokes nothing here', async (t) => {
    const { crl, after, subject, alice, bob } = await corpus(t);
    const flag = (tag: number) => [extension('2.5.29.28', der.sequence(der.encode(tag, Buffer.of(0xff))), true)];
    const other = der.sequence(der.setOf(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String('Other'))));
    const named = (name: Buffer) => [extension('2.5.29.29', der.sequence(der.encode(0xa4, name)), true)];
    const indirect = crl({
      extensions: flag(0x84),
      entries: [
        entryOf({ serial: '99', extensions: named(other) }),
        // As the one before it.
        entryOf({ serial: alice }),
        entryOf({ serial: bob, extensions: named(subject) }),
      ],
    });
    const { both, listed } = await after({ 'crl.der': indirect });
    assert.equal(both, 'good, unspecified');
    assert.deepEqual(listed, [bob]);
    const attributes = await after({ 'crl.der': crl({ extensions: flag(0x85), entries: [entryOf({ serial: bob })] }) });
    assert.equal(attributes.both, 'good, good');
  });

  it('together with others: the newest tells of holds, a revocation in any stays, a delta lifts nothing by silence', async (t) => {
    const { crl, after, alice, bob } = await corpus(t);
    const [old, late] = [der.time(T1), der.time(T2)];
    const delta = [extension('2.5.29.27', der.integer(1), true)];
    const hold = (serial: string) => entryOf({ serial, reason: REASON.hold });
    const remove = (serial: string) => entryOf({ serial, reason: REASON.remove });
    for (const [files, expected] of [
      [{ 'a.crl': crl({ entries: [hold(bob)] }) }, 'good, certificateHold'],
      [{ 'a.crl': crl({ entries: [hold(bob)] }), 'b.crl': crl({ thisUpdate: late, entries: null }) }, 'good, good'],
      [
        { 'a.crl': crl({ thisUpdate: late, entries: [hold(bob)] }), 'b.crl': crl({ entries: null }) },
        'good, certificateHold',
      ],
      [
        {
          'a.crl': crl({ entries: [hold(bob)] }),
          'b.crl': crl({ thisUpdate: late, extensions: delta, entries: [hold(alice)] }),
        },
        'certificateHold, certificateHold',
      ],
      [
        {
          'a.crl': crl({ entries: [hold(bob)] }),
          'b.crl': crl({ thisUpdate: late, extensions: delta, entries: [remove(bob)] }),
        },
        'good, good',
      ],
      [
        {
          'a.crl': crl({ entries: [entryOf({ serial: bob, reason: REASON.keyCompromise })] }),
          'b.crl': crl({ thisUpdate: late, entries: null }),
        },
        'good, keyCompromise',
      ],
      [
        {
          'a.crl': crl({ thisUpdate: old, entries: [hold(bob)] }),
          'b.crl': crl({ thisUpdate: late, entries: [entryOf({ serial: bob, reason: REASON.keyCompromise })] }),
        },
        'good, keyCompromise',
      ],
      [{ 'a.crl': crl({ entries: [remove(bob)] }) }, 'good, good'],
    ] as const) {
      const { both, output } = await after(files);
      assert.equal(both, expected, output);
    }
  });

  it('beside an index in a folder with the root alone: the certificates that it lists tell whose the index is', async (t) => {
    const { after, bob, subject } = await corpus(t);
    const root = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const spki = root.publicKey.export({ type: 'spki', format: 'der' });
    const name = der.sequence(der.setOf(der.sequence(der.objectIdentifier('2.5.4.3'), der.utf8String('Root'))));
    assert.notDeepEqual(name, subject);
    const constraints = extension('2.5.29.19', der.sequence(der.boolean(true)), true);
    const tbs = der.sequence(
      der.contextExplicit(0, der.integer(2)),
      der.integer(1),
      ECDSA_SHA256,
      name,
      der.sequence(der.time(T1), der.time(T2)),
      name,
      spki,
      der.contextExplicit(3, der.sequence(constraints)),
    );
    const certificate = der.sequence(tbs, ECDSA_SHA256, der.bitString(sign('sha256', tbs, root.privateKey)));
    const { both, output } = await after(({ bobExpires }) => {
      const expiry = bobExpires.replace(/[-:T]/g, '');
      return {
        'root.pem': encodePem('CERTIFICATE', certificate),
        'index.txt': `R\t${expiry.slice(2)}\t261101000000Z\t${BigInt(bob).toString(16)}\tunknown\t/CN=bob\n`,
      };
    });
    assert.equal(both, 'good, unspecified', output);
  });

  it('whose signature or form is damaged stops the import, in whatever file', async (t) => {
    const { crl, after, bob } = await corpus(t);
    const list = crl({ entries: [entryOf({ serial: bob })] });
    const forged = crl({ entries: [entryOf({ serial: bob })], signWith: () => Buffer.alloc(70, 1) });
    const algorithm = der.sequence(der.objectIdentifier('1.3.6.1.4.1.99999.7'));
    for (const files of [
      { 'list.crl': forged },
      { 'x.der': forged },
      { 'list.crl': list.subarray(0, list.length - 30) },
      { 'backup.pem': encodePem('X509 CRL', list).replace(/-----END[^]*$/, '') },
      { 'list.crl': crl({ algorithm, entries: [entryOf({ serial: bob })] }) },
    ]) {
      const { both, status, output } = await after(files);
      assert.equal(both, 'nothing imported', output);
      assert.equal(status, 1);
      assert.match(output, /Nothing was imported/);
    }
  });
});

describe('a signature', () => {
  it('is verified in every algorithm that a CA may have used', async (t) => {
    const data = Buffer.from('signed');
    const pss = (hash: string, salt: number) =>
      der.sequence(
        der.objectIdentifier('1.2.840.113549.1.1.10'),
        der.sequence(
          der.contextExplicit(0, der.sequence(der.objectIdentifier(hash))),
          der.contextExplicit(2, der.integer(salt)),
        ),
      );
    const plain = (oid: string) => der.sequence(der.objectIdentifier(oid), NULL);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const ec = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    const ed = generateKeyPairSync('ed25519');
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    const cases: [Buffer, KeyObject, Buffer][] = [
      [plain('1.2.840.113549.1.1.4'), rsa.publicKey, sign('md5', data, rsa.privateKey)],
      [plain('1.2.840.113549.1.1.5'), rsa.publicKey, sign('sha1', data, rsa.privateKey)],
      [plain('1.2.840.113549.1.1.13'), rsa.publicKey, sign('sha512', data, rsa.privateKey)],
      [
        pss('2.16.840.1.101.3.4.2.1', 32),
        rsa.publicKey,
        sign('sha256', data, { key: rsa.privateKey, padding, saltLength: 32 }),
      ],
      [
        pss('2.16.840.1.101.3.4.2.3', 20),
        rsa.publicKey,
        sign('sha512', data, { key: rsa.privateKey, padding, saltLength: 20 }),
      ],
      [der.sequence(der.objectIdentifier('1.2.840.10045.4.1')), ec.publicKey, sign('sha1', data, ec.privateKey)],
      [der.sequence(der.objectIdentifier('1.2.840.10045.4.3.4')), ec.publicKey, sign('sha512', data, ec.privateKey)],
      [der.sequence(der.objectIdentifier('1.3.101.112')), ed.publicKey, sign(null, data, ed.privateKey)],
    ];
    for (const [index, [algorithm, key, signature]] of cases.entries()) {
      assert.equal(isSignedBy(algorithm, data, signature, key), true, `${index}`);
      assert.equal(isSignedBy(algorithm, Buffer.from('other'), signature, key), false, `${index}`);
    }
    t.diagnostic(`${cases.length} algorithms`);
  });
});

describe('reading a foreign CRL', () => {
  it('never throws anything but a DerError, wherever it is cut or changed', async (t) => {
    const { crl, bob } = await corpus(t);
    const list = crl({
      extensions: [extension('2.5.29.20', der.integer(7))],
      entries: [entryOf({ serial: bob, reason: 6 })],
    });
    const attempt = (bytes: Buffer) => {
      try {
        readForeignCrl(bytes);
      } catch (error) {
        assert.equal((error as Error).name, 'DerError', String(error));
      }
    };
    for (let length = 0; length < list.length; length += 1) attempt(list.subarray(0, length));
    for (let at = 0; at < list.length; at += 1) {
      for (const value of [0x00, 0x30, 0x80, 0xff]) {
        const changed = Buffer.from(list);
        changed[at] = value;
        attempt(changed);
      }
    }
  });
});
