import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { buildApp } from '../../../src/app.js';
import { StartupError } from '../../../src/errors.js';
import { type Built, build, testConfig } from '../../build.js';

interface Overview {
  rate_limits: Record<string, number>;
  renewal: { enabled: boolean; cron: string };
  issuance: { default_days: number; default_key_type: string };
  appearance: { instance_name: string; accent: string };
  sources: Record<string, Record<string, string>>;
}

const CALLERS = { default: 100, create: 30, renew: 30, batch: 10, ocsp: 200, crl: 60, login: 5, ceiling: 600 };
const LIMITS = { ...CALLERS, ocsp_der: 30_000, ocsp_signed: 3000, crl_download: 600 };

/** An app, and calls on its settings. */
async function withSettings(t: TestContext, options: Parameters<typeof build>[1] = {}) {
  const built = await build(t, options);
  return { ...built, ...callsOn(built) };
}

function callsOn({ call, config }: Built) {
  const patch = (payload: object) => call('admin', { method: 'PATCH', url: '/api/settings', payload });
  return {
    patch,
    /** Changes settings, which must succeed; gives back the answer. */
    set: async (payload: object): Promise<Overview> => {
      const answer = await patch(payload);
      assert.equal(answer.statusCode, 200, answer.body);
      return answer.json();
    },
    get: async (): Promise<Overview> => (await call('admin', { url: '/api/settings' })).json(),
    file: join(config.dataDir, 'settings.json'),
    /** What the audit trail says of changes, newest first. */
    audited: async () => {
      const { entries } = (await call('admin', { url: '/api/audit?operation=settings_update' })).json();
      return entries as { user: string; status: string; details: { changes: Record<string, unknown> } }[];
    },
  };
}

