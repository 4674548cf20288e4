/** Each call that changes something, with each step of it that it waits for failing on the disk. */
import assert from 'node:assert/strict';
import { dirname, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Role } from '../../src/types.js';
import { type Built, build, testConfig } from '../build.js';
import { type FileCall, FileCalls } from '../file-calls.js';
import { newUser, PASSWORD, signedIn, Visitor } from '../modules/auth/accounts.js';

/** Makes what a call needs, and gives the call. */
type Change = (built: Built, tag: string) => Promise<() => Promise<LightMyRequestResponse>>;

const CERTS = '/api/client-certs';

/** A call of somebody with this role. */
const call =
  (role: Role, request: (tag: string, built: Built) => InjectOptions | Promise<InjectOptions>): Change =>
  async (built, tag) => {
    const options = await request(tag, built);
    return () => built.call(role, options);
  };

const post = (url: string, payload: object = {}, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  url,
  payload,
  headers,
});

/** The same for a certificate that is there. */
const onCertificate = (role: Role, request: (identifier: string) => InjectOptions, body: object = {}): Change =>
  call(role, async (identifier, { issue }) => {
    await issue({ identifier, ...body });
    return request(identifier);
  });

const CHANGES = {
  'changes a setting': call('admin', (tag) => ({
    method: 'PATCH',
    url: '/api/settings',
    payload: { appearance: { instance_name: tag } },
  })),
  'makes a user': call('admin', (tag) => post('/api/users', { name: tag, role: 'viewer', password: PASSWORD })),
  'changes a user': call('admin', async (tag, built) => ({
    method: 'PATCH',
    url: `/api/users/${(await newUser(built, tag, 'viewer')).id}`,
    payload: { role: 'operator' },
  })),
  'removes a user': call('admin', async (tag, built) => ({
    method: 'DELETE',
    url: `/api/users/${(await newUser(built, tag, 'viewer')).id}`,
  })),
  'ends sessions of a user': call('admin', async (tag, built) => ({
    method: 'DELETE',
    url: `/api/users/${(await newUser(built, tag, 'viewer')).id}/sessions`,
  })),
  'signs in': async (built, tag) => {
    const { password } = await newUser(built, tag, 'viewer');
    return () => new Visitor(built).login(tag, password);
  },
  'signs out': async (built, tag) => {
    const { visitor } = await signedIn(built, tag, 'viewer');
    return () => visitor.send({ method: 'POST', url: '/api/auth/logout' });
  },
  'changes a password': async (built, tag) => {
    const { visitor } = await signedIn(built, tag, 'viewer');
    return () =>
      visitor.send(post('/api/auth/password', { current_password: PASSWORD, new_password: 'another otter basket' }));
  },
  'tries to change a password with a wrong one': async (built, tag) => {
    const { visitor } = await signedIn(built, tag, 'viewer');
    return () =>
      visitor.send(post('/api/auth/password', { current_password: 'wrong', new_password: 'another otter basket' }));
  },
  'makes a key': call('admin', (tag) => post('/api/keys', { name: tag, role: 'viewer' })),
  'replaces a token': async ({ app }, tag) => {
    const made = { name: tag, role: 'viewer', expires_at: null } as const;
    const { key, token } = await app.auth.create(made, { name: 'system', role: 'admin' });
    const headers = { authorization: `Bearer ${token}` };
    return () => app.inject(post(`/api/keys/${key.id}/rotate`, {}, headers));
  },
  'removes a key': call('admin', async (tag, { app }) => {
    const { key } = await app.auth.create(
      { name: tag, role: 'viewer', expires_at: null },
      { name: 'x', role: 'admin' },
    );
    return { method: 'DELETE', url: `/api/keys/${key.id}` };
  }),
  'makes a profile': call('admin', (tag) => ({ method: 'PUT', url: `/api/profiles/${tag}`, payload: {} })),
  'removes a profile': call('admin', async (tag, built) => {
    await built.call('admin', { method: 'PUT', url: `/api/profiles/${tag}`, payload: {} });
    return { method: 'DELETE', url: `/api/profiles/${tag}` };
  }),
  'blocks a key': call('admin', (tag) => post('/api/blocked-keys', { public_key_sha256: hashOf(tag) })),
  'takes a key off the list': call('admin', async (tag, built) => {
    await built.call('admin', post('/api/blocked-keys', { public_key_sha256: hashOf(tag) }));
    return { method: 'DELETE', url: `/api/blocked-keys/${hashOf(tag)}` };
  }),
  'issues a certificate': call('operator', (identifier) => post(CERTS, { identifier, common_name: 'alice' })),
  'issues a certificate with an Idempotency-Key': call('operator', (identifier) =>
    post(CERTS, { identifier, common_name: 'alice' }, { 'idempotency-key': identifier }),
  ),
  'renews a certificate': onCertificate('operator', (identifier) => post(`${CERTS}/${identifier}/renew`)),
  'renews a certificate and revokes the old one': onCertificate('operator', (identifier) =>
    post(`${CERTS}/${identifier}/renew`, { revoke_previous: true }),
  ),
  'changes what is said of a certificate': onCertificate('operator', (identifier) => ({
    method: 'PATCH',
    url: `${CERTS}/${identifier}`,
    payload: { notes: 'new' },
  })),
  'revokes a certificate': onCertificate('admin', (identifier) => post(`${CERTS}/${identifier}/revoke`)),
  'holds a certificate': onCertificate('admin', (identifier) =>
    post(`${CERTS}/${identifier}/revoke`, { reason: 'certificateHold' }),
  ),
  'releases a certificate': call('admin', async (identifier, built) => {
    await built.issue({ identifier });
    await built.call('admin', post(`${CERTS}/${identifier}/revoke`, { reason: 'certificateHold' }));
    return post(`${CERTS}/${identifier}/unhold`);
  }),
  'deletes a certificate': onCertificate('admin', (identifier) => ({
    method: 'DELETE',
    url: `${CERTS}/${identifier}`,
  })),
  'revokes many': onCertificate('admin', (identifier) => post(`${CERTS}/bulk/revoke`, { identifiers: [identifier] })),
  'renews many': onCertificate('operator', (identifier) => post(`${CERTS}/bulk/renew`, { identifiers: [identifier] })),
  'tags many': onCertificate('operator', (identifier) =>
    post(`${CERTS}/bulk/tag`, { identifiers: [identifier], tags: ['new'] }),
  ),
  'issues a small batch': call('operator', (identifier) =>
    post(`${CERTS}/batch`, { headers: ['common_name', 'identifier'], rows: [['alice', identifier]] }),
  ),
  'begins a batch': call('operator', (identifier) =>
    post(
      `${CERTS}/batch`,
      { headers: ['common_name', 'identifier'], rows: [['alice', identifier]] },
      { prefer: 'respond-async' },
    ),
  ),
  'makes a CSR': call('operator', () => post(`${CERTS}/csr/create`, { common_name: 'alice' })),
  'gives a private key out': onCertificate('operator', (identifier) => ({
    url: `${CERTS}/${identifier}/download/key`,
  })),
  'gives a zip out': onCertificate('operator', (identifier) => ({ url: `${CERTS}/${identifier}/download/zip` })),
  'gives a PKCS #12 file out': onCertificate('operator', (identifier) =>
    post(`${CERTS}/${identifier}/download/p12`, { password: 'gravel otter' }),
  ),
  'sweeps for renewals': call('admin', () => post('/api/renewals/run')),
} satisfies Record<string, Change>;

