/** A certificate that the CA issued elsewhere, by rules of another program, and that was taken over as it is. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { recordOf } from '../../../src/certificate-record.js';
import { assembleSigned, buildTbsCertificate, readCertificate } from '../../../src/pki/certificate.js';
import * as extension from '../../../src/pki/extensions.js';
import type { GeneralName } from '../../../src/pki/general-names.js';
import { encodeName } from '../../../src/pki/names.js';
import { encodePem } from '../../../src/pki/pem.js';
import { newSerial } from '../../../src/pki/serial.js';
import type { CertificateRecord, Revocation } from '../../../src/types.js';
import type { Built } from '../../build.js';

interface Elsewhere {
  identifier?: string;
  names?: readonly GeneralName[];
  /** Of a new P-256 key unless given. */
  subjectPublicKeyInfo?: Buffer;
  extendedKeyUsage?: readonly string[];
  revocation?: Revocation;
}

/** In PEM, signed by the CA of this app; it lives for a day. */
export async function signedElsewhere({ app }: Built, { names = [], ...asked }: Elsewhere): Promise<string> {
  const { authority } = app;
  const publicKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const tbs = buildTbsCertificate({
    serial: newSerial(randomBytes(16)),
    issuer: authority.certificate.subject,
    subject: encodeName([{ type: 'CN', value: asked.identifier ?? 'alice' }]),
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    subjectPublicKeyInfo: asked.subjectPublicKeyInfo ?? publicKey().export({ type: 'spki', format: 'der' }),
    extensions: [
      extension.basicConstraints({ ca: false }),
      extension.keyUsage(['digitalSignature']),
      extension.extendedKeyUsage(asked.extendedKeyUsage ?? ['clientAuth']),
      ...(names.length === 0 ? [] : [extension.subjectAltName(names, false)]),
    ],
    scheme: authority.signer.scheme,
  });
  const der = assembleSigned(tbs, authority.signer.scheme, await authority.signer.sign(tbs));
  return encodePem('CERTIFICATE', der);
}

/** The same, in the store. */
export async function takenOver(built: Built, asked: Elsewhere): Promise<CertificateRecord> {
  const pem = await signedElsewhere(built, asked);
  const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
  const record = recordOf(readCertificate(der), {
    identifier: asked.identifier ?? 'alice',
    cert_usage: 'api-mtls',
    created_at: '2026-01-01T00:00:00Z',
    has_private_key: false,
    revocation: asked.revocation,
    renewal_enabled: false,
    history: [],
  });
  await built.app.store.create(record, { 'cert.crt': pem });
  return record;
}
