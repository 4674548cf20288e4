import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { localSigner } from '../../src/crypto/file-signer.js';
import { CertMateError, type ErrorCode } from '../../src/errors.js';
import { assembleSigned } from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import { parseGeneralName } from '../../src/pki/general-names.js';
import { encodeName } from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { encodePem } from '../../src/pki/pem.js';
import { buildRequestInfo, readRequest } from '../../src/pki/request.js';
import type { SignatureScheme } from '../../src/types.js';
import { keyFor } from './authority.js';
import { mutate, seeded } from './mutations.js';
import { output, run, scratch, without } from './programs.js';

const { sequence, setOf, objectIdentifier, octetString, integer, nullValue, boolean } = der;
const path = scratch();
const openssl = { skip: without('openssl') };
const label = 'CERTIFICATE REQUEST';
const key = generateKeyPairSync('ed25519').privateKey;
const spki = spkiOf(key);
const subject = encodeName([
  { type: 'CN', value: 'alice@example.com' },
  { type: 'O', value: 'ACME' },
]);

function spkiOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
}

/** CertificationRequestInfo with the attributes given, whatever they are. */
function info(attributes: Buffer[], change: { version?: Buffer; spki?: Buffer; subject?: Buffer } = {}): Buffer {
  const { version = integer(0), spki: publicKey = spki, subject: name = subject } = change;
  return sequence(version, name, publicKey, der.contextConstructed(0, ...attributes));
}

function signed(tbs: Buffer): Buffer {
  return assembleSigned(tbs, 'ed25519', sign(null, tbs, key));
}

function extensionRequest(...extensions: Buffer[]): Buffer {
  return sequence(objectIdentifier(OID.extensionRequest), setOf(sequence(...extensions)));
}

function extension(oid: string, value: Buffer, critical = false): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

function dnsNames(...names: string[]): Buffer {
  return sequence(...names.map((name) => der.contextPrimitive(2, Buffer.from(name))));
}

