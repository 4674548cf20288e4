/** Calls and questions that the tests of a certificate's life share. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { localSigner } from '../../../src/crypto/file-signer.js';
import { assembleSigned } from '../../../src/pki/certificate.js';
import { readCrl } from '../../../src/pki/crl.js';
import { encodeName } from '../../../src/pki/names.js';
import { encodePem } from '../../../src/pki/pem.js';
import { buildRequestInfo } from '../../../src/pki/request.js';
import type { CertificateRecord } from '../../../src/types.js';
import type { Built } from '../../build.js';

export type Resource = CertificateRecord & {
  status: string;
  certificate_pem: string;
  private_key_pem?: string;
  code?: string;
  message: string;
};

export interface Answered {
  status: number;
  body: Resource;
}

/** The certificate API with the least role that may call each route. */
export function life({ app, call, issue }: Built) {
  const send = async (
    role: 'operator' | 'admin',
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    payload?: object,
  ): Promise<Answered> => {
    const answer = await call(role, { method, url: `/api/client-certs/${path}`, ...(payload && { payload }) });
    return { status: answer.statusCode, body: answer.json() };
  };
  return {
    issue: async (body: object = {}) => (await issue({ ...body })) as unknown as Resource,
    get: async (identifier: string): Promise<Resource> =>
      (await call('viewer', { method: 'GET', url: `/api/client-certs/${identifier}` })).json(),
    renew: (identifier: string, body: object = {}) => send('operator', 'POST', `${identifier}/renew`, body),
    revoke: (identifier: string, reason = 'keyCompromise') => send('admin', 'POST', `${identifier}/revoke`, { reason }),
    revokeFound: (body: object) => send('admin', 'POST', 'revoke', body),
    unhold: (identifier: string) => send('admin', 'POST', `${identifier}/unhold`),
    amend: (identifier: string, body: object) => send('operator', 'PATCH', identifier, body),
    remove: (identifier: string) => send('admin', 'DELETE', identifier),
    download: async (identifier: string, kind: string) => {
      const answer = await call('operator', { method: 'GET', url: `/api/client-certs/${identifier}/download/${kind}` });
      return { status: answer.statusCode, text: answer.body };
    },
    /** What OCSP says of a serial number: `good`, `unknown`, or the reason of its revocation. */
    ocsp: async (serial: string): Promise<string> => {
      const answer = await call('anonymous', { method: 'GET', url: `/api/ocsp/status/${serial}` });
      const { certificate_status, revocation_reason } = answer.json();
      return certificate_status === 'revoked' ? revocation_reason : certificate_status;
    },
    /** What the published CRL says of a serial number: its reason, or null. */
    crl: (serial: string): string | null =>
      [...readCrl(app.crl.current.der).entries].find((entry) => entry.serial === serial)?.reason ?? null,
  };
}

/** A CSR for a fresh P-256 key, or another kind, in PEM. */
export async function csrFor(commonName: string, kind: 'ec' | 'rsa' = 'ec'): Promise<string> {
  const { privateKey } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const signer = localSigner(privateKey);
  const info = buildRequestInfo({
    subject: encodeName([{ type: 'CN', value: commonName }]),
    subjectPublicKeyInfo: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    subjectAltNames: [],
  });
  return encodePem('CERTIFICATE REQUEST', assembleSigned(info, signer.scheme, await signer.sign(info)));
}
