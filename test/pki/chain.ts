/** A leaf under an issuing CA under a root, made by our own builder. */
import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { localSigner } from '../../src/crypto/file-signer.js';
import { assembleSigned, buildTbsCertificate } from '../../src/pki/certificate.js';
import { basicConstraints, keyUsage } from '../../src/pki/extensions.js';
import { encodeName } from '../../src/pki/names.js';
import { newSerial } from '../../src/pki/serial.js';
import type { SignatureScheme } from '../../src/types.js';
import { keyFor } from './authority.js';

export interface Chain {
  /** Of the leaf. */
  key: KeyObject;
  /** In DER. */
  leaf: Buffer;
  /** The issuing CA and the root, in DER. */
  superiors: Buffer[];
}

/** @param scheme what the leaf's key signs with */
export async function makeChain(scheme: SignatureScheme): Promise<Chain> {
  const [key, issuing, root] = [keyFor(scheme), keyFor('ecdsa-sha256'), keyFor('ecdsa-sha256')];
  return {
    key,
    leaf: await certificate(scheme, key, 'Issuing CA', issuing),
    superiors: [
      await certificate('Issuing CA', issuing, 'Root CA', root),
      await certificate('Root CA', root, 'Root CA', root),
    ],
  };
}

async function certificate(name: string, key: KeyObject, issuer: string, issuerKey: KeyObject): Promise<Buffer> {
  const ca = name.endsWith('CA');
  const signer = localSigner(issuerKey);
  const tbs = buildTbsCertificate({
    serial: newSerial(randomBytes(16)),
    issuer: encodeName([{ type: 'CN', value: issuer }]),
    subject: encodeName([{ type: 'CN', value: name }]),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    subjectPublicKeyInfo: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    extensions: [basicConstraints({ ca }), keyUsage(ca ? ['keyCertSign'] : ['digitalSignature'])],
    scheme: signer.scheme,
  });
  return assembleSigned(tbs, signer.scheme, await signer.sign(tbs));
}
