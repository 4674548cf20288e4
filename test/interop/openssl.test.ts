// OpenSSL judges the chain, the CRL and the OCSP answers of a running CertMate.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CertMate, startCertMate } from './certmate.js';
import { missing, run } from './programs.js';

const skip = missing('openssl');

for (const keyType of ['ec-p256', 'ec-p384', 'rsa-3072']) {
  describe(`OpenSSL and a CA with an ${keyType} key`, () => {
    let certmate: CertMate;
    let ocsp: string;
    before(async () => {
      if (skip) return;
      certmate = await startCertMate({ CERTMATE_CA_KEY_TYPE: keyType });
      ocsp = `${certmate.url}/api/ocsp`;
    });
    after(() => certmate?.stop());

    /** With every check it has: strict X.509 and the newest CRL. */
    const verify = async (certificate: string) =>
      run`openssl verify -x509_strict -crl_check -CAfile ${certmate.ca} -CRLfile ${await certmate.crl('pem')} ${certificate}`;

    test('every type of key gives a certificate that it verifies strictly', { skip }, async () => {
      for (const leaf of ['ec-p256', 'ec-p384', 'ed25519', 'rsa-2048']) {
        const { certificate } = await certmate.issue({
          common_name: 'alice',
          email: 'alice@example.com',
          key_type: leaf,
        });
        const { output, status } = await verify(certificate);
        assert.equal(status, 0, output);
        const purpose = await run`openssl verify -x509_strict -purpose sslclient -CAfile ${certmate.ca} ${certificate}`;
        assert.equal(purpose.status, 0, purpose.output);
      }
    });

    test('the CRL bears the signature of the CA, empty and with an entry, as PEM and as DER', { skip }, async () => {
      const check = async () => {
        for (const format of ['pem', 'der'] as const) {
          const crl = await certmate.crl(format);
          const { output } = await run`openssl crl -verify -inform ${format} -in ${crl} -CAfile ${certmate.ca} -noout`;
          assert.match(output, /verify OK/);
        }
      };
      await check();
      const { identifier } = await certmate.issue({ common_name: 'on the list' });
      await certmate.revoke(identifier);
      await check();
    });

    test('a revoked certificate is refused by the CRL that is there when the revoke call returns', {
      skip,
    }, async () => {
      const { identifier, certificate } = await certmate.issue({ common_name: 'bob' });
      assert.equal((await verify(certificate)).status, 0);
      await certmate.revoke(identifier);
      const { output, status } = await verify(certificate);
      assert.notEqual(status, 0);
      assert.match(output, /certificate revoked/);
    });

    for (const nonce of ['-nonce', '-no_nonce']) {
      test(`OCSP with ${nonce}: good, then revoked as soon as the revoke call returns`, { skip }, async () => {
        const { identifier, certificate } = await certmate.issue({ common_name: 'carol' });
        const ask = () =>
          run`openssl ocsp ${nonce} -issuer ${certmate.ca} -cert ${certificate} -url ${ocsp} -CAfile ${certmate.ca}`;
        const good = await ask();
        assert.match(good.output, /Response verify OK/);
        assert.match(good.output, /: good/);
        // It warns when a nonce was sent and none came back.
        assert.doesNotMatch(good.output, /WARNING/);
        await certmate.revoke(identifier, 'affiliationChanged');
        const revoked = await ask();
        assert.match(revoked.output, /Response verify OK/);
        assert.match(revoked.output, /: revoked/);
        assert.match(revoked.output, /Reason: affiliationChanged/);
      });
    }

    for (const hash of ['-sha1', '-sha256', '-sha384', '-sha512']) {
      test(`OCSP: a CertID made with ${hash} is answered in kind`, { skip }, async () => {
        const { certificate } = await certmate.issue({ common_name: 'dave' });
        const { output } =
          await run`openssl ocsp ${hash} -issuer ${certmate.ca} -cert ${certificate} -url ${ocsp} -CAfile ${certmate.ca}`;
        assert.match(output, /Response verify OK/);
        assert.match(output, /: good/);
      });
    }

    test('OCSP: a serial number that was never issued is unknown', { skip }, async () => {
      const { output } =
        await run`openssl ocsp -issuer ${certmate.ca} -serial 0x123456789abcdef0 -url ${ocsp} -CAfile ${certmate.ca}`;
      assert.match(output, /Response verify OK/);
      assert.match(output, /: unknown/);
    });

    test('OCSP by GET: base64 in the URL, escaped or not, is answered with bytes that it accepts', {
      skip,
    }, async () => {
      const { identifier, certificate } = await certmate.issue({ common_name: 'erin' });
      const request = join(certmate.folder, 'request.der');
      const made = await run`openssl ocsp -no_nonce -issuer ${certmate.ca} -cert ${certificate} -reqout ${request}`;
      assert.equal(made.status, 0, made.output);
      const base64 = readFileSync(request).toString('base64');
      const judge = async (path: string) => {
        const answer = await fetch(`${ocsp}/${path}`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-type'), 'application/ocsp-response');
        const response = certmate.file('response.der', new Uint8Array(await answer.arrayBuffer()));
        const { output } =
          await run`openssl ocsp -respin ${response} -issuer ${certmate.ca} -cert ${certificate} -CAfile ${certmate.ca}`;
        assert.match(output, /Response verify OK/);
        return output;
      };
      assert.match(await judge(base64), /: good/);
      assert.match(await judge(encodeURIComponent(base64)), /: good/);
      await certmate.revoke(identifier);
      assert.match(await judge(base64), /: revoked/);
    });
  });
}