describe('the settings', () => {
  it('are the documented defaults where nothing was set, and say so', async (t) => {
    const { get, file } = await withSettings(t);
    const { sources, ...values } = await get();
    assert.deepEqual(values, {
      rate_limits: LIMITS,
      renewal: { enabled: true, cron: '0 3 * * *' },
      issuance: { default_days: 365, default_key_type: 'ec-p256' },
      appearance: { instance_name: 'CertMate', accent: 'blue' },
    });
    assert.equal(sources['rate_limits']?.['default'], 'default');
    assert.equal(sources['renewal']?.['cron'], 'default');
    assert.equal(sources['issuance']?.['default_key_type'], 'environment');
    await assert.rejects(stat(file), 'nothing is written before something is set');
  });

  it('are for administrators: nobody else sees or changes them', async (t) => {
    const { call } = await withSettings(t);
    for (const [who, status] of [
      ['anonymous', 401],
      ['viewer', 403],
      ['operator', 403],
    ] as const) {
      assert.equal((await call(who, { url: '/api/settings' })).statusCode, status, who);
      const change = { method: 'PATCH', url: '/api/settings', payload: { rate_limits: { login: 9 } } } as const;
      assert.equal((await call(who, change)).statusCode, status, who);
    }
  });

  it('are changed one by one; what is not named stays, and null brings a default back', async (t) => {
    const { set, get, file } = await withSettings(t, { environment: { CERTMATE_RENEWAL_CRON: '15 4 * * *' } });
    assert.deepEqual((await get()).renewal, { enabled: true, cron: '15 4 * * *' });
    assert.equal((await get()).sources['renewal']?.['cron'], 'environment');

    await set({ rate_limits: { create: 60, login: 7 } });
    const second = await set({ rate_limits: { ceiling: 1_000_000 }, renewal: { cron: '0 1 * * *' } });
    assert.deepEqual(second.rate_limits, { ...LIMITS, create: 60, login: 7, ceiling: 1_000_000 });
    assert.deepEqual(second.renewal, { enabled: true, cron: '0 1 * * *' });
    assert.deepEqual(
      [
        second.sources['rate_limits']?.['create'],
        second.sources['rate_limits']?.['batch'],
        second.sources['renewal']?.['cron'],
      ],
      ['settings', 'default', 'settings'],
    );
    assert.deepEqual(await get(), second);

    const third = await set({ rate_limits: { create: null }, renewal: null });
    assert.deepEqual(third.rate_limits, { ...LIMITS, login: 7, ceiling: 1_000_000 });
    assert.deepEqual(third.renewal, { enabled: true, cron: '15 4 * * *' });
    assert.equal(third.sources['renewal']?.['cron'], 'environment');
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {
      schema_version: 2,
      rate_limits: { login: 7, ceiling: 1_000_000 },
    });
    await set({ rate_limits: null });
    assert.deepEqual((await get()).rate_limits, LIMITS);
  });

  it('are one private file, which the next start obeys', async (t) => {
    const first = await withSettings(t);
    const before = await first.set({
      rate_limits: { default: 77 },
      renewal: { enabled: false },
      issuance: { default_days: 90 },
    });
    assert.equal((await stat(first.file)).mode & 0o777, 0o600);
    await first.app.close();
    const second = await withSettings(t, { config: first.config });
    assert.deepEqual(await second.get(), before);
    assert.equal(second.app.rateLimits.default, 77);
    assert.equal((await second.call('viewer', { url: '/api/renewals' })).json().next_run, null);
    assert.equal((await second.issue({}))['days_valid'], 90);
  });

  it('are in the audit trail with the values before and after; a change of nothing is not', async (t) => {
    const { set, audited } = await withSettings(t);
    await set({ rate_limits: { create: 60 }, appearance: { instance_name: 'ACME CA' } });
    await set({ rate_limits: { create: 60 } });
    await set({ rate_limits: { create: null } });
    const [latest, first, ...rest] = await audited();
    assert.deepEqual(rest, []);
    assert.match(String(first?.user), /^admin/);
    assert.deepEqual(first?.details.changes, {
      'rate_limits.create': { old: 30, new: 60 },
      'appearance.instance_name': { old: 'CertMate', new: 'ACME CA' },
    });
    assert.deepEqual(latest?.details.changes, { 'rate_limits.create': { old: 60, new: 30 } });
  });

  for (const [what, body, path, message] of [
    ['an unknown section', { limits: {} }, 'limits', 'Unknown field'],
    ['an unknown setting', { rate_limits: { creates: 3 } }, 'rate_limits.creates', 'Unknown field'],
    ['what only the answer has', { sources: {} }, 'sources', 'Unknown field'],
    ['a limit of nothing', { rate_limits: { login: 0 } }, 'rate_limits.login', 'at least 1'],
    ['a limit too large', { rate_limits: { ocsp: 1_000_001 } }, 'rate_limits.ocsp', 'at most 1000000'],
    ['half a call', { rate_limits: { crl: 1.5 } }, 'rate_limits.crl', 'whole number'],
    ['a number as text', { rate_limits: { crl: '5' } }, 'rate_limits.crl', 'number'],
    ['a schedule that is none', { renewal: { cron: 'daily' } }, 'renewal.cron', 'cron expression'],
    ['a schedule that never comes', { renewal: { cron: '0 0 31 2 *' } }, 'renewal.cron', 'cron expression'],
    ['a lifetime of nothing', { issuance: { default_days: 0 } }, 'issuance.default_days', 'at least 1'],
    ['an unknown key', { issuance: { default_key_type: 'dsa' } }, 'issuance.default_key_type', 'one of'],
    ['an empty name', { appearance: { instance_name: '  ' } }, 'appearance.instance_name', 'must not be empty'],
    ['a long name', { appearance: { instance_name: 'x'.repeat(41) } }, 'appearance.instance_name', 'at most 40'],
    ['a colour of one’s own', { appearance: { accent: '#ff0000' } }, 'appearance.accent', 'one of'],
  ] as const) {
    it(`refuse ${what}, naming it, and then change nothing else either`, async (t) => {
      const { patch, get } = await withSettings(t);
      const answer = await patch({ appearance: { accent: 'teal' }, ...body });
      assert.equal(answer.statusCode, 400, answer.body);
      const { code, details } = answer.json();
      assert.equal(code, 'VALIDATION_FAILED');
      assert.equal(details[0].path, path);
      assert.match(details[0].message, new RegExp(message));
      assert.equal((await get()).appearance.accent, 'blue');
    });
  }

  it('lose none of many changes at once', async (t) => {
    const { patch, get } = await withSettings(t);
    const names = Object.keys(LIMITS);
    const answers = await Promise.all(names.map((name, n) => patch({ rate_limits: { [name]: 1000 + n } })));
    assert.ok(answers.every(({ statusCode }) => statusCode === 200));
    assert.deepEqual((await get()).rate_limits, Object.fromEntries(names.map((name, n) => [name, 1000 + n])));
  });

  it('stay as they were where they cannot be written', async (t) => {
    const { patch, get, set, audited, config, file } = await withSettings(t);
    await set({ rate_limits: { create: 60 } });
    await rm(file);
    await mkdir(join(file, 'in the way'), { recursive: true });
    const answer = await patch({ rate_limits: { create: 61 } });
    assert.equal(answer.statusCode, 500);
    assert.ok(!answer.body.includes('settings.json'));
    assert.equal((await get()).rate_limits['create'], 60);
    assert.equal((await audited()).length, 1);
    assert.ok((await readdir(config.dataDir)).every((name) => !name.startsWith('.unfinished-')));
    await rm(file, { recursive: true });
    assert.equal((await set({ rate_limits: { create: 61 } })).rate_limits['create'], 61, 'the next change goes well');
  });

  it('are told to those who subscribe, before the caller is answered', async (t) => {
    const { app, set } = await withSettings(t);
    const told: string[] = [];
    app.settings.subscribe(({ appearance }) => told.push(appearance.instance_name));
    await set({ appearance: { instance_name: 'one' } });
    await set({ appearance: { instance_name: 'two' } });
    assert.deepEqual(told, ['one', 'two']);
  });
});

