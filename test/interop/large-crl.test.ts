// CRLs of every size before parsers that nobody here wrote: from none to a million entries.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { CertificateAuthority } from '../../src/modules/ca/authority.js';
import { createAuthority } from '../../src/modules/ca/establish.js';
import { CrlPublisher } from '../../src/modules/crl/publisher.js';
import { Folder } from '../../src/store/folder.js';
import { missing, run, temporaryFolder } from './programs.js';

const REASONS = ['keyCompromise', 'superseded', 'unspecified', 'certificateHold'] as const;

function* revocations(count: number) {
  for (let number = 0; number < count; number += 1) {
    yield {
      // Spread over all lengths that a serial number of ours may have.
      serial: ((1n << BigInt(70 + (number % 80))) + BigInt(number)).toString(),
      expires_at: '2040-01-01T00:00:00Z',
      revoked_at: number % 5 === 0 ? '2026-01-02T03:04:05Z' : '2026-11-21T20:38:00Z',
      reason: REASONS[number % REASONS.length] as (typeof REASONS)[number],
      invalidity_date: number % 7 === 0 ? '2026-01-01T00:00:00Z' : null,
      not_before: null,
    };
  }
}

describe('a CRL', () => {
  for (const count of [0, 1, 3000, 30_000, 1_000_000]) {
    test(`of ${count} entries is verified by OpenSSL, NSS${count > 3000 ? '' : ' and GnuTLS'}`, {
      skip: missing('openssl', 'certtool', 'crlutil', 'certutil'),
      timeout: 120_000,
    }, async (t) => {
      const temporary = temporaryFolder('large-crl');
      t.after(() => temporary.remove());
      const [ca, crl] = [join(temporary.path, 'ca'), join(temporary.path, 'crl')];
      const authority = await newAuthority(ca);
      const publisher = await CrlPublisher.open({
        authority,
        revocations: () => revocations(count),
        isKnown: () => true,
        crlFolder: new Folder(crl),
        caFolder: new Folder(ca),
        clock: { now: () => new Date() },
        log: { info: () => {}, warn: () => {}, error: () => {} },
        hours: 168,
      });
      assert.equal(publisher.current.count, count);
      const [caPem, crlPem] = [join(ca, 'ca.crt'), join(ca, 'crl.pem')];
      const crlDer = join(crl, `crl-${publisher.current.number}.der`);

      const openssl = await run`openssl crl -verify -CAfile ${caPem} -inform DER -in ${crlDer} -noout`;
      assert.match(openssl.output, /verify OK/);
      const same = await run`openssl crl -in ${crlPem} -outform DER -out ${join(temporary.path, 'again.der')}`;
      assert.equal(same.status, 0, same.output);
      const sha256 = createHash('sha256').update(publisher.current.der).digest('hex');
      const digest = await run`openssl dgst -sha256 -r ${join(temporary.path, 'again.der')}`;
      assert.ok(digest.output.startsWith(sha256), 'the PEM holds the same bytes');

      // It also prints the CRL, looking for each entry from the first one on: half a minute for 30 000.
      const gnutls =
        count > 3000 ? null : await run`certtool --verify-crl --load-ca-certificate ${caPem} --infile ${crlPem}`;
      assert.match(gnutls?.output ?? 'Verified', /Verified/);

      const database = `sql:${temporary.path}`;
      writeFileSync(join(temporary.path, 'password'), '');
      const steps = [
        await run`certutil -N -d ${database} --empty-password`,
        await run`certutil -A -d ${database} -n ca -t CT,C,C -a -i ${caPem}`,
        await run`crlutil -I -d ${database} -t 1 -i ${crlDer}`,
      ];
      for (const { status, output } of steps) assert.equal(status, 0, output.slice(-500));
    });
  }
});

function newAuthority(folder: string): Promise<CertificateAuthority> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const profile = { subject: 'CN=CertMate CA,O=CertMate', keyType: 'ec-p256' as const, days: 3650 };
  return createAuthority(new Folder(folder), profile, privateKey, null, new Date());
}