function refused(input: string | Buffer, code: ErrorCode = 'INVALID_CSR', message = /./): void {
  assert.throws(
    () => readRequest(input),
    (error) => {
      assert.ok(error instanceof CertMateError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

/** A request by openssl, as PEM; `options` go to `openssl req`. */
function byOpenssl(keyOptions: string[], options: string[] = []): string {
  const keyFile = path('openssl.key');
  output('openssl', ['genpkey', ...keyOptions, '-out', keyFile]);
  return output('openssl', ['req', '-new', '-key', keyFile, '-subj', '/CN=alice/O=ACME', ...options]).toString();
}

const rsa = (bits: number): string[] => ['-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`];
const ec = (curve: string): string[] => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
const ed25519 = ['-algorithm', 'ED25519'];

test('requests by openssl are read: RSA, the three curves and Ed25519, with every digest of SHA-2', openssl, () => {
  const cases: [string[], string[], string][] = [
    [rsa(2048), [], 'rsa-sha256'],
    [rsa(2048), ['-sha384'], 'rsa-sha384'],
    [rsa(2048), ['-sha512'], 'rsa-sha512'],
    [ec('P-256'), [], 'ecdsa-sha256'],
    [ec('P-384'), ['-sha384'], 'ecdsa-sha384'],
    [ec('P-521'), ['-sha512'], 'ecdsa-sha512'],
    [ed25519, [], 'ed25519'],
  ];
  for (const [keyOptions, options, scheme] of cases) {
    const request = readRequest(byOpenssl(keyOptions, options));
    assert.equal(request.signatureScheme, scheme);
    assert.deepEqual(request.subject, [
      { type: 'CN', value: 'alice' },
      { type: 'O', value: 'ACME' },
    ]);
    const key = output('openssl', ['pkey', '-in', path('openssl.key'), '-pubout', '-outform', 'DER']);
    assert.deepEqual(request.subjectPublicKeyInfo, key);
    assert.deepEqual(request.subjectAltNames, []);
    assert.deepEqual(request.ignoredExtensions, []);
  }
});

test(
  'PEM under both labels, DER, base64 of DER, text around it and other line ends: all the same request',
  openssl,
  () => {
    const pem = byOpenssl(ec('P-256'));
    const { der } = readRequest(pem);
    const base64 = der.toString('base64');
    const forms: (string | Buffer)[] = [
      output('openssl', ['req', '-newhdr'], pem).toString(),
      output('openssl', ['req', '-text'], pem).toString(),
      pem.replaceAll('\n', '\r\n'),
      Buffer.from(pem),
      output('openssl', ['req', '-outform', 'DER'], pem),
      base64,
      base64.replace(/.{64}/g, '$&\n'),
      Buffer.from(base64),
    ];
    for (const form of forms) assert.deepEqual(readRequest(form).der, der);
  },
);

test('the names asked for are taken in normal form, those of other kinds counted', openssl, () => {
  const names = 'email:Alice@Example.COM,DNS:WWW.Example.com,IP:10.0.0.1,IP:2001:DB8:0::1,URI:spiffe://ex/a,RID:1.2.3';
  const upn = 'otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@corp';
  const request = readRequest(
    byOpenssl(ec('P-256'), ['-addext', `subjectAltName=${names},${upn},otherName:1.2.3.4;UTF8:x`]),
  );
  assert.deepEqual(request.subjectAltNames, [
    { kind: 'email', value: 'Alice@example.com' },
    { kind: 'dns', value: 'www.example.com' },
    { kind: 'ip', value: '10.0.0.1' },
    { kind: 'ip', value: '2001:db8::1' },
    { kind: 'uri', value: 'spiffe://ex/a' },
    { kind: 'rid', value: '1.2.3' },
    { kind: 'upn', value: 'alice@corp' },
  ]);
  assert.equal(request.ignoredNames, 1);
});

// fabriziosalmi/certmate#391 and NeySlim/ultimate-ca-manager#243, #254: such requests minted a CA.
test('CA:TRUE, keyCertSign and extended key usages in a request are told and never taken', openssl, () => {
  const smuggled = [
    ['-addext', 'basicConstraints=critical,CA:TRUE'],
    ['-addext', 'keyUsage=keyCertSign,cRLSign'],
    ['-addext', 'extendedKeyUsage=OCSPSigning'],
    ['-addext', 'subjectAltName=DNS:a.example'],
  ];
  const request = readRequest(byOpenssl(ec('P-256'), smuggled.flat()));
  assert.deepEqual(request.ignoredExtensions.toSorted(), [OID.keyUsage, OID.basicConstraints, OID.extendedKeyUsage]);
  assert.deepEqual(request.subjectAltNames, [{ kind: 'dns', value: 'a.example' }]);
});

test('empty attributes A0 00, none at all and attributes without meaning to us are accepted', () => {
  assert.deepEqual(readRequest(signed(info([]))).subjectAltNames, []);
  assert.ok(info([]).subarray(-2).equals(Buffer.from('a000', 'hex')));
  assert.equal(readRequest(signed(sequence(integer(0), subject, spki))).subject.length, 2);
  const challenge = sequence(objectIdentifier(OID.challengePassword), setOf(der.utf8String('secret')));
  const request = readRequest(
    signed(info([challenge, extensionRequest(extension(OID.subjectAltName, dnsNames('a.example')))])),
  );
  assert.deepEqual(request.subjectAltNames, [{ kind: 'dns', value: 'a.example' }]);
});

test('an attribute or an extension that occurs twice is refused', () => {
  const names = extension(OID.subjectAltName, dnsNames('a.example'));
  refused(signed(info([extensionRequest(names, names)])), 'INVALID_CSR', /occurs twice/);
  refused(signed(info([extensionRequest(names), extensionRequest(names)])), 'INVALID_CSR', /occurs twice/);
  const twoValues = sequence(objectIdentifier(OID.extensionRequest), setOf(sequence(names), sequence(names)));
  refused(signed(info([twoValues])));
  refused(signed(info([sequence(objectIdentifier(OID.extensionRequest), setOf())])));
});

test('a name that could not be certified is refused with the reason', () => {
  const asking = (value: Buffer): Buffer => signed(info([extensionRequest(extension(OID.subjectAltName, value))]));
  refused(asking(dnsNames('bad name')), 'INVALID_CSR', /domain name/);
  refused(asking(dnsNames('a\0.example')));
  refused(asking(sequence(der.contextPrimitive(7, Buffer.alloc(5)))));
  refused(asking(sequence(der.contextPrimitive(1, Buffer.from('Alice <alice@example.com>')))), 'INVALID_CSR', /email/);
  refused(asking(nullValue()));
});

test('a version other than 1 is refused', () => {
  refused(signed(info([], { version: integer(1) })), 'INVALID_CSR', /version/);
  refused(signed(info([], { version: integer(2) })), 'INVALID_CSR', /version/);
  refused(signed(sequence(subject, spki, der.contextConstructed(0))));
});

test('a signature that does not match is refused: content, key or signature changed', () => {
  const good = signed(info([]));
  readRequest(good);
  for (const at of [good.indexOf('alice'), good.length - 1]) {
    const changed = Buffer.from(good);
    changed[at] = (changed[at] as number) ^ 1;
    refused(changed, 'INVALID_CSR', /signature does not match/);
  }
  const other = spkiOf(generateKeyPairSync('ed25519').privateKey);
  refused(signed(info([], { spki: other })), 'INVALID_CSR', /signature does not match/);
});

test('a signature algorithm that does not belong to the key, is unknown or has odd parameters is refused', () => {
  const tbs = info([]);
  const signature = der.bitString(sign(null, tbs, key));
  const under = (...algorithm: Buffer[]): Buffer => sequence(tbs, sequence(...algorithm), signature);
  readRequest(under(objectIdentifier(OID.ed25519)));
  refused(under(objectIdentifier(OID.ecdsaSha256)), 'INVALID_CSR', /does not match/);
  refused(under(objectIdentifier(OID.rsaSha256), nullValue()), 'INVALID_CSR', /does not match/);
  refused(under(objectIdentifier(OID.ed25519), nullValue()));
  refused(under(objectIdentifier('1.2.3.4')), 'INVALID_CSR', /algorithm/);
  refused(sequence(tbs, sequence(objectIdentifier(OID.ed25519)), der.encode(0x03, Buffer.from([1]), Buffer.alloc(64))));
});

test('signatures with SHA-1 and MD5 are refused', openssl, () => {
  for (const digest of ['-sha1', '-md5']) {
    const { status, stdout } = run('openssl', [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      path('old.key'),
      '-subj',
      '/CN=a',
      digest,
    ]);
    if (status === 0) refused(stdout, 'INVALID_CSR', /algorithm/);
  }
});

test('weak keys are refused as weak: RSA-1024, other curves, explicit parameters', openssl, () => {
  refused(byOpenssl(rsa(1024)), 'WEAK_KEY');
  refused(byOpenssl(ec('secp256k1')), 'WEAK_KEY');
  refused(byOpenssl(ec('P-224')), 'WEAK_KEY');
  refused(byOpenssl([...ec('P-256'), '-pkeyopt', 'ec_param_enc:explicit']), 'WEAK_KEY', /curve/);
  refused(byOpenssl(['-algorithm', 'ED448']), 'WEAK_KEY');
});

test('bytes behind the request, or inside where nothing belongs, are refused', () => {
  const good = signed(info([]));
  refused(Buffer.concat([good, Buffer.from([0])]));
  refused(encodePem(label, Buffer.concat([good, good])));
  const tbs = info([]);
  refused(sequence(tbs, sequence(objectIdentifier(OID.ed25519)), der.bitString(sign(null, tbs, key)), nullValue()));
  refused(signed(sequence(integer(0), subject, spki, der.contextConstructed(0), nullValue())));
});

test('more than 64 KiB is refused, in every form', () => {
  const long = signed(info([sequence(objectIdentifier('1.2.3'), setOf(octetString(Buffer.alloc(66_000))))]));
  refused(long, 'INVALID_CSR', /64 KiB/);
  refused(encodePem(label, long), 'INVALID_CSR', /64 KiB/);
  refused(long.toString('base64'), 'INVALID_CSR', /64 KiB/);
  const fits = signed(info([sequence(objectIdentifier('1.2.3'), setOf(octetString(Buffer.alloc(60_000))))]));
  assert.equal(readRequest(fits).der.length, fits.length);
});

test('what is no request is refused: nothing, text, two at once, another label, broken base64, a key', () => {
  const pem = encodePem(label, signed(info([])));
  refused('');
  refused(Buffer.alloc(0));
  refused('hello');
  refused('{"csr": true}');
  refused(pem + pem, 'INVALID_CSR', /one CSR/);
  refused(encodePem('CERTIFICATE', signed(info([]))));
  refused(key.export({ type: 'pkcs8', format: 'pem' }).toString() + pem);
  refused(pem.replace(/^(.{40})./m, '$1*'));
  refused(pem.slice(0, 120));
});

for (const scheme of ['rsa-sha256', 'ecdsa-sha256', 'ecdsa-sha384', 'ed25519'] as SignatureScheme[]) {
  test(
    `${scheme}: openssl req -verify and certtool accept a request that we make, and we read it back`,
    openssl,
    async () => {
      const privateKey = keyFor(scheme);
      const subjectAltNames = ['email:alice@example.com', 'dns:a.example', 'ip:2001:db8::1', 'uri:spiffe://ex/a'].map(
        parseGeneralName,
      );
      const signer = localSigner(privateKey);
      const tbs = buildRequestInfo({ subject, subjectPublicKeyInfo: spkiOf(privateKey), subjectAltNames });
      const made = assembleSigned(tbs, scheme, await signer.sign(tbs));
      der.assertDer(made);
      const text = run('openssl', ['req', '-inform', 'DER', '-verify', '-noout', '-text'], made).text;
      assert.match(text, /verify OK/);
      assert.match(text, /Version: 1 \(0x0\)/);
      assert.match(
        text,
        /email:alice@example\.com, DNS:a\.example, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe:\/\/ex\/a/,
      );
      if (without('certtool') === false) {
        assert.match(output('certtool', ['--crq-info', '--inder'], made).toString(), /Self signature: verified/);
      }
      const read = readRequest(made);
      assert.deepEqual(read.subjectAltNames, subjectAltNames);
      assert.equal(read.signatureScheme, scheme);
    },
  );
}

test('a request without names has empty attributes; one without a subject makes its names critical', async () => {
  const empty = buildRequestInfo({ subject, subjectPublicKeyInfo: spki, subjectAltNames: [] });
  assert.deepEqual(empty, info([]));
  const names = [parseGeneralName('dns:a.example')];
  const nameless = buildRequestInfo({ subject: sequence(), subjectPublicKeyInfo: spki, subjectAltNames: names });
  assert.deepEqual(readRequest(signed(nameless)).subject, []);
  const critical = extension(OID.subjectAltName, dnsNames('a.example'), true);
  assert.ok(nameless.includes(critical));
});

test('requests by certtool are read', { skip: without('certtool') }, () => {
  const [keyFile, template] = [path('gnutls.key'), path('gnutls.cfg')];
  writeFileSync(template, 'cn = "alice"\nemail = "alice@example.com"\ndns_name = "a.example"\ntls_www_client\nca\n');
  output('certtool', ['--generate-privkey', '--key-type', 'ecdsa', '--curve', 'secp256r1', '--outfile', keyFile]);
  const made = output('certtool', ['--generate-request', '--load-privkey', keyFile, '--template', template]);
  const request = readRequest(made);
  assert.ok(request.subjectAltNames.some(({ value }) => value === 'a.example'));
  assert.ok(request.ignoredExtensions.includes(OID.basicConstraints));
});

test('6000 mutated requests, every second one signed anew, are read or refused, and nothing else happens', () => {
  const random = seeded(2986);
  const names = extension(OID.subjectAltName, dnsNames('a.example', 'b.example'), true);
  const constraints = extension(OID.basicConstraints, sequence(boolean(true)), true);
  const challenge = sequence(objectIdentifier(OID.challengePassword), setOf(der.utf8String('secret')));
  const tbs = info([challenge, extensionRequest(names, constraints)]);
  const whole = signed(tbs);
  const counts = { read: 0, INVALID_CSR: 0, WEAK_KEY: 0 };
  for (let n = 0; n < 6000; n += 1) {
    const bytes = n % 2 === 0 ? mutate(whole, random) : signed(mutate(tbs, random));
    try {
      readRequest(bytes);
      counts.read += 1;
    } catch (error) {
      if (!(error instanceof CertMateError) || (error.code !== 'INVALID_CSR' && error.code !== 'WEAK_KEY')) {
        assert.fail(`${bytes.toString('hex')} → ${String(error)}`);
      }
      counts[error.code] += 1;
    }
  }
  assert.ok(counts.read > 20 && counts.WEAK_KEY > 20 && counts.INVALID_CSR > 3000, JSON.stringify(counts));
});

test('mutated RSA and EC keys, rightly or wrongly signed, are read or refused, and nothing else happens', () => {
  const random = seeded(3279);
  for (const scheme of ['rsa-sha256', 'ecdsa-sha256'] as const) {
    const privateKey = keyFor(scheme);
    const original = spkiOf(privateKey);
    for (let n = 0; n < 1000; n += 1) {
      const tbs = info([], { spki: mutate(original, random) });
      const bytes = assembleSigned(tbs, scheme, Buffer.alloc(70, n));
      assert.throws(
        () => readRequest(bytes),
        (error) => error instanceof CertMateError && (error.code === 'INVALID_CSR' || error.code === 'WEAK_KEY'),
        bytes.toString('hex'),
      );
    }
  }
});

/** A subject of a good common name and one more attribute with a value in DER. */
function besideCn(oid: string, value: Buffer): Buffer {
  const cn = der.setOf(sequence(objectIdentifier(OID.commonName), der.utf8String('alice')));
  return sequence(cn, der.setOf(sequence(objectIdentifier(oid), value)));
}

test('attributes of types that we do not know stand in no way of a good common name (letsencrypt/boulder#1306)', () => {
  const odd: [string, Buffer][] = [
    ['2.5.4.24', der.encode(0x12, Buffer.from('0123'))],
    ['2.5.4.45', der.bitString(Buffer.from([1]))],
    ['1.2.3.4', der.encode(0x18, Buffer.from('20261130120000Z'))],
    ['1.2.3.4', sequence(integer(1))],
    ['2.5.4.17', der.encode(0x0c, Buffer.from([0xff]))],
    [OID.title, der.encode(0x1c, Buffer.alloc(3))],
  ];
  for (const [oid, value] of odd) {
    const request = readRequest(signed(info([], { subject: besideCn(oid, value) })));
    assert.deepEqual(request.subject[0], { type: 'CN', value: 'alice' });
    assert.equal(request.subject.length, 2);
  }
});

test('UniversalString, BMPString, TeletexString and NumericString are text (letsencrypt/boulder#1306)', () => {
  const texts: [number, Buffer, string][] = [
    [0x1c, Buffer.from([0, 0, 0, 0x41, 0, 1, 0xf6, 0]), 'A😀'],
    [0x1e, Buffer.from([0, 0x41, 0, 0xe9]), 'Aé'],
    [0x14, Buffer.from([0x41, 0xe9]), 'Aé'],
    [0x12, Buffer.from('42'), '42'],
    [0x1a, Buffer.from('abc'), 'abc'],
  ];
  for (const [tag, content, text] of texts) {
    const request = readRequest(signed(info([], { subject: besideCn(OID.organization, der.encode(tag, content)) })));
    assert.deepEqual(request.subject[1], { type: 'O', value: text });
  }
});

test("Microsoft's extension request counts, alone and beside an equal one of PKCS #9 (chris2511/xca#623)", () => {
  const names = (name: string): Buffer => sequence(extension(OID.subjectAltName, dnsNames(name)));
  const microsoft = (list: Buffer): Buffer => sequence(objectIdentifier('1.3.6.1.4.1.311.2.1.14'), setOf(list));
  const pkcs9 = (list: Buffer): Buffer => sequence(objectIdentifier(OID.extensionRequest), setOf(list));
  const asked = [{ kind: 'dns', value: 'a.example' }];
  assert.deepEqual(readRequest(signed(info([microsoft(names('a.example'))]))).subjectAltNames, asked);
  const both = [microsoft(names('a.example')), pkcs9(names('a.example'))];
  assert.deepEqual(readRequest(signed(info(both))).subjectAltNames, asked);
  refused(signed(info([microsoft(names('a.example')), pkcs9(names('b.example'))])), 'INVALID_CSR', /two different/);
  refused(signed(info([microsoft(names('a.example')), microsoft(names('a.example'))])), 'INVALID_CSR', /twice/);
});
