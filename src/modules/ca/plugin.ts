/** Opens the CA, or makes the first one, and offers it as `app.authority`. */
import { verify } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { StartupError } from '../../errors.js';
import type { CheckResult } from '../../http/health.js';
import { readCertificate } from '../../pki/certificate.js';
import { chainFaults } from '../../pki/chain-faults.js';
import { slowStep } from '../../slow-step.js';
import type { KeyType } from '../../types.js';
import type { CertificateAuthority } from './authority.js';
import { authorityExists, createAuthority, loadAuthority } from './establish.js';

declare module 'fastify' {
  interface FastifyInstance {
    authority: CertificateAuthority;
  }
}

const KEY_NAMES: Record<KeyType, string> = {
  'rsa-2048': 'RSA-2048',
  'rsa-3072': 'RSA-3072',
  'rsa-4096': 'RSA-4096',
  'ec-p256': 'EC P-256',
  'ec-p384': 'EC P-384',
  ed25519: 'Ed25519',
};

export const caPlugin = plugin(
  async (app) => {
    const authority = await openAuthority(app);
    app.decorate('authority', authority);
    const chain = authority.chain.map((der) => readCertificate(der));
    for (const fault of chainFaults(chain, app.clock.now()).fatal) app.log.error({}, `CA chain: ${fault}`);
    app.health.add('ca_chain', () => {
      const [fault] = chainFaults(chain, app.clock.now()).fatal;
      return fault === undefined ? { ok: true } : { ok: false, detail: `verifiers refuse its certificates: ${fault}` };
    });
    app.health.add('ca', () => trial(authority, app.clock.now()), { vital: true });
  },
  { name: 'ca', fastify: '5.x', dependencies: ['foundation', 'health', 'audit'] },
);

/** The CA there is, else a new one. */
async function openAuthority(app: FastifyInstance): Promise<CertificateAuthority> {
  const { config, clock, folders, keys, store, audit, log } = app;
  const { caPassphrase: passphrase, caSubject: subject, caKeyType: keyType, caDays: days } = config;
  if (await authorityExists(folders.ca)) return loadAuthority(folders.ca, passphrase, clock.now(), log);
  if (store.inventory.size > 0) {
    throw new StartupError(
      'there are certificates but no CA; restore its folder from a backup (no new CA is made over an old one)',
    );
  }
  const key = await slowStep(log, `Generating the CA key (${KEY_NAMES[keyType]}) …`, () => keys.generate(keyType), 0);
  const authority = await createAuthority(folders.ca, { subject, keyType, days }, key, passphrase, clock.now());
  await audit.record({
    operation: 'ca_create',
    resource_type: 'ca',
    resource_id: authority.certificate.serial,
    status: 'success',
    actor: { user: 'system', ip_address: null, request_id: null },
    details: { subject: authority.subjectText, fingerprint_sha256: authority.fingerprint, key_type: keyType },
  });
  return authority;
}

/** Signs something that is no certificate and checks the signature; also whether the CA is still valid. */
async function trial({ signer, certificate }: CertificateAuthority, now: Date): Promise<CheckResult> {
  if (certificate.notAfter <= now) return { ok: false, detail: 'the CA certificate has expired' };
  if (certificate.notBefore > now) return { ok: false, detail: 'the CA certificate is not valid yet: check the clock' };
  const probe = Buffer.from('CertMate health check');
  const digest = { 'rsa-sha256': 'sha256', 'ecdsa-sha256': 'sha256', 'ecdsa-sha384': 'sha384', ed25519: null };
  const signature = await signer.sign(probe);
  return verify(digest[signer.scheme], probe, signer.publicKey, signature)
    ? { ok: true }
    : { ok: false, detail: 'the CA key signs wrongly' };
}
