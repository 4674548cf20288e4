/** A child: CertMate as a user runs it, rate limits and log included, the limits raised beyond what a storm reaches. */
import { generateKeyPairSync } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { buildApp } from '../src/app.js';
import { readConfig } from '../src/config.js';
import { serveParent } from './child.js';
import { csrPem } from './csr.js';

const ENOUGH = 1e9;

const app = await buildApp({ config: readConfig(process.env) });
for (const name of Object.keys(app.rateLimits) as (keyof typeof app.rateLimits)[]) app.rateLimits[name] = ENOUGH;
await app.listen({ host: '127.0.0.1', port: 0 });
const startedIn = performance.now();
const memory = process.memoryUsage.rss();

const token = process.env['CERTMATE_API_TOKEN'];
const csr = await csrPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
serveParent(
  {
    port: (app.server.address() as AddressInfo).port,
    token,
    csr,
    issuer: app.authority.certificate.der.toString('base64'),
    startedIn,
    memory,
  },
  () => app.close(),
);