describe('a file of settings', () => {
  for (const [what, text, message] of [
    ['that is no JSON', '{"schema_version": 1', /^settings\.json in the data directory is damaged: it is not JSON\. /],
    ['with a value that cannot be', '{"schema_version":1,"rate_limits":{"login":0}}', /damaged: rate_limits\.login: /],
    ['without a version', '{"rate_limits":{}}', /damaged: schema_version: /],
    ['that is another file', '[]', /damaged: schema_version: /],
    ['of a newer version', '{"schema_version":3,"colours":{}}', /written by a newer CertMate \(schema_version 3; /],
  ] as const) {
    it(`${what} stops the start in one line that names it`, async (t) => {
      const first = await withSettings(t);
      await first.set({ rate_limits: { login: 3 } });
      await first.app.close();
      await writeFile(first.file, text);
      await assert.rejects(buildApp({ config: first.config }), (error: unknown) => {
        assert.ok(error instanceof StartupError);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n|undefined/);
        assert.ok(!error.message.includes(first.config.dataDir));
        return true;
      });
      assert.equal(await readFile(first.file, 'utf8'), text, 'it is left for whoever mends it');
    });
  }

  it('that was changed by hand is in force when it is read again; a damaged one changes nothing', async (t) => {
    const { app, set, get, file } = await withSettings(t);
    await set({ rate_limits: { create: 60 } });
    await writeFile(file, '{"schema_version":1,"rate_limits":{"login":9},"renewal":{"cron":"0 5 * * *"}}');
    await app.settings.reload();
    const { rate_limits, renewal } = await get();
    assert.deepEqual([rate_limits['create'], rate_limits['login'], renewal.cron], [30, 9, '0 5 * * *']);
    assert.equal(app.scheduler.nextRun('renewal')?.getHours(), 5);
    await writeFile(file, '{"schema_version":1,"rate_limits":{"login":"many"}}');
    await assert.rejects(app.settings.reload(), /settings\.json in the data directory is damaged: rate_limits\.login/);
    assert.equal((await get()).rate_limits['login'], 9);
    await set({ rate_limits: { crl: 70 } });
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')).rate_limits, { crl: 70, login: 9 });
  });

  it('of the form before, with one limit for all of OCSP, leaves servers what it allowed them beyond the default', async (t) => {
    const { app, get, file } = await withSettings(t);
    const stored = { ocsp: 50_000, crl: 1200, login: 9 };
    await writeFile(file, JSON.stringify({ schema_version: 1, rate_limits: stored }));
    await app.settings.reload();
    const raised = { ...stored, ocsp_der: 50_000, ocsp_signed: 50_000, crl_download: 1200 };
    assert.deepEqual((await get()).rate_limits, { ...LIMITS, ...raised });
    await writeFile(file, JSON.stringify({ schema_version: 1, rate_limits: { ocsp: 400, crl: 100 } }));
    await app.settings.reload();
    assert.deepEqual((await get()).rate_limits, { ...LIMITS, ocsp: 400, crl: 100 });
  });

  it('is part of a backup, and in force again after a restore', async (t) => {
    const first = await withSettings(t);
    await first.set({ rate_limits: { login: 3 }, appearance: { instance_name: 'ACME CA' } });
    const before = await first.get();
    const passphrase = 'correct horse battery';
    const backup = await first.call('admin', { method: 'POST', url: '/api/ca/backup', payload: { passphrase } });
    assert.equal(backup.statusCode, 200);
    const config = await testConfig(t);
    const { restore } = await import('../../../src/modules/backup/restore.js');
    await restore({
      source: (async function* () {
        yield backup.rawPayload;
      })(),
      passphrase,
      dataDir: config.dataDir,
      auditLogDir: join(config.logDir, 'audit'),
      now: new Date(),
      finish: async () => {},
    });
    const second = await withSettings(t, { config });
    assert.deepEqual(await second.get(), before);
    assert.equal((await stat(second.file)).mode & 0o777, 0o600);
  });
});
