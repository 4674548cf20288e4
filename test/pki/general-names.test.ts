import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as der from '../../src/pki/der.js';
import {
  decodeGeneralNames,
  encodeGeneralName,
  formatGeneralName,
  normaliseGeneralName,
  parseGeneralName,
} from '../../src/pki/general-names.js';

const refused = { name: 'CertMateError', code: 'VALIDATION_FAILED' };

describe('general names', () => {
  const normal: [written: string, normalForm: string][] = [
    ['email:alice@example.com', 'email:alice@example.com'],
    ['EMAIL: Alice.B+tag@Example.COM ', 'email:Alice.B+tag@example.com'],
    ['email:a@b', 'email:a@b'],
    ['email:info@bücher.example', 'email:info@xn--bcher-kva.example'],
    ['dns:Host.Example.com', 'dns:host.example.com'],
    ['dns:localhost', 'dns:localhost'],
    ['dns:*.example.com', 'dns:*.example.com'],
    ['dns:BÜCHER.example', 'dns:xn--bcher-kva.example'],
    ['dns:*.bücher.example', 'dns:*.xn--bcher-kva.example'],
    ['dns:xn--bcher-kva.example', 'dns:xn--bcher-kva.example'],
    ['dns:faß.de', 'dns:xn--fa-hia.de'],
    ['dns:3com.com', 'dns:3com.com'],
    ['ip:192.0.2.7', 'ip:192.0.2.7'],
    ['ip:2001:DB8:0:0::1', 'ip:2001:db8::1'],
    ['ip:::', 'ip:::'],
    ['ip:::1', 'ip:::1'],
    ['ip:1:0:0:2:0:0:0:3', 'ip:1:0:0:2::3'],
    ['ip:::ffff:192.0.2.1', 'ip:::ffff:c000:201'],
    ['uri:spiffe://example.com/device/7', 'uri:spiffe://example.com/device/7'],
    ['uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    ['uri:https://Example.com', 'uri:https://Example.com'],
    ['uri:https://bücher.example/ä', 'uri:https://xn--bcher-kva.example/%C3%A4'],
    ['uri:mailto:a@example.com', 'uri:mailto:a@example.com'],
    ['uri:https://a.example:8443/x?y=/?#z/?', 'uri:https://a.example:8443/x?y=/?#z/?'],
    ['uri:https://[2001:db8::1]:443/', 'uri:https://[2001:db8::1]:443/'],
    ['uri:https://192.0.2.7/', 'uri:https://192.0.2.7/'],
    ['uri:tag:example.com,2026:x', 'uri:tag:example.com,2026:x'],
    ['uri:x:/path', 'uri:x:/path'],
    ['uri:myapp://bücher.example/ü', 'uri:myapp://xn--bcher-kva.example/%C3%BC'],
    ['uri:spiffe://bücher.example/x', 'uri:spiffe://xn--bcher-kva.example/x'],
    ['uri:SPIFFE://Example.ORG/Ns/A_b-c.d', 'uri:spiffe://example.org/Ns/A_b-c.d'],
    ['uri:spiffe://my_domain.1', 'uri:spiffe://my_domain.1'],
    ['upn:alice@corp.example', 'upn:alice@corp.example'],
    ['upn:jürgen@corp.example', 'upn:jürgen@corp.example'],
  ];
  for (const [written, normalForm] of normal) {
    it(`reads ${written} as ${normalForm}`, () => {
      const name = parseGeneralName(written);
      assert.equal(formatGeneralName(name), normalForm);
      assert.deepEqual(normaliseGeneralName(name), name, 'the normal form stays');
      assert.deepEqual(decodeGeneralNames(der.sequence(encodeGeneralName(name))), { names: [name], other: [] });
    });
  }

  const wrong = [
    '',
    'alice@example.com',
    'phone:123',
    'constructor:x',
    ':x',
    'email:',
    'email:alice',
    'email:@example.com',
    'email:alice@',
    'email:Alice <alice@example.com>',
    'email:a..b@example.com',
    'email:.a@example.com',
    'email:"a b"@example.com',
    'email:a@b@example.com',
    'email:ä@example.com',
    'email:a@*.example.com',
    'email:a@[192.0.2.1]',
    'email:a@192.0.2.1',
    'email:a\n@example.com',
    `email:${'a'.repeat(65)}@example.com`,
    'dns:',
    'dns:.',
    'dns:example.com.',
    'dns:a..b',
    'dns:-a.example',
    'dns:a-.example',
    'dns:a_b.example',
    'dns:a b.example',
    'dns:*',
    'dns:*.com',
    'dns:a.*.com',
    'dns:a*.example.com',
    'dns:192.0.2.1',
    'dns:１２７.0.0.1',
    'dns:é/..example',
    'dns:é?.example',
    'dns:é%41.example',
    'dns:example.com\u0000.evil.example',
    'dns:xn--a',
    'dns:xn--zzzz--.example',
    `dns:${'a'.repeat(64)}.example`,
    `dns:${'a.'.repeat(127)}ab`,
    'ip:',
    'ip:192.0.2',
    'ip:192.0.2.256',
    'ip:192.0.02.1',
    'ip:192.0.2.0/24',
    'ip:fe80::1%eth0',
    'ip:[::1]',
    'ip:1::2::3',
    'ip:example.com',
    'uri:',
    'uri:/path',
    'uri:example.com',
    'uri://example.com',
    'uri:http:',
    'uri:http://',
    'uri:x:///path',
    'uri:http://a b/',
    'uri:http://a/<b>',
    'uri:http://a/%zz',
    'uri:x:',
    'uri:x:///path',
    'uri:http:opaque',
    // Each of these could be signed, and Go or Java 25 could not read the certificate (golang/go#69930, #43954, #23995).
    'uri:https://a..b/',
    'uri:https://.a/',
    'uri:https://a./',
    'uri:https://%65x.com/',
    'uri:https://a%2eb/',
    'uri:https://a_b.example/',
    'uri:https://-a.example/',
    'uri:https://a.example:/',
    'uri:https://a.example:0/',
    'uri:https://a.example:65536/',
    'uri:https://a.example:x/',
    'uri:https://a.example:1:2/',
    'uri:https://user@a.example/',
    'uri:https://user:pass@a.example/',
    'uri:https://@a.example/',
    'uri:https://1.2.3/',
    'uri:https://192.0.2.0x1/',
    'uri:https://[::1/',
    'uri:https://[::1]x/',
    'uri:https://[192.0.2.1]/',
    'uri:https://[fe80::1%25eth0]/',
    'uri:https://[v1.x]/',
    'uri:https://xn--a/',
    'uri:https://a.example/#x#y',
    'uri:urn:x#y#z',
    'uri:https://a.example/[x]',
    'uri:https://a.example/?[x]',
    'uri:https://a.example/a|b',
    'uri:https://a.example/a\\b',
    'uri:https://a.example/%',
    'uri:https://a.example/?%4',
    'uri:urn:%zz',
    'uri:https://a.example/\u0000',
    'uri:https://a.example/\ud800',
    'uri:1x://a.example/',
    'uri:spiffe:example.org/x',
    'uri:spiffe://',
    'uri:spiffe:///x',
    'uri:spiffe://.a/x',
    'uri:spiffe://a./x',
    'uri:spiffe://a..b/x',
    'uri:spiffe://a.example:8080/x',
    'uri:spiffe://user@a.example/x',
    'uri:spiffe://a%2ab.example/x',
    'uri:spiffe://[::1]/x',
    'uri:spiffe://a.example/',
    'uri:spiffe://a.example/x/',
    'uri:spiffe://a.example//x',
    'uri:spiffe://a.example/x/../y',
    'uri:spiffe://a.example/./x',
    'uri:spiffe://a.example/x%20y',
    'uri:spiffe://a.example/ü',
    'uri:spiffe://a.example/x:y',
    'uri:spiffe://a.example/x?',
    'uri:spiffe://a.example/x?y=z',
    'uri:spiffe://a.example/x#y',
    `uri:spiffe://${'a'.repeat(64)}.example/x`,
    `uri:spiffe://${'a.'.repeat(127)}ab/x`,
    `uri:spiffe://a.example/${'a'.repeat(2030)}`,
    `uri:http://a/${'a'.repeat(2048)}`,
    'upn:alice',
    'upn:alice@',
    'upn:a b@corp',
    'upn:a@b@c',
    `upn:${'a'.repeat(300)}@corp`,
  ];
  for (const name of wrong) {
    it(`refuses ${JSON.stringify(name.slice(0, 40))}`, () => {
      assert.throws(() => parseGeneralName(name), refused);
    });
  }

  it('give an answer or VALIDATION_FAILED for any text, and every answer can be encoded', () => {
    const kind = fc.constantFrom('email', 'dns', 'ip', 'uri', 'upn');
    fc.assert(
      fc.property(kind, fc.string({ unit: 'binary', maxLength: 30 }), fc.domain(), (type, noise, domain) => {
        for (const value of [noise, domain, `${noise}@${domain}`, `http://${domain}/${noise}`, `${noise}.${domain}`]) {
          try {
            const name = parseGeneralName(`${type}:${value}`);
            assert.deepEqual(parseGeneralName(formatGeneralName(name)), name);
            assert.deepEqual(decodeGeneralNames(der.sequence(encodeGeneralName(name))).names, [name]);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'VALIDATION_FAILED');
          }
        }
      }),
    );
  });

  it('are encoded and decoded for every IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const name = parseGeneralName(`ip:${address}`);
        const encoded = encodeGeneralName(name);
        assert.equal(encoded.length, 18);
        assert.deepEqual(decodeGeneralNames(der.sequence(encoded)).names, [name]);
      }),
    );
  });

  it('of kinds that we never certify are told by their kind', () => {
    const directory = der.contextExplicit(4, der.sequence());
    const registered = der.contextPrimitive(8, Buffer.of(0x2a));
    const otherName = der.contextConstructed(0, der.objectIdentifier('1.2.3'), der.contextExplicit(0, der.nullValue()));
    const dns = encodeGeneralName({ kind: 'dns', value: 'a.example' });
    assert.deepEqual(decodeGeneralNames(der.sequence(directory, dns, registered, otherName)), {
      names: [
        { kind: 'dns', value: 'a.example' },
        { kind: 'rid', value: '1.2' },
      ],
      other: ['directoryName', 'otherName'],
    });
  });

  it('that are malformed in DER are DerErrors', () => {
    for (const name of [
      der.contextPrimitive(7, Buffer.alloc(5)),
      der.contextPrimitive(2, Buffer.from('é')),
      der.contextConstructed(0, der.objectIdentifier('1.3.6.1.4.1.311.20.2.3'), der.contextExplicit(0, der.integer(1))),
    ])
      assert.throws(() => decodeGeneralNames(der.sequence(name)), { name: 'DerError' });
    assert.throws(() => encodeGeneralName({ kind: 'ip', value: 'x' }), { name: 'DerError' });
  });
});
