/** A CertMate in which there is one of everything that a page can show. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { MovedClock } from '../build.js';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { temporaryFolder } from '../interop/programs.js';
import { csrFor } from '../modules/client-certs/life.js';

/** What the pages are asked for by, and who asks. */
export interface Furnished {
  certmate: CertMate;
  /** Identifiers of a user and of an API key. */
  user: string;
  key: string;
  viewerToken: string;
  /** The password of the users `grace` and `newcomer`; the latter has to change it first. */
  password: string;
  stop(): Promise<void>;
}

const PASSWORD = 'a lantern under seven bridges';
const DAY_S = 86_400;

/** Starts it: three certificates of last month, one of which has expired, and one in every other state. */
export async function startFurnished(): Promise<Furnished> {
  const folder = temporaryFolder('furnished');
  const settings = {
    CERTMATE_DATA_DIR: join(folder.path, 'data'),
    CERTMATE_LOG_DIR: join(folder.path, 'logs'),
    CERTMATE_API_TOKEN: interopToken,
    CERTMATE_CA_KEY_TYPE: 'ec-p256',
    CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
    CERTMATE_LOG_LEVEL: 'silent',
  };
  const lastMonth = new MovedClock(new Date(Date.now() - 40 * DAY_S * 1000));
  const app = await buildApp({ config: readConfig(settings), clock: lastMonth });
  for (const body of [
    { common_name: 'expired', identifier: 'expired', days_valid: 30 },
    { common_name: 'expiring', identifier: 'expiring', days_valid: 45, renewal_enabled: false },
    { common_name: 'renewed', identifier: 'renewed' },
  ]) {
    const headers = { authorization: `Bearer ${interopToken}` };
    const answer = await app.inject({ method: 'POST', url: '/api/client-certs', headers, payload: body });
    assert.equal(answer.statusCode, 201, answer.body);
  }
  await app.close();
  const certmate = await startCertMate({ ...settings, CERTMATE_LOG_LEVEL: 'warn' });
  const stop = async () => {
    await certmate.stop();
    folder.remove();
  };
  try {
    return { certmate, password: PASSWORD, stop, ...(await fill(certmate.url)) };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function fill(url: string): Promise<Pick<Furnished, 'user' | 'key' | 'viewerToken'>> {
  const call = async <Answer>(method: string, path: string, body: object): Promise<Answer> => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${interopToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`);
    return (answer.status === 204 ? null : await answer.json()) as Answer;
  };
  const CERTS = '/api/client-certs';
  const issue = (identifier: string, more: object = {}) =>
    call('POST', CERTS, { common_name: identifier, identifier, ...more });

  await issue('active', {
    common_name: 'Ada Lovelace',
    email: 'ada.lovelace@analytical-engines.example.com',
    organization: 'Analytical Engines',
    organizational_unit: 'Mathematics',
    country: 'GB',
    state: 'Greater London',
    locality: 'London',
    cert_usage: 'vpn',
    subject_alt_names: ['email:ada@example.com', 'upn:ada@corp.example.com'],
    tags: ['laptop', 'london'],
    notes: 'Handed over in person.\nCalls back when it is renewed.',
  });
  await issue('l'.repeat(128), {
    common_name: `${'very-long-name-without-a-gap-'.repeat(3).slice(0, 60)}.com`,
    email: `${'somebody'.repeat(7)}@${'department'.repeat(5)}.example.com`,
    organization: 'Gesellschaft-fuer-Donaudampfschifffahrtselektrizitaeten-GmbH',
    cert_usage: 'u'.repeat(32),
    tags: ['t'.repeat(64), 'another tag', 'a third', 'and a fourth one'],
    subject_alt_names: [`uri:spiffe://example.com/${'path/'.repeat(30)}end`, 'ip:2001:db8::dead:beef'],
    notes: 'n'.repeat(300),
  });
  await issue('once', { store_key: false });
  await issue('from-csr', { csr: await csrFor('router-7.example.com') });
  for (const [name, reason] of [
    ['held', 'certificateHold'],
    ['revoked', 'keyCompromise'],
  ] as const) {
    await issue(name, { days_valid: 20 });
    await call('POST', `${CERTS}/${name}/revoke`, { reason });
  }
  await call('POST', `${CERTS}/renewed/renew`, {});
  await issue('deleted');
  await call('DELETE', `${CERTS}/deleted`, {});
  await call('PUT', '/api/profiles/laptops', { description: 'Machines of our own', lifetime: { max_days: 90 } });
  const made = { name: 'monitoring', role: 'viewer' };
  const { token: viewerToken, id: key } = await call<{ token: string; id: string }>('POST', '/api/keys', made);
  await call('POST', '/api/keys', {
    name: 'a key of the branch office in the north',
    role: 'operator',
    expires_at: new Date(Date.now() + 30 * DAY_S * 1000).toISOString(),
    allowed_cidrs: ['192.0.2.0/24', '2001:db8::/32'],
  });
  const person = (name: string, password: string) =>
    call<{ id: string }>('POST', '/api/users', { name, role: 'operator', password });
  await person('newcomer', PASSWORD);
  const { id: user } = await person('grace', `${PASSWORD}, at first`);
  await changePassword(url, 'grace', `${PASSWORD}, at first`, PASSWORD);
  return { user, key, viewerToken };
}

/** As its owner does it after the first sign-in. */
async function changePassword(url: string, username: string, current: string, next: string): Promise<void> {
  const send = (path: string, body: object, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
  const session = await send('/api/auth/login', { username, password: current });
  const cookie = session.headers.getSetCookie().map((text) => text.split(';', 1)[0]);
  const { csrf_token } = (await session.json()) as { csrf_token: string };
  const answer = await send(
    '/api/auth/password',
    { current_password: current, new_password: next },
    { cookie: cookie.join('; '), 'x-csrf-token': csrf_token },
  );
  assert.ok(answer.ok, `the password of ${username} was not changed: ${answer.status}`);
}
