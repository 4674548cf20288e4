// What the chain of a CA says about it, each rule at its limit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCertificate } from '../../src/pki/certificate.js';
import { chainFaults } from '../../src/pki/chain-faults.js';
import * as der from '../../src/pki/der.js';
import { extendedKeyUsage } from '../../src/pki/extensions.js';
import { IssuingLimits } from '../../src/pki/issuing-limits.js';
import { encodeName } from '../../src/pki/names.js';
import { OID } from '../../src/pki/oids.js';
import { type Made, makeCa } from './constrained.js';

const faults = (chain: readonly Made[], now = new Date()) =>
  chainFaults(
    chain.map((made) => readCertificate(made.der)),
    now,
  );

test('a CA is allowed as many CAs below it as its path length says; self-issued ones do not count', async () => {
  const root = await makeCa('CN=Root', { pathLength: 1 });
  const middle = await makeCa('CN=Middle', { issuer: root });
  const renewed = await makeCa('CN=Middle', { issuer: middle });
  const low = await makeCa('CN=Low', { issuer: renewed });
  assert.deepEqual(faults([middle, root]).fatal, []);
  assert.deepEqual(faults([renewed, middle, root]).fatal, [], 'a CA that certifies its next key is none below itself');
  assert.deepEqual(faults([low, renewed, middle, root]).fatal, [
    '"CN=Root" allows 1 CAs below it (pathLenConstraint), and there are 2',
  ]);
});

test('a CA is one from its first second on, and none from its last on', async () => {
  const root = await makeCa('CN=Root');
  const { notBefore, notAfter } = readCertificate(root.der);
  const at = (date: Date, milliseconds: number) => faults([root], new Date(date.getTime() + milliseconds)).fatal.length;
  assert.deepEqual([at(notBefore, -1), at(notBefore, 0), at(notAfter, -1), at(notAfter, 0)], [1, 0, 0, 1]);
});

test('a CA that wants a policy in the certificates which are issued here is useless, one that wants it further down is not', async () => {
  const wanting = async (after: number | Buffer) => {
    const value = Buffer.isBuffer(after) ? after : der.sequence(der.encode(0x80, Buffer.of(after)));
    const more = [{ oid: OID.policyConstraints, critical: true, value }];
    const root = await makeCa('CN=Root', { more });
    return faults([await makeCa('CN=Issuing', { issuer: root }), root]).fatal.length;
  };
  // Below the root are the issuing CA and then the leaf: two certificates.
  assert.deepEqual([await wanting(0), await wanting(1), await wanting(2), await wanting(3)], [1, 1, 1, 0]);
  assert.equal(
    await wanting(der.sequence(der.encode(0x81, Buffer.of(0)))),
    0,
    'inhibitPolicyMapping alone asks for none',
  );
  assert.equal(await wanting(der.octetString(Buffer.of(1))), 1, 'what cannot be read counts as a wish');
});

test('a critical extension that nobody knows makes a CA useless, one that is not critical does not', async () => {
  const with_ = async (critical: boolean) => {
    const more = [{ oid: '1.3.6.1.4.1.99999.1', critical, value: der.nullValue() }];
    return faults([await makeCa('CN=Root', { more })]).fatal.length;
  };
  assert.deepEqual([await with_(true), await with_(false)], [1, 0]);
});

test('a CA for any purpose limits none below it, one for some purposes limits to these', async () => {
  const against = async (purposes: string[]) => {
    const root = await makeCa('CN=Root', { more: [extendedKeyUsage(purposes)] });
    const limits = new IssuingLimits([readCertificate(root.der)]);
    return limits.violations({ subject: encodeName([]), names: [], purposes: ['clientAuth', 'emailProtection'] })
      .length;
  };
  assert.equal(await against(['anyExtendedKeyUsage']), 0);
  assert.equal(await against(['serverAuth', 'anyExtendedKeyUsage']), 0);
  assert.equal(await against(['clientAuth']), 1);
  assert.equal(await against(['serverAuth']), 2);
});
