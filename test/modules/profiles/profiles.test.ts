import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../../../src/app.js';
import { type Built, build, testConfig } from '../../build.js';
import { requestFor } from '../../certification-request.js';

const BUILT_IN = ['api-mtls', 'default', 'device', 'email', 'iot', 'other', 'server', 'user-auth', 'vpn'];

/** An app, and calls on its profiles. */
async function profiled(t: TestContext, options: Parameters<typeof build>[1] = {}) {
  const built = await build(t, options);
  const { call } = built;
  return {
    ...built,
    put: (name: string, payload: object) => call('admin', { method: 'PUT', url: `/api/profiles/${name}`, payload }),
    get: async (name: string) => (await call('viewer', { method: 'GET', url: `/api/profiles/${name}` })).json(),
    remove: (name: string) => call('admin', { method: 'DELETE', url: `/api/profiles/${name}` }),
    post: (payload: object) => call('operator', { method: 'POST', url: '/api/client-certs', payload }),
  };
}

/** Asserts that a request is refused by this profile's rule, at this place of the request. */
async function forbidden({ call }: Pick<Built, 'call'>, payload: object, profile: string, rule: string, path: string) {
  const answer = await call('operator', { method: 'POST', url: '/api/client-certs', payload });
  assert.equal(answer.statusCode, 400, answer.body);
  const { code, message, details } = answer.json();
  assert.equal(code, 'PROFILE_VIOLATION');
  assert.match(message, new RegExp(`profile "${profile}" .*${rule.replaceAll('.', '\\.')}`));
  assert.equal(details[0].path, path);
}

describe('the built-in profiles', () => {
  it('are there for every usage that the product names, and one for all others', async (t) => {
    const { call } = await profiled(t);
    const { profiles } = (await call('viewer', { method: 'GET', url: '/api/profiles' })).json();
    assert.deepEqual(
      profiles.map(({ name }: { name: string }) => name),
      BUILT_IN,
    );
    assert.ok(profiles.every(({ origin }: { origin: string }) => origin === 'built-in'));
  });

  it('let a request with nothing but a common name through, with the usual contents', async (t) => {
    const { issue } = await profiled(t);
    for (const usage of [...BUILT_IN, 'wifi', 'some-usage-of-ours']) {
      const body = await issue({ common_name: 'a', cert_usage: usage });
      const expected = usage === 'email' ? ['clientAuth', 'emailProtection'] : ['clientAuth'];
      assert.deepEqual(body['extended_key_usage'], expected, usage);
      assert.deepEqual(body['key_usage'], ['digitalSignature']);
      assert.equal(body['days_valid'], 365);
    }
  });

  it('let every kind of certificate and of name through where no usage is named', async (t) => {
    const { issue } = await profiled(t);
    for (const certificate_type of ['client', 'server', 'device', 'iot']) {
      await issue({
        certificate_type,
        subject_alt_names: ['dns:a.example', 'ip:192.0.2.1', 'uri:urn:a:b', 'email:a@example.com', 'upn:a@b'],
        extended_key_usage: ['clientAuth', 'serverAuth', 'emailProtection', 'codeSigning', '1.3.6.1.4.1.5.6'],
        days_valid: 3649,
      });
    }
  });

  it('forbid what their usage has no need of, naming the profile and the rule', async (t) => {
    const built = await profiled(t);
    const vpn = { common_name: 'a', cert_usage: 'vpn', extended_key_usage: ['codeSigning'] };
    await forbidden(built, vpn, 'vpn', 'extended_key_usage.allowed', 'extended_key_usage');
    const mail = { common_name: 'a', cert_usage: 'email', certificate_type: 'iot' };
    await forbidden(built, mail, 'email', 'certificate_types', 'certificate_type');
  });

  it('cannot be removed', async (t) => {
    const { remove } = await profiled(t);
    assert.equal((await remove('vpn')).statusCode, 409);
    assert.equal((await remove('nobody')).statusCode, 404);
  });
});

