/** Gives the servers their TLS certificate, keeps it fresh and offers it as `app.tls`; null where TLS is off. */
import { basename, dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import plugin from 'fastify-plugin';
import { StartupError } from '../../errors.js';
import type { SecureServers } from '../../http/secure-servers.js';
import { encodeGeneralName, type GeneralName } from '../../pki/general-names.js';
import { encodeName } from '../../pki/names.js';
import { relyingPartyUrls } from '../../relying-party-urls.js';
import { Folder } from '../../store/folder.js';
import { PairFiles } from './files.js';
import { hostsOf } from './hosts.js';
import { commonNameOf, OwnCertificate } from './own-certificate.js';
import { type PairSource, UnusablePair } from './pair.js';
import { ServedPair } from './served-pair.js';

declare module 'fastify' {
  interface FastifyInstance {
    tls: ServedPair | null;
  }
}

/** Seconds. Files are looked at every ten seconds: they are small, and programs that renew them do not tell. */
const FILES = 10;
/** Seconds. Our own certificate is due a month before it ends, and at once when the clock was put right. */
const OWN = 60;

export const tlsPlugin = plugin(
  async (app, { servers }: { servers: SecureServers | null }) => {
    if (servers === null) {
      app.decorate('tls', null);
      return;
    }
    const { clock, config, health, log, scheduler } = app;
    const source = config.tls === 'self' ? await ownCertificate(app) : namedFiles(config);
    const served = await open(source, servers, { clock, log });
    app.decorate('tls', served);
    scheduler.every('tls-certificate', config.tls === 'self' ? OWN : FILES, () => served.refresh());
    health.add('tls', () => {
      const { trouble } = served;
      return trouble === null ? { ok: true } : { ok: false, detail: trouble };
    });
    if (config.relyingPartyUrl.startsWith('https:')) {
      const advice = 'many servers fetch CRLs and ask OCSP responders over http only: see CERTMATE_HTTP_PORT';
      log.warn({ relying_party_url: config.relyingPartyUrl }, `certificates say https for CRL and OCSP; ${advice}`);
    }
  },
  { name: 'tls', fastify: '5.x', dependencies: ['foundation', 'health', 'audit', 'ca', 'ocsp'] },
);

function ownCertificate({ audit, authority, clock, config, keys, ocsp }: FastifyInstance): Promise<PairSource> {
  return OwnCertificate.open({
    issuer: authority,
    keys,
    files: new Folder(join(config.dataDir, 'tls')),
    hosts: hostsWithin(authority, hostsOf(config)),
    urls: relyingPartyUrls(config.relyingPartyUrl),
    announce: (serial) => ocsp.vouchFor(serial),
    audit,
    clock,
  });
}

/** The names that the CA's own limits let it certify. @throws StartupError the public URL's host is not among them */
function hostsWithin(
  { limits }: FastifyInstance['authority'],
  [first, ...others]: readonly [GeneralName, ...GeneralName[]],
): readonly [GeneralName, ...GeneralName[]] {
  const violationsOf = (host: GeneralName) => {
    const subject = host === first ? encodeName([{ type: 'CN', value: commonNameOf(host) }]) : encodeName([]);
    return limits.violations({ subject, names: [encodeGeneralName(host)], purposes: ['serverAuth'] });
  };
  const [violation] = violationsOf(first);
  if (violation === undefined) return [first, ...others.filter((host) => violationsOf(host).length === 0)];
  throw new StartupError(
    `the CA must not certify this server: ${violation.message}; name a certificate of another CA in CERTMATE_TLS_CERT and CERTMATE_TLS_KEY`,
  );
}

function namedFiles({ tlsCert, tlsKey }: FastifyInstance['config']): PairSource {
  const reader = (path: string | null) => () => new Folder(dirname(path ?? '')).read(basename(path ?? ''));
  return new PairFiles({ cert: reader(tlsCert), key: reader(tlsKey) });
}

async function open(source: PairSource, servers: SecureServers, parts: Pick<FastifyInstance, 'clock' | 'log'>) {
  try {
    return await ServedPair.open(source, (pair) => servers.show(pair), parts);
  } catch (error) {
    throw error instanceof UnusablePair ? new StartupError(error.message, { cause: error }) : error;
  }
}
