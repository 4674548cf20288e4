// Every name that is accepted can be read by Go and by Java, which refuse a whole certificate over one that they cannot.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { leafExtensions } from '../../src/modules/client-certs/profile.js';
import { formatGeneralName, type GeneralName, parseRequestedName } from '../../src/pki/general-names.js';
import { certify, keys, leafTemplate } from '../pki/samples.js';
import { missing, run, temporaryFolder } from './programs.js';

const HOSTS = [
  ...['example.com', 'Example.COM', 'localhost', 'bücher.example', 'xn--bcher-kva.example', 'a-b.example', '3com.com'],
  ...[
    '192.0.2.7',
    '[2001:db8::1]',
    '[::ffff:192.0.2.1]',
    '[fe80::1%25eth0]',
    '[v1.x]',
    '[::1',
    '::1',
    '1.2.3',
    '0x7f.1',
  ],
  ...[
    'a..b',
    '.a',
    'a.',
    '%65x.com',
    'a_b.example',
    '_a',
    '-a.b',
    'a-',
    '*.a.example',
    'a,b',
    "a'b",
    'a b',
    '',
    '.',
    '日本。jp',
  ],
  ...[
    'user@a.example',
    'a@b@c',
    'a.example:8080',
    'a.example:',
    'a.example:0',
    'a.example:99999',
    'a.example:x',
    'a:1:2',
  ],
  ...['[::1]:443', '[::1]x', '127.1', 'my_td', 'td.-x', `${'a'.repeat(64)}.b`, `${'a'.repeat(63)}.b`, 'xn--a', 'é'],
];
const TAILS = [
  ...[
    '',
    '/',
    '/a',
    '/a/b.c_d-e~f',
    '//a',
    '/a//b',
    '/./a',
    '/../a',
    '/a/',
    '/%41',
    '/%zz',
    '/%',
    '/ü',
    '/a b',
    '/a|b',
    '/[a]',
  ],
  ...[
    '?',
    '?a=b',
    '?a?b',
    '?%',
    '?[x]',
    '#',
    '#a',
    '#a#b',
    '#%4',
    '/a?b#c',
    '/a#b?c',
    '/a\\b',
    '/{a}',
    '/<a>',
    '/"a"',
    '/^',
    '/`',
  ],
];
const SCHEMES = [
  'spiffe://',
  'https://',
  'HTTP://',
  'Spiffe://',
  'x-y+z.1://',
  'ldap://',
  'urn:',
  'mailto:',
  'x:',
  'x:/',
  '1x://',
  '://',
];
const LOCALS = [
  'alice',
  'Alice.B+tag',
  "o'neil",
  '{a}',
  'a..b',
  '.a',
  '"a b"',
  'a b',
  'ü',
  '#',
  '%41',
  'a@b',
  '',
  'a/b',
  '!#$%&*+/=?^_`|~-',
];

/** Everything that can be put together of these. */
function* written(): Generator<string> {
  for (const scheme of SCHEMES) for (const host of HOSTS) for (const tail of TAILS) yield `uri:${scheme}${host}${tail}`;
  for (const host of HOSTS) yield* [`dns:${host}`, `dns:*.${host}`, `ip:${host.replace(/^\[|\]$/g, '')}`];
  for (const host of HOSTS)
    for (const local of LOCALS) {
      yield* [`email:${local}@${host}`, `upn:${local}@${host}`, `xmpp:${local}@${host}`, `xmpp:${local}@${host}/phone`];
    }
  for (const local of LOCALS)
    for (const type of ['CN', 'UID', 'DC', 'serialNumber']) yield `dirname:${type}=${local},O=ACME`;
  for (const rid of [
    '1.2',
    '2.5.4.3',
    '1.3.6.1.4.1.99999.7',
    '2.999.18446744073709551616',
    '0.9.2342',
    '1',
    '3.1',
    '1.40',
  ])
    yield `rid:${rid}`;
}

function accepted(text: string): GeneralName | null {
  try {
    // With the underscores that a profile may allow.
    return parseRequestedName(text);
  } catch {
    return null;
  }
}

