// GnuTLS judges the chain, the CRL and the OCSP answers of a running CertMate.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertMate, startCertMate } from './certmate.js';
import { missing, run } from './programs.js';

const skip = missing('certtool', 'ocsptool');

describe('GnuTLS', () => {
  let certmate: CertMate;
  before(async () => {
    if (!skip) certmate = await startCertMate();
  });
  after(() => certmate?.stop());

  test('certtool reads a certificate as we meant it', { skip }, async () => {
    const { certificate } = await certmate.issue({
      common_name: 'alice@example.com',
      email: 'alice@example.com',
      organization: 'Ünïon & Söhne',
      country: 'DE',
    });
    const { output, status } = await run`certtool -i --infile ${certificate}`;
    assert.equal(status, 0, output);
    assert.match(output, /Subject: .*CN=alice@example\.com/);
    assert.match(output, /O=Ünïon & Söhne/);
    assert.match(output, /RFC822Name: alice@example\.com/);
    assert.match(output, /Key Usage \(critical\):\s+Digital signature\.\s+(?!Key encipherment)/);
    assert.match(output, /TLS WWW Client/);
    assert.match(output, /Certificate Authority \(CA\): FALSE/);
    assert.ok(output.includes(`URI: ${certmate.url}/api/crl/download/der`), output);
    assert.ok(output.includes(`${certmate.url}/api/ocsp`), output);
  });

  test('certtool accepts the CRL, empty and with entries', { skip }, async () => {
    const check = async (entries: RegExp) => {
      const crl = await certmate.crl('pem');
      const verified = await run`certtool --verify-crl --load-ca-certificate ${certmate.ca} --infile ${crl}`;
      assert.equal(verified.status, 0, verified.output);
      assert.match(verified.output, /Verification output: Verified/);
      const read = await run`certtool --crl-info --infile ${crl}`;
      assert.match(read.output, entries);
    };
    await check(/No revoked certificates/i);
    for (const name of ['first', 'second']) {
      const { identifier } = await certmate.issue({ common_name: name });
      await certmate.revoke(identifier);
    }
    await check(/Revoked certificates \(2\)/);
  });

  test('certtool verifies a certificate against CA and CRL, and no longer once it is revoked', { skip }, async () => {
    const { identifier, certificate } = await certmate.issue({ common_name: 'bob' });
    const verify = async () =>
      run`certtool --verify --load-ca-certificate ${certmate.ca} --load-crl ${await certmate.crl('pem')} --infile ${certificate}`;
    const good = await verify();
    assert.equal(good.status, 0, good.output);
    assert.match(good.output, /Verified\. The certificate is trusted/);
    await certmate.revoke(identifier);
    const revoked = await verify();
    assert.notEqual(revoked.status, 0);
    assert.match(revoked.output, /revoked/);
  });

  for (const nonce of ['--nonce', '--no-nonce']) {
    test(`ocsptool asks the responder with ${nonce} and believes it: good, then revoked`, { skip }, async () => {
      const { identifier, certificate } = await certmate.issue({ common_name: 'carol' });
      const ask = () =>
        run`ocsptool --ask=${certmate.url}/api/ocsp ${nonce} --load-issuer ${certmate.ca} --load-cert ${certificate} --load-trust ${certmate.ca}`;
      const good = await ask();
      assert.equal(good.status, 0, good.output);
      assert.match(good.output, /Certificate Status: good/);
      assert.match(good.output, /Verifying OCSP Response: Success/);
      await certmate.revoke(identifier);
      const revoked = await ask();
      assert.match(revoked.output, /Certificate Status: revoked/);
      assert.match(revoked.output, /Verifying OCSP Response: Success/);
    });
  }
});
