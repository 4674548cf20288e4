// What a CA with name constraints or extended key usages may issue: what we would issue, OpenSSL and Go accept, and what we
// refuse, one of them refuses (cert-manager/cert-manager#2446, chris2511/xca#239, smallstep/certificates#1061).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { readCertificate } from '../../src/pki/certificate.js';
import { type Extension, extendedKeyUsage } from '../../src/pki/extensions.js';
import { IssuingLimits } from '../../src/pki/issuing-limits.js';
import { encodeName, parseDistinguishedName } from '../../src/pki/names.js';
import { encodePem } from '../../src/pki/pem.js';
import { makeCa, makeLeaf, nameConstraints, nameOf } from '../pki/constrained.js';
import { missing, run, temporaryFolder } from './programs.js';

const LIMITS: Record<string, Extension> = {
  'dns:example.com': nameConstraints({ permitted: ['dns:example.com'] }),
  'dns:.example.com': nameConstraints({ permitted: ['dns:.example.com'] }),
  'not dns:example.com': nameConstraints({ excluded: ['dns:example.com'] }),
  'not dns:a.example.com': nameConstraints({ excluded: ['dns:a.example.com'] }),
  'dns but not one': nameConstraints({ permitted: ['dns:example.com'], excluded: ['dns:a.example.com'] }),
  'no dns': nameConstraints({ excluded: ['dns:'] }),
  'email:example.com': nameConstraints({ permitted: ['email:example.com'] }),
  'email:.example.com': nameConstraints({ permitted: ['email:.example.com'] }),
  'email:alice@example.com': nameConstraints({ permitted: ['email:alice@example.com'] }),
  'not email:example.com': nameConstraints({ excluded: ['email:example.com'] }),
  'ip:192.0.2.0/24': nameConstraints({ permitted: ['ip:192.0.2.0/255.255.255.0'] }),
  'ip:2001:db8::/32': nameConstraints({ permitted: ['ip:2001:db8::/ffff:ffff::'] }),
  'not ip:192.0.2.0/24': nameConstraints({ excluded: ['ip:192.0.2.0/255.255.255.0'] }),
  'uri:example.com': nameConstraints({ permitted: ['uri:example.com'] }),
  'uri:.example.com': nameConstraints({ permitted: ['uri:.example.com'] }),
  'not uri:example.com': nameConstraints({ excluded: ['uri:example.com'] }),
  'dirname:O=ACME': nameConstraints({ permitted: ['dirname:O=ACME'], critical: false }),
  'not dirname:O=ACME': nameConstraints({ excluded: ['dirname:O=ACME'], critical: false }),
  'rid:1.2.3': nameConstraints({ permitted: ['rid:1.2.3'], critical: false }),
  'eku clientAuth': extendedKeyUsage(['clientAuth']),
  'eku serverAuth': extendedKeyUsage(['serverAuth']),
};

const LEAVES: [subject: string, names: string[]][] = [
  ['O=ACME,CN=alice', []],
  ['O=Acme,OU=Sales,CN=alice', []],
  ['O=Other,CN=alice', []],
  ['CN=alice', []],
  ['', ['dns:host.example.com']],
  ['CN=host.example.com', []],
  ['CN=host.evil.test', []],
  ['CN=host.evil.test', ['dns:host.example.com']],
  ['CN=host.evil.test', ['email:a@example.com']],
  ['CN=alice@example.com', ['email:alice@example.com']],
  ['CN=a,emailAddress=alice@example.com', []],
  ['CN=a,emailAddress=alice@evil.test', []],
  ...[
    ...['dns:example.com', 'dns:a.example.com', 'dns:b.a.example.com', 'dns:notexample.com', 'dns:evil.test'],
    ...['dns:*.example.com', 'dns:*.a.example.com', 'dns:EXAMPLE.com', 'dns:com.test'],
    ...['email:alice@example.com', 'email:Alice@example.com', 'email:alice@EXAMPLE.com', 'email:bob@example.com'],
    ...['email:alice@sub.example.com', 'email:alice@evil.test'],
    ...['ip:192.0.2.7', 'ip:192.0.3.7', 'ip:2001:db8::1', 'ip:2001:db9::1'],
    ...['uri:https://example.com/x', 'uri:https://a.example.com:8443/', 'uri:https://evil.test/', 'uri:urn:x:y'],
    ...[
      'uri:spiffe://example.com/x',
      'uri:https://192.0.2.7/',
      'uri:https://EXAMPLE.com/',
      'uri:https://[2001:db8::1]/',
    ],
    ...['upn:alice@corp.example', 'dirname:O=ACME,CN=x', 'dirname:O=Other,CN=x', 'rid:1.2.3', 'rid:1.2.4'],
  ].map((name): [string, string[]] => ['CN=alice', [name]]),
  ['CN=alice', ['dns:a.example.com', 'dns:evil.test']],
];