const GO = String.raw`package main

import ("bufio"; "crypto/x509"; "encoding/base64"; "fmt"; "os")

func main() {
  in, _ := os.Open(os.Args[1])
  lines := bufio.NewScanner(in)
  for n := 0; lines.Scan(); n++ {
    der, _ := base64.StdEncoding.DecodeString(lines.Text())
    c, err := x509.ParseCertificate(der)
    if err != nil { fmt.Println(n, err); continue }
    fmt.Println(n, "names", len(c.DNSNames) + len(c.EmailAddresses) + len(c.IPAddresses) + len(c.URIs))
  }
}
`;

const JAVA = String.raw`import java.io.*; import java.nio.file.*; import java.security.cert.*; import java.util.*;

public class Judge {
  public static void main(String[] args) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    int n = 0;
    for (String line : Files.readAllLines(Path.of(args[0]))) {
      try {
        X509Certificate c = (X509Certificate) factory.generateCertificate(
            new ByteArrayInputStream(Base64.getDecoder().decode(line)));
        Collection<List<?>> names = c.getSubjectAlternativeNames();
        System.out.println(n + " names " + (names == null ? 0 : names.size()));
      } catch (Exception e) { System.out.println(n + " " + e); }
      n++;
    }
  }
}
`;

describe('names that are accepted', () => {
  const temporary = temporaryFolder('names');
  const file = (name: string) => join(temporary.path, name);
  after(() => temporary.remove());
  const names: GeneralName[] = [];

  before(() => {
    const unique = new Map<string, GeneralName>();
    for (const text of written()) {
      const name = accepted(text);
      if (name !== null) unique.set(formatGeneralName(name), name);
    }
    names.push(...unique.values());
    const lines = names.map((name) => {
      const template = leafTemplate(keys.p256);
      const extensions = leafExtensions({
        subjectPublicKeyInfo: template.subjectPublicKeyInfo,
        authorityKeyIdentifier: Buffer.alloc(20),
        keyUsages: ['digitalSignature'],
        extendedKeyUsages: ['clientAuth'],
        names: [name],
        urls: { crl: 'http://ca.example/crl', ocsp: 'http://ca.example/ocsp', caIssuers: 'http://ca.example/ca' },
      });
      return certify({ ...template, extensions }, keys.p256).toString('base64');
    });
    writeFileSync(file('certificates'), `${lines.join('\n')}\n`);
  });

  /** What the program said of a name that it did not read. */
  const unread = (output: string, counts: (name: GeneralName) => number): string[] => {
    const verdicts = output.trimEnd().split('\n');
    assert.equal(verdicts.length, names.length, output.slice(0, 2000));
    return names.flatMap((name, n) =>
      verdicts[n] === `${n} names ${counts(name)}` ? [] : [`${formatGeneralName(name)}: ${verdicts[n]}`],
    );
  };

  test('are of every kind, and hundreds', () => {
    const count = (kind: GeneralName['kind']) => names.filter((name) => name.kind === kind).length;
    for (const kind of ['dns', 'ip', 'email', 'upn', 'xmpp', 'dirname', 'rid'] as const)
      assert.ok(count(kind) >= 4, `${kind}: ${count(kind)}`);
    assert.ok(count('uri') > 300, String(count('uri')));
  });

  test('make no certificate unreadable for Go (golang/go#69930, #43954, #23995)', { skip: missing('go') }, async () => {
    writeFileSync(file('judge.go'), GO);
    const { status, output } = await run`go run ${file('judge.go')} ${file('certificates')}`;
    assert.equal(status, 0, output);
    assert.deepEqual(
      unread(output, ({ kind }) => (['upn', 'xmpp', 'dirname', 'rid'].includes(kind) ? 0 : 1)),
      [],
    );
  });

  test('are all told by Java’s getSubjectAlternativeNames', { skip: missing('java', 'javac') }, async () => {
    writeFileSync(file('Judge.java'), JAVA);
    const { status, output } = await run`java ${file('Judge.java')} ${file('certificates')}`;
    assert.equal(status, 0, output);
    assert.deepEqual(
      unread(output, () => 1),
      [],
    );
  });

  test('are far from all that could be written', () => {
    for (const text of ['uri:https://a..b/', 'uri:spiffe://.a/x', 'uri:https://%65x.com/', 'uri:https://a/#x#y'])
      assert.equal(accepted(text), null, text);
    assert.equal(accepted('uri:spiffe://bücher.example/x')?.value, 'spiffe://xn--bcher-kva.example/x');
  });
});
