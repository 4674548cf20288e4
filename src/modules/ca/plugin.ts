/** Opens the CA, or makes the first one, and offers it as `app.authority`. */
import plugin from 'fastify-plugin';
import { StartupError } from '../../errors.js';
import { CertificateAuthority } from './authority.js';
import { authorityExists, createAuthority, loadAuthority } from './establish.js';

declare module 'fastify' {
  interface FastifyInstance {
    authority: CertificateAuthority;
  }
}

export const caPlugin = plugin(
  async (app) => {
    const { config, clock, folders, keys, store, audit, log } = app;
    const { caPassphrase: passphrase, caSubject: subject, caKeyType: keyType, caDays: days } = config;
    if (await authorityExists(folders.ca)) {
      app.decorate('authority', await loadAuthority(folders.ca, passphrase, clock.now(), log));
      return;
    }
    if (store.inventory.size > 0) {
      throw new StartupError(
        'there are certificates but no CA; restore its folder from a backup (no new CA is made over an old one)',
      );
    }
    log.info({ key_type: keyType }, 'making the CA');
    const key = await keys.generate(keyType);
    const authority = await createAuthority(folders.ca, { subject, keyType, days }, key, passphrase, clock.now());
    await audit.record({
      operation: 'ca_create',
      resource_type: 'ca',
      resource_id: authority.certificate.serial,
      status: 'success',
      actor: { user: 'system', ip_address: null, request_id: null },
      details: { subject: authority.subjectText, fingerprint_sha256: authority.fingerprint, key_type: keyType },
    });
    app.decorate('authority', authority);
  },
  { name: 'ca', fastify: '5.x', dependencies: ['foundation', 'audit'] },
);