const GO = String.raw`package main

import ("crypto/x509"; "encoding/pem"; "fmt"; "os")

func load(path string) *x509.Certificate {
  text, _ := os.ReadFile(path)
  block, _ := pem.Decode(text)
  c, err := x509.ParseCertificate(block.Bytes)
  if err != nil { fmt.Fprintln(os.Stderr, path, err); return nil }
  return c
}

func main() {
  for f := 0; ; f++ {
    folder := fmt.Sprintf("%s/%d", os.Args[1], f)
    if _, err := os.Stat(folder); err != nil { break }
    roots, subs := x509.NewCertPool(), x509.NewCertPool()
    roots.AddCert(load(folder + "/root.pem"))
    subs.AddCert(load(folder + "/sub.pem"))
    for n := 0; ; n++ {
      path := fmt.Sprintf("%s/%d.pem", folder, n)
      if _, err := os.Stat(path); err != nil { break }
      c := load(path)
      if c == nil { fmt.Println(path, "refused"); continue }
      _, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: subs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
      if err != nil { fmt.Println(path, "refused", err) } else { fmt.Println(path, "accepted") }
    }
  }
}
`;

describe('a CA with limits', { skip: missing('openssl') }, () => {
  const temporary = temporaryFolder('limits');
  after(() => temporary.remove());
  const folders = Object.keys(LIMITS).map((_, index) => join(temporary.path, String(index)));
  /** By path of the leaf: what we say, and for people what it is. */
  const ours = new Map<string, { violations: string[]; what: string }>();
  const byOpenssl = new Map<string, string>();

  before(async () => {
    for (const [index, [limit, extension]] of Object.entries(LIMITS).entries()) {
      const folder = folders[index] as string;
      mkdirSync(folder);
      const write = (name: string, der: Buffer) => writeFileSync(join(folder, name), encodePem('CERTIFICATE', der));
      const root = await makeCa('CN=Root');
      const sub = await makeCa('CN=Sub', { issuer: root, more: [extension] });
      write('root.pem', root.der);
      write('sub.pem', sub.der);
      const limits = new IssuingLimits([sub, root].map(({ der }) => readCertificate(der)));
      const paths: string[] = [];
      for (const [number, [subject, names]] of LEAVES.entries()) {
        const encoded = names.map(nameOf);
        const leaf = await makeLeaf(subject, sub, encoded);
        write(`${number}.pem`, leaf.der);
        const path = join(folder, `${number}.pem`);
        paths.push(path);
        const name = encodeName(subject === '' ? [] : parseDistinguishedName(subject));
        const violations = limits.violations({ subject: name, names: encoded, purposes: ['clientAuth'] });
        ours.set(path, {
          violations: violations.map(({ message }) => message),
          what: `${limit}: ${subject} ${names.join(', ')}`,
        });
      }
      for (const path of paths) {
        const verdict =
          await run`openssl verify -purpose sslclient -CAfile ${join(folder, 'root.pem')} -untrusted ${join(folder, 'sub.pem')} ${path}`;
        byOpenssl.set(path, verdict.status === 0 ? 'accepted' : verdict.output);
      }
    }
  });

  test('issues nothing that OpenSSL refuses, and refuses something of every limit', () => {
    const wrong = [...ours].filter(
      ([path, { violations }]) => violations.length === 0 && byOpenssl.get(path) !== 'accepted',
    );
    assert.deepEqual(
      wrong.map(([path, { what }]) => `${what}: ${byOpenssl.get(path)}`),
      [],
    );
    for (const [index, limit] of Object.keys(LIMITS).entries()) {
      const refused = [...ours].filter(
        ([path, { violations }]) => path.startsWith(`${folders[index]}/`) && violations.length > 0,
      );
      if (limit !== 'eku clientAuth') assert.ok(refused.length > 0, limit);
    }
  });

  test('issues nothing that Go refuses, and refuses nothing that both accept', { skip: missing('go') }, async () => {
    const program = join(temporary.path, 'judge.go');
    writeFileSync(program, GO);
    const { status, output } = await run`go run ${program} ${temporary.path}`;
    assert.equal(status, 0, output);
    const verdicts = new Map<string, string>();
    for (const line of output.trim().split('\n')) {
      const [path = '', ...verdict] = line.split(' ');
      verdicts.set(path, verdict.join(' '));
    }
    const problems: string[] = [];
    for (const [path, { violations, what }] of ours) {
      const [go, openssl] = [verdicts.get(path) ?? 'not judged', byOpenssl.get(path)];
      if (violations.length === 0 && go !== 'accepted') problems.push(`issued, but ${go}: ${what}`);
      if (violations.length > 0 && go === 'accepted' && openssl === 'accepted')
        problems.push(`refused for nothing (${violations.join()}): ${what}`);
    }
    assert.deepEqual(problems, []);
  });
});