describe('a profile of the operator', () => {
  it('is in effect at once, goes before the built-in one, is a private file, and survives a restart', async (t) => {
    const first = await profiled(t);
    const made = await first.put('vpn', { lifetime: { max_days: 30 } });
    assert.equal(made.statusCode, 201, made.body);
    assert.equal(made.headers['location'], '/api/profiles/vpn');
    assert.equal((await first.issue({ cert_usage: 'vpn' }))['days_valid'], 30);
    await forbidden(
      first,
      { common_name: 'a', cert_usage: 'vpn', days_valid: 31 },
      'vpn',
      'lifetime.max_days',
      'days_valid',
    );
    const file = join(first.config.dataDir, 'profiles', 'vpn.json');
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal(JSON.parse(await readFile(file, 'utf8')).lifetime.max_days, 30);

    const replaced = await first.put('vpn', { lifetime: { max_hours: 8 } });
    assert.equal(replaced.statusCode, 200);
    assert.deepEqual(await first.get('vpn'), replaced.json());
    assert.equal((await first.get('vpn')).origin, 'own');
    await first.app.close();

    const second = await profiled(t, { config: first.config });
    await forbidden(
      second,
      { common_name: 'a', cert_usage: 'vpn', hours_valid: 9 },
      'vpn',
      'lifetime.max_hours',
      'hours_valid',
    );
    assert.equal((await second.remove('vpn')).statusCode, 204);
    assert.equal((await second.get('vpn')).origin, 'built-in');
    assert.equal((await second.post({ common_name: 'a', cert_usage: 'vpn', days_valid: 400 })).statusCode, 201);
  });

  it('can be what is shown of another one, name and origin left out', async (t) => {
    const { put, get } = await profiled(t);
    const { name, origin, ...rules } = await get('email');
    assert.deepEqual([name, origin], ['email', 'built-in']);
    const copy = await put('newsletter', rules);
    assert.equal(copy.statusCode, 201, copy.body);
    assert.deepEqual(copy.json(), { name: 'newsletter', origin: 'own', ...rules });
  });

  it('named "default" is for every usage without one of its own', async (t) => {
    const built = await profiled(t);
    await built.put('default', { certificate_types: ['client'] });
    await forbidden(
      built,
      { common_name: 'a', cert_usage: 'wifi', certificate_type: 'iot' },
      'default',
      'certificate_types',
      'certificate_type',
    );
    await built.issue({ cert_usage: 'device', certificate_type: 'device' });
  });

  it('picks the key, and forbids other keys, those of CSRs too', async (t) => {
    const built = await profiled(t);
    await built.put('wifi', { key_types: ['rsa-3072', 'ec-p384', 'ec-p521'], default_key_type: 'ec-p384' });
    assert.equal((await built.issue({ cert_usage: 'wifi', key_type: undefined }))['key_size'], 384);
    const base = { common_name: 'a', cert_usage: 'wifi' };
    await forbidden(built, { ...base, key_type: 'ed25519' }, 'wifi', 'key_types', 'key_type');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    await forbidden(built, { ...base, csr: await requestFor(rsa) }, 'wifi', 'key_types', 'csr');
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    assert.equal((await built.post({ ...base, csr: await requestFor(p384) })).statusCode, 201);
    await built.put('wifi', { key_types: ['ec-p384'] });
    assert.equal((await built.issue({ cert_usage: 'wifi', key_type: undefined }))['key_size'], 384);
  });

  it('gives the lifetime where none is asked for, in hours too', async (t) => {
    const { put, issue } = await profiled(t);
    await put('ci', { lifetime: { default_hours: 2, max_days: 1 } });
    const body = await issue({ cert_usage: 'ci' });
    const seconds = (Date.parse(body['expires_at'] as string) - Date.parse(body['created_at'] as string)) / 1000;
    assert.equal(seconds, 7200);
    await issue({ cert_usage: 'ci', hours_valid: 24 });
  });

  it('sets key usages that fit the key, and extended key usages', async (t) => {
    const built = await profiled(t);
    await built.put('sign', {
      key_usage: {
        allowed: ['digitalSignature', 'nonRepudiation', 'keyEncipherment'],
        default: ['digitalSignature', 'keyEncipherment', 'nonRepudiation'],
      },
      extended_key_usage: { allowed: ['1.3.6.1.5.5.7.3.2', 'codeSigning'], default: ['codeSigning'] },
    });
    const body = await built.issue({ cert_usage: 'sign' });
    assert.deepEqual(body['key_usage'], ['digitalSignature', 'nonRepudiation']);
    assert.deepEqual(body['extended_key_usage'], ['codeSigning']);
    await built.issue({ cert_usage: 'sign', extended_key_usage: ['clientAuth'] });
    const agreement = { common_name: 'a', cert_usage: 'sign', key_usage: ['keyAgreement'] };
    await forbidden(built, agreement, 'sign', 'key_usage.allowed', 'key_usage');
    await built.put('seal', { key_usage: { allowed: ['keyEncipherment'] } });
    await forbidden(built, { common_name: 'a', cert_usage: 'seal' }, 'seal', 'key_usage.allowed', 'key_usage');
  });

  it('fills in fixed fields of the subject, refuses others in their place, and asks for required ones', async (t) => {
    const built = await profiled(t);
    await built.put('staff', {
      subject: {
        fixed: { organization: 'ACME', country: 'DE' },
        required: ['organizational_unit'],
        patterns: { common_name: ['*@acme.example'] },
      },
    });
    const base = { common_name: 'a@acme.example', cert_usage: 'staff', organizational_unit: 'HR' };
    const body = await built.issue(base);
    assert.equal(body['organization'], 'ACME');
    assert.equal(body['country'], 'DE');
    assert.match(body['certificate_pem'] as string, /BEGIN CERTIFICATE/);
    await built.issue({ ...base, organization: 'ACME' });
    await forbidden(built, { ...base, organization: 'Evil' }, 'staff', 'subject.fixed.organization', 'organization');
    await forbidden(
      built,
      { ...base, organizational_unit: undefined },
      'staff',
      'subject.required.organizational_unit',
      'organizational_unit',
    );
    await forbidden(
      built,
      { ...base, common_name: 'a@acme.example.evil' },
      'staff',
      'subject.patterns.common_name',
      'common_name',
    );
    const key = generateKeyPairSync('ed25519').privateKey;
    const smuggled = { ...base, csr: await requestFor(key, [{ type: 'O', value: 'Evil' }]) };
    await forbidden(built, smuggled, 'staff', 'subject.fixed.organization', 'organization');
  });

  it('limits the kinds of names and their patterns, those of CSRs and of the common name too', async (t) => {
    const built = await profiled(t);
    await built.put('web', {
      subject_alt_names: {
        kinds: ['dns', 'uri'],
        required: ['dns'],
        patterns: { dns: ['*.Example.com'], uri: ['spiffe://acme/*'] },
      },
    });
    const base = { common_name: 'a', cert_usage: 'web' };
    const named = (...subject_alt_names: string[]) => ({ ...base, subject_alt_names });
    assert.equal((await built.post(named('dns:A.example.com', 'uri:spiffe://acme/x'))).statusCode, 201);
    const patterns = 'subject_alt_names.patterns';
    for (const [body, rule] of [
      [base, 'subject_alt_names.required'],
      [named('dns:a.example.com', 'ip:192.0.2.1'), 'subject_alt_names.kinds'],
      [named('dns:a.b.example.com'), `${patterns}.dns`],
      [named('dns:a.example.com.evil.test'), `${patterns}.dns`],
      [named('dns:a.example.com', 'uri:spiffe://acme/x/y'), `${patterns}.uri`],
      [{ ...named('dns:a.example.com'), common_name: 'a@example.com' }, 'subject_alt_names.kinds'],
    ] as const) {
      await forbidden(built, body, 'web', rule, 'subject_alt_names');
    }
    const key = generateKeyPairSync('ed25519').privateKey;
    const csr = await requestFor(key, [{ type: 'CN', value: 'a' }], [{ kind: 'dns', value: 'evil.test' }]);
    await forbidden(built, { ...base, csr }, 'web', `${patterns}.dns`, 'subject_alt_names');
  });

  it('names every rule that a request breaks at once', async (t) => {
    const { put, post } = await profiled(t);
    await put('tight', {
      lifetime: { max_days: 1 },
      certificate_types: ['device'],
      subject: { required: ['organization'] },
    });
    const { details } = (await post({ common_name: 'a', cert_usage: 'tight', days_valid: 2 })).json();
    const paths = details.map(({ path }: { path: string }) => path);
    assert.deepEqual(paths, ['certificate_type', 'days_valid', 'organization']);
  });

  it('is recorded in the audit trail, whoever writes or removes it', async (t) => {
    const { put, remove, call } = await profiled(t);
    await put('wifi', { lifetime: { max_days: 9 } });
    await remove('wifi');
    const { entries } = (await call('admin', { method: 'GET', url: '/api/audit?resource_id=profile:wifi' })).json();
    assert.deepEqual(entries.map(({ details }: { details: { action: string } }) => details.action).toSorted(), [
      'create',
      'remove',
    ]);
  });

  it('is written by admins and read by everybody with an account', async (t) => {
    const { call } = await profiled(t);
    for (const [role, method, url, status] of [
      ['anonymous', 'GET', '/api/profiles', 401],
      ['viewer', 'GET', '/api/profiles', 200],
      ['viewer', 'GET', '/api/profiles/vpn', 200],
      ['viewer', 'GET', '/api/profiles/nobody', 404],
      ['operator', 'PUT', '/api/profiles/vpn', 403],
      ['operator', 'DELETE', '/api/profiles/vpn', 403],
      ['admin', 'PUT', '/api/profiles/Bad_Name', 400],
      ['admin', 'PUT', '/api/profiles/..%2Fvpn', 400],
    ] as const) {
      const answer = await call(role, { method, url, ...(method === 'PUT' && { payload: {} }) });
      assert.equal(answer.statusCode, status, `${role} ${method} ${url}`);
    }
  });

  it('that is wrong is refused, and the one before stays', async (t) => {
    const { put, get } = await profiled(t);
    for (const [what, rules, path] of [
      ['an unknown rule', { max_days: 3 }, 'max_days'],
      ['a default key that it forbids', { key_types: ['ec-p256'], default_key_type: 'ed25519' }, 'default_key_type'],
      ['days and hours', { lifetime: { max_days: 1, max_hours: 1 } }, 'lifetime.max_hours'],
      [
        'a default lifetime over its maximum',
        { lifetime: { default_days: 2, max_hours: 47 } },
        'lifetime.default_days',
      ],
      ['a key usage of CAs', { key_usage: { allowed: ['keyCertSign'] } }, 'key_usage.allowed.0'],
      [
        'a default key usage that it forbids',
        { key_usage: { allowed: ['digitalSignature'], default: ['keyAgreement'] } },
        'key_usage.default',
      ],
      ['OCSPSigning', { extended_key_usage: { allowed: ['OCSPSigning'] } }, 'extended_key_usage.allowed.0'],
      [
        'no default usage',
        { certificate_types: ['client'], extended_key_usage: { allowed: ['codeSigning'] } },
        'extended_key_usage.default',
      ],
      [
        'a required kind of name that it forbids',
        { subject_alt_names: { kinds: ['dns'], required: ['ip'] } },
        'subject_alt_names.required',
      ],
      [
        'nine wildcards',
        { subject_alt_names: { patterns: { dns: ['*a*a*a*a*a*a*a*a*'] } } },
        'subject_alt_names.patterns.dns.0',
      ],
      ['a fixed country that is none', { subject: { fixed: { country: 'Germany' } } }, 'subject.fixed.country'],
      [
        'a fixed name with a control character',
        { subject: { fixed: { organization: 'a\u0000' } } },
        'subject.fixed.organization',
      ],
    ] as const) {
      await t.test(`with ${what}`, async () => {
        const answer = await put('vpn', rules);
        assert.equal(answer.statusCode, 400, answer.body);
        const paths = answer.json().details.map((detail: { path: string }) => detail.path);
        assert.ok(paths.includes(path), answer.body);
        assert.equal((await get('vpn')).origin, 'built-in');
      });
    }
  });

  for (const [what, file, contents, message] of [
    ['no JSON', 'vpn.json', '{', /profiles\/vpn\.json in the data directory is damaged: it is not JSON/],
    ['no profile', 'vpn.json', '{"lifetime":{"max_days":0}}', /profiles\/vpn\.json .*lifetime\.max_days/],
    ['a name that no usage can have', 'V P N.json', '{}', /cert_usage/],
  ] as const) {
    it(`that is ${what} stops the start: its rules must not be missed in silence`, async (t) => {
      const config = await testConfig(t);
      await mkdir(join(config.dataDir, 'profiles'), { recursive: true, mode: 0o700 });
      await writeFile(join(config.dataDir, 'profiles', file), contents);
      await writeFile(join(config.dataDir, 'profiles', 'README.txt'), 'not a profile');
      await assert.rejects(buildApp({ config }), { name: 'StartupError', message });
    });
  }
});
