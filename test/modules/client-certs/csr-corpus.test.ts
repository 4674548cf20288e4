// Whatever is sent as a CSR is certified or refused with a reason: nothing of it is ever our own error.
import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { test } from 'node:test';
import { assembleSigned } from '../../../src/pki/certificate.js';
import * as der from '../../../src/pki/der.js';
import { parseGeneralName } from '../../../src/pki/general-names.js';
import { encodeName } from '../../../src/pki/names.js';
import { OID } from '../../../src/pki/oids.js';
import { encodePem } from '../../../src/pki/pem.js';
import { buildRequestInfo } from '../../../src/pki/request.js';
import type { SignatureScheme } from '../../../src/types.js';
import { build } from '../../build.js';
import { keyFor } from '../../pki/authority.js';
import { mutate, seeded } from '../../pki/mutations.js';

const CASES = 2400;
const SCHEMES = ['rsa-sha256', 'ecdsa-sha256', 'ecdsa-sha384', 'ed25519'] as const;

const subject = encodeName([
  { type: 'C', value: 'DE' },
  { type: 'O', value: 'ACME' },
  { type: 'emailAddress', value: 'alice@example.com' },
  { type: 'CN', value: 'alice' },
]);
const subjectAltNames = ['email:a@example.com', 'dns:a.example', 'ip:192.0.2.1', 'uri:spiffe://a/b', 'upn:a@b'].map(
  parseGeneralName,
);

/** What a request says, with an attribute and an extension more than we make. */
function info(key: KeyObject): Buffer {
  const subjectPublicKeyInfo = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const made = buildRequestInfo({ subject, subjectPublicKeyInfo, subjectAltNames });
  const reader = new der.DerReader(made).sequence();
  const [version, name, spki] = [reader.read().raw, reader.read().raw, reader.read().raw];
  const attributes = reader.read().content;
  const challenge = der.sequence(der.objectIdentifier(OID.challengePassword), der.setOf(der.utf8String('secret')));
  return der.sequence(version, name, spki, der.contextConstructed(0, attributes, challenge));
}

function signed(tbs: Buffer, scheme: SignatureScheme, key: KeyObject): Buffer {
  const digest = scheme === 'ed25519' ? null : scheme.slice(scheme.indexOf('-') + 1);
  return assembleSigned(tbs, scheme, sign(digest, tbs, key));
}

/** A damaged text: a character more, less, other, or doubled. */
function mutateText(text: string, random: (limit: number) => number): string {
  const at = random(text.length);
  const character = ['\0', '-', '=', '\r\n', 'é', '-----BEGIN '][random(6)] as string;
  return text.slice(0, at) + (random(2) === 0 ? character : '') + text.slice(at + random(3));
}

test(`${CASES} damaged CSRs are certified or refused with 400, by submit and by inspect`, async (t) => {
  const { call, app } = await build(t);
  const random = seeded(4211);
  const originals = SCHEMES.map((scheme) => {
    const key = keyFor(scheme);
    return { scheme, key, tbs: info(key) };
  });
  const counts: Record<string, number> = {};
  for (let n = 0; n < CASES; n += 1) {
    const { scheme, key, tbs } = originals[n % originals.length] as (typeof originals)[number];
    // Every second one is signed anew, so that it gets past the signature; RSA's signatures would take too long.
    const resigned = random(2) === 0 && scheme !== 'rsa-sha256';
    const bytes = resigned ? signed(mutate(tbs, random), scheme, key) : mutate(signed(tbs, scheme, key), random);
    const pem = encodePem('CERTIFICATE REQUEST', bytes);
    const csr = n % 5 === 0 ? mutateText(pem, random) : n % 2 === 0 ? pem : bytes.toString('base64');
    for (const step of ['submit', 'inspect']) {
      const answer = await call('operator', { method: 'POST', url: `/api/client-certs/csr/${step}`, payload: { csr } });
      const { code = '' } = answer.json();
      const outcome = `${step} ${answer.statusCode} ${code}`.trim();
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      const expected =
        step === 'submit'
          ? /^submit (201|400 (INVALID_CSR|WEAK_KEY|VALIDATION_FAILED))$/
          : /^inspect (200|400 (INVALID_CSR|VALIDATION_FAILED))$/;
      assert.match(outcome, expected, `${csr}\n${answer.body}`);
    }
  }
  assert.equal(app.store.inventory.size, counts['submit 201'] ?? 0);
  assert.ok((counts['submit 201'] ?? 0) > 20 && (counts['submit 400 WEAK_KEY'] ?? 0) > 20, JSON.stringify(counts));
});