/** The steps by which a small file takes the place of another. */
const file = (folder: string, name: string): string[] => [
  `datasync ${folder}/*`,
  `rename ${folder}/${name}`,
  `sync ${folder}`,
];
const USERS = file('data/auth', 'users.json');
const KEYS = file('data/auth', 'keys.json');
const BLOCKED = file('data', 'blocked-keys.json');
const AUDIT = 'datasync logs/audit/certificate_audit.log';
const JOURNAL = 'datasync data/journal/journal-N.log';
const CRL = [
  'datasync data/certs/crl/*',
  'link data/certs/crl/crl-N.der',
  'sync data/certs/crl',
  ...file('data/certs/ca', 'crl.pem'),
];

/** What each waits for before its line in the audit trail. */
const STEPS: Record<keyof typeof CHANGES, string[]> = {
  'changes a setting': file('data', 'settings.json'),
  'makes a user': USERS,
  'changes a user': USERS,
  'removes a user': USERS,
  'ends sessions of a user': [],
  'signs in': [],
  'signs out': [],
  // The other two cost a dozen passwords more, and are those of every change of a user.
  'changes a password': ['datasync data/auth/*'],
  'tries to change a password with a wrong one': [],
  'makes a key': KEYS,
  'replaces a token': KEYS,
  'removes a key': KEYS,
  'makes a profile': file('data/profiles', 'TAG.json'),
  'removes a profile': ['unlink data/profiles/TAG.json', 'sync data/profiles'],
  'blocks a key': BLOCKED,
  'takes a key off the list': BLOCKED,
  'issues a certificate': [JOURNAL],
  'issues a certificate with an Idempotency-Key': [...file('data/idempotency', 'ID.json'), JOURNAL],
  'renews a certificate': [JOURNAL],
  'renews a certificate and revokes the old one': [JOURNAL, ...CRL],
  'changes what is said of a certificate': [JOURNAL],
  'revokes a certificate': [JOURNAL, ...CRL],
  'holds a certificate': [JOURNAL, ...CRL],
  'releases a certificate': [JOURNAL, ...CRL],
  'deletes a certificate': [JOURNAL, 'unlink data/certs/client/api-mtls/TAG/cert.key', ...CRL],
  'revokes many': [JOURNAL, ...CRL],
  'renews many': [JOURNAL],
  'tags many': [JOURNAL],
  'issues a small batch': [JOURNAL],
  'begins a batch': [
    'datasync data/batch/*/job.json',
    'datasync data/batch/*/rows.log',
    'sync data/batch/*',
    'rename data/batch/ID',
    'sync data/batch',
  ],
  'makes a CSR': [],
  'gives a private key out': [],
  'gives a zip out': [],
  'gives a PKCS #12 file out': [],
  'sweeps for renewals': file('data', 'renewals.json'),
};

