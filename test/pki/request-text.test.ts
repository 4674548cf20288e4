// The text of a CSR as people send it, and what is told of a text that is none.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { test } from 'node:test';
import { assembleSigned } from '../../src/pki/certificate.js';
import * as der from '../../src/pki/der.js';
import { encodeName } from '../../src/pki/names.js';
import { encodePem } from '../../src/pki/pem.js';
import { buildRequestInfo, readRequest, takeApart } from '../../src/pki/request.js';
import { requestDer } from '../../src/pki/request-text.js';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const info = buildRequestInfo({
  subject: encodeName([{ type: 'CN', value: 'alice' }]),
  subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
  subjectAltNames: [],
});
const request = assembleSigned(info, 'ed25519', sign(null, info, privateKey));
const pem = encodePem('CERTIFICATE REQUEST', request);
const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const utf16 = (text: string, bigEnd = false): Buffer => {
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return bigEnd ? bytes.swap16() : bytes;
};

const FORMS: [string, string | Buffer][] = [
  ['a byte order mark (openssl/openssl#19494)', `\uFEFF${pem}`],
  ['a byte order mark read as Latin-1', `ï»¿${pem}`],
  ['a byte order mark as octets', Buffer.from(`\uFEFF${pem}`)],
  ['UTF-16, small end first (openssl/openssl#10112)', utf16(pem)],
  ['UTF-16, big end first', utf16(pem, true)],
  ['UTF-16 that something read as UTF-8', utf16(pem).toString('utf8')],
  ['UTF-16 that something read as Latin-1', utf16(pem).toString('latin1')],
  ['UTF-16 in base64', utf16(pem).toString('base64')],
  ['blanks before the lines', pem.replace(/^/gm, '    ')],
  ['tabs and no-break spaces', pem.replace(/^/gm, '\t\u00A0')],
  ['quotes around it', `"${pem.trim()}"`],
  ['typographic quotes around it', `“${pem.trim()}”`],
  ['a quoted mail', pem.replace(/^/gm, '> ')],
  ['a JSON text within a text', JSON.stringify(pem)],
  ['line ends as \\r\\n in letters', pem.replaceAll('\n', '\\r\\n')],
  ['old Macintosh line ends', pem.replaceAll('\n', '\r')],
  ['one line', pem.replaceAll('\n', ' ')],
  ['PEM in base64', Buffer.from(pem).toString('base64')],
  ['PEM in base64 with lines', Buffer.from(pem).toString('base64').replace(/.{76}/g, '$&\r\n')],
  ['base64 of DER between quotes', `'${request.toString('base64')}'`],
];

for (const [what, form] of FORMS) {
  test(`a CSR is understood with ${what}`, () => assert.deepEqual(readRequest(form).der, request));
}

const NONE: [string, string, RegExp][] = [
  ['an empty text', '', /empty/],
  ['blanks', ' \n\t', /empty/],
  ['a sentence', 'please sign my key', /This is not a CSR in PEM: it begins with -----BEGIN CERTIFICATE REQUEST-----/],
  ['a word in letters of base64', 'hello123', /not a CSR in PEM/],
  ['a file name', 'alice.csr', /not a CSR in PEM/],
  ['JSON', '{"csr": true}', /not a CSR in PEM/],
  ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB alice@host', /not a CSR in PEM/],
  ['a certificate', encodePem('CERTIFICATE', request), /This is a certificate, not a CSR/],
  ['a trusted certificate', encodePem('TRUSTED CERTIFICATE', request), /This is a certificate, not a CSR/],
  ['a public key', publicKey.export({ type: 'spki', format: 'pem' }).toString(), /labelled PUBLIC KEY, not a CSR/],
  ['a CSR and a certificate', pem + encodePem('CERTIFICATE', request), /Send the CSR alone/],
  ['two CSRs', pem + pem, /one CSR/],
  ['half a CSR', pem.slice(0, 120), /no end line/],
];

for (const [what, text, message] of NONE) {
  test(`${what} is told apart from a CSR`, () => {
    assert.throws(
      () => takeApart(text),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'INVALID_CSR');
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /base64/);
        return true;
      },
    );
  });
}

test('a certificate in base64 without a label is told apart from a CSR', () => {
  const certificate = der.sequence(
    der.sequence(der.contextExplicit(0, der.integer(2))),
    der.sequence(),
    der.bitString(Buffer.alloc(1)),
  );
  assert.throws(() => takeApart(certificate.toString('base64')), /This is a certificate, not a CSR/);
});

test('a private key that is sent along is refused as exposed, in every form, and never repeated', () => {
  const forms = [key + pem, pem + key, key, Buffer.from(key).toString('base64'), JSON.stringify(key + pem)];
  forms.push(privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'));
  for (const form of forms) {
    assert.throws(
      () => takeApart(form),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'INVALID_CSR');
        assert.match(error.message, /private key.*exposed/);
        assert.ok(!error.message.includes(key.split('\n')[1] as string));
        return true;
      },
    );
  }
});

test('damaged base64 within a CSR is called that', () => {
  assert.throws(() => takeApart(pem.replace(/^(M.{30})./m, '$1*')), /base64 is damaged/);
  assert.throws(() => takeApart(request.toString('base64').slice(0, -7)), /base64 is damaged/);
});

test('DER stays DER, also where its octets look like text', () => {
  assert.deepEqual(requestDer(request), request);
});
