import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { certificatesOnly } from '../../src/pki/cms.js';
import { assertDer } from '../../src/pki/der.js';
import { decodePem } from '../../src/pki/pem.js';
import type { SignatureScheme } from '../../src/types.js';
import { type Chain, makeChain } from './chain.js';
import { output, run, scratch, without } from './programs.js';

const path = scratch();
const SCHEMES: SignatureScheme[] = ['rsa-sha256', 'ecdsa-sha256', 'ecdsa-sha384', 'ed25519'];

for (const scheme of SCHEMES) {
  describe(`a certs-only message with a ${scheme} leaf`, () => {
    let chain: Chain;
    let certificates: Buffer[];
    let message: Buffer;
    const file = path(`${scheme}.p7b`);

    before(async () => {
      chain = await makeChain(scheme);
      certificates = [chain.leaf, ...chain.superiors];
      message = certificatesOnly(certificates);
      writeFileSync(file, message);
    });

    it('holds the certificates byte for byte, in definite lengths', () => {
      assertDer(message);
      assert.ok(message.includes(Buffer.concat(certificates)));
    });

    it('is read by OpenSSL, in order', { skip: without('openssl') }, () => {
      const pem = output('openssl', ['pkcs7', '-inform', 'DER', '-in', file, '-print_certs']).toString();
      assert.deepEqual(decodePem(pem, ['CERTIFICATE']), certificates);
    });

    it('has version 1, no content and no signers', { skip: without('openssl') }, () => {
      const text = output('openssl', ['cms', '-cmsout', '-print', '-inform', 'DER', '-in', file]).toString();
      assert.match(text, /contentType: pkcs7-signedData/);
      assert.match(text, /version: 1\s+digestAlgorithms:\s+<EMPTY>\s+encapContentInfo:\s+eContentType: pkcs7-data/);
      assert.match(text, /eContent: <ABSENT>/);
      assert.match(text, /signerInfos:\s+<EMPTY>/);
    });

    it('is read by GnuTLS', { skip: without('certtool') }, () => {
      const { status, text } = run('certtool', ['--p7-info', '--inder', '--infile', file]);
      assert.equal(status, 0, text);
      assert.match(text, /Number of certificates: 3/);
      assert.deepEqual(decodePem(text, ['CERTIFICATE', 'PKCS7']).slice(0, 3), certificates);
    });
  });
}