/** Where to look whether a step that failed has left everything as it was. */
const SHOWN: Partial<Record<keyof typeof CHANGES, string>> = {
  'changes a setting': '/api/settings',
  'makes a user': '/api/users',
  'changes a user': '/api/users',
  'removes a user': '/api/users',
  'changes a password': '/api/users',
  'tries to change a password with a wrong one': '/api/users',
  'makes a key': '/api/keys',
  'replaces a token': '/api/keys',
  'removes a key': '/api/keys',
  'makes a profile': '/api/profiles',
  'removes a profile': '/api/profiles',
  'blocks a key': '/api/blocked-keys',
  'takes a key off the list': '/api/blocked-keys',
};

const hashOf = (tag: string): string => tag.replace(/\D/g, '').padStart(64, 'a');

/** A call by its kind and place, whatever the names of this certificate, account or list are. */
function stepOf({ name, path, to }: FileCall, root: string): string {
  const place = relative(root, to ?? path)
    .replace(/\.unfinished-\w+/g, '*')
    .replace(/t\d+x/g, 'TAG')
    .replace(/[0-9a-f]{32,}/g, 'ID')
    .replace(/-\d+(?=\.)/g, '-N');
  return `${name} ${place}`;
}

async function watched(t: TestContext): Promise<{ built: Built; calls: FileCalls; root: string }> {
  const config = await testConfig(t);
  const root = dirname(config.dataDir);
  const calls = FileCalls.watch(t, root);
  return { built: await build(t, { config }), calls, root };
}

/** What a list says, but for when tokens were used last. */
async function shownAt({ call }: Built, url: string): Promise<string> {
  return (await call('admin', { url })).body.replace(/"last_used_at":[^,}]*/g, '');
}

/** Whether a call was refused; of one for many, whether each of them was. */
function isRefused({ statusCode, json }: LightMyRequestResponse): boolean {
  if (statusCode >= 500) return true;
  const { total, failed } = statusCode === 204 ? {} : json();
  return total === 1 && failed === 1;
}

for (const [what, change] of Object.entries(CHANGES) as [keyof typeof CHANGES, Change][]) {
  test(`whoever ${what} is told if any step of it fails on the disk`, async (t) => {
    const { built, calls, root } = await watched(t);
    let tags = 1000;
    const begin = (): ReturnType<Change> => {
      tags += 1;
      return change(built, `t${tags}x`);
    };
    const good = await (await begin())();
    const shown = SHOWN[what];
    for (const step of [...STEPS[what], AUDIT]) {
      const act = await begin();
      const before = shown && (await shownAt(built, shown));
      const failing = calls.fail((made) => stepOf(made, root) === step, 'ENOSPC');
      const answer = await act();
      failing.stop();
      assert.ok(failing.count > 0, `there was no ${step}`);
      assert.ok(isRefused(answer), `${step}: ${answer.statusCode} ${answer.body}`);
      if (step === AUDIT || shown === undefined) continue;
      assert.equal(await shownAt(built, shown), before, `${step}: it is as it was`);
      assert.equal((await act()).statusCode, good.statusCode, `${step}: it can be done once there is room`);
    }
  });
}

test('whoever is refused is refused in the same words where that cannot be recorded', async (t) => {
  const { built, calls, root } = await watched(t);
  await built.issue({ identifier: 'alice' });
  const limited = { name: 'limited', role: 'admin' as const, expires_at: null, allowed_usages: ['vpn'] };
  const { token } = await built.app.auth.create(limited, { name: 'system', role: 'admin' });
  const headers = { authorization: `Bearer ${token}` };
  const attempts: InjectOptions[] = [
    post('/api/users', { name: 'eve', role: 'admin' }, { authorization: `Bearer ${built.tokens.viewer}` }),
    { url: '/api/users' },
    post(`${CERTS}/alice/revoke`, {}, headers),
    post(`${CERTS}/bulk/revoke`, { identifiers: ['alice'] }, headers),
  ];
  const answers = async () => {
    const all: [number, unknown][] = [];
    for (const attempt of attempts) {
      const { statusCode, json } = await built.app.inject(attempt);
      const { message, results } = json();
      all.push([statusCode, message ?? results[0].error]);
    }
    return all;
  };
  const usual = await answers();
  const failing = calls.fail((made) => stepOf(made, root) === AUDIT, 'ENOSPC');
  assert.deepEqual(await answers(), usual);
  failing.stop();
  assert.deepEqual(
    usual.map(([status]) => status),
    [403, 401, 404, 200],
  );
  assert.equal(built.app.store.inventory.get('alice')?.revocation.revoked, false);
});
