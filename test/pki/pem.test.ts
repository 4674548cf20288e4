import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64, decodePem, encodePem, pemPieces, pemSize } from '../../src/pki/pem.js';
import { seeded } from './mutations.js';
import { output, without } from './programs.js';
import { caTemplate, certify, keys } from './samples.js';

const refused = { name: 'CertMateError', code: 'VALIDATION_FAILED' };

describe('PEM', () => {
  it('gives back what was written, several blocks in order, with text around them', () => {
    const some = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 4 }), fc.boolean(), (blocks, crlf) => {
        const text = blocks.map((der, i) => `Subject: number ${i}\n${encodePem('CERTIFICATE', der)}`).join('\n');
        assert.deepEqual(decodePem(crlf ? text.replaceAll('\n', '\r\n') : text, ['CERTIFICATE']), blocks);
      }),
    );
  });

  it('is what OpenSSL writes, byte for byte', { skip: without('openssl') }, () => {
    const der = certify(caTemplate(keys.p256), keys.p256);
    const pem = output('openssl', ['x509', '-inform', 'DER'], der).toString();
    assert.equal(encodePem('CERTIFICATE', der), pem);
    assert.deepEqual(decodePem(pem, ['CERTIFICATE']), [der]);
  });

  it('accepts every label of the list and no other', () => {
    const text = encodePem('NEW CERTIFICATE REQUEST', Buffer.of(1));
    assert.deepEqual(decodePem(text, ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST']), [Buffer.of(1)]);
    assert.throws(() => decodePem(text, ['CERTIFICATE']), refused);
    assert.throws(() => decodePem(encodePem('CERTIFICATE', Buffer.of(1)) + text, ['CERTIFICATE']), refused);
  });

  it('refuses what is damaged', () => {
    const block = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    for (const text of [
      '',
      'hello',
      block(''),
      block('MAo'),
      block('MA=='.repeat(2)),
      block('MB=='),
      block('MA-_'),
      block('Proc-Type: 4,ENCRYPTED\n\nMAA='),
      block('MAA=').replace('END CERTIFICATE', 'END X'),
      block('MAA=').slice(0, -10),
      '-----BEGIN CERTIFICATE',
      `text ${block('MAA=')}`,
    ])
      assert.throws(() => decodePem(text, ['CERTIFICATE']), refused, text);
  });

  it('reads large text in linear time', () => {
    const started = performance.now();
    for (const text of [
      '-----BEGIN '.repeat(20_000),
      ` ${'-----BEGIN A-----\n'.repeat(20_000)}`,
      ' \n'.repeat(100_000),
    ])
      assert.throws(() => decodePem(text, ['A']), refused);
    assert.ok(performance.now() - started < 1000);
  });

  it('reads base64 by itself', () => {
    assert.deepEqual(decodeBase64(' MAA=\n'), Buffer.of(0x30, 0));
    assert.throws(() => decodeBase64('MAA'), refused);
  });
});

describe('PEM in pieces', () => {
  it('is the same as PEM in one, however the bytes are cut', () => {
    const random = seeded(7);
    for (const size of [0, 1, 47, 48, 49, 49_151, 49_152, 49_153, 150_000]) {
      const der = Buffer.from(Array.from({ length: size }, () => random(256)));
      const pieces: Buffer[] = [];
      for (let at = 0; at < size; ) {
        const length = 1 + random(random(2) === 0 ? 60_000 : 100);
        pieces.push(der.subarray(at, at + length));
        at += length;
      }
      const text = Buffer.concat([...pemPieces('X509 CRL', pieces)]).toString();
      assert.equal(text, encodePem('X509 CRL', der));
      assert.equal(text.length, pemSize('X509 CRL', size));
    }
  });
});
