// Every form of the pages that changes something, and the line that it must leave.
import { Browser } from '../dashboard/browser.js';
import { type Left, NEW_PASSWORD, PASSPHRASE, type Stage, type Step } from './stage.js';

const LIST = '/client-certificates';
const certificate = (operation: Left['operation'], answer: Left['answer'], resource_id: string | null): Left => ({
  answer,
  operation,
  resource_type: 'certificate',
  resource_id,
});
const settings = (answer: Left['answer'], resource_id: string | null): Left => ({
  answer,
  operation: 'settings_update',
  resource_type: 'settings',
  resource_id,
});

/** Chooses certificates of the list, then confirms. */
async function bulk(stage: Stage, step: string, id: string, fields: Record<string, string>): Promise<Left['answer']> {
  const asked = await stage.form(`${LIST}/bulk/${step}`, { view: '', id });
  await stage.browser.open(String(asked.headers.location));
  return stage.form(`${LIST}/bulk/${step}`, { plan: stage.browser.hidden('plan'), ...fields });
}

async function onUser(stage: Stage, step: string, fields: Record<string, string>, operation: Left['operation']) {
  const { id } = await stage.user();
  const answer = await stage.form(`/settings/users/${id}/${step}`, fields);
  return { answer, operation, resource_type: 'user', resource_id: id } as const;
}

export const PAGE_STEPS: Record<string, Step> = {
  'POST /login': async (stage) => {
    const { name, password } = await stage.user();
    const browser = new Browser(stage.built.app);
    await browser.open('/login');
    const answer = await browser.send('/login', { username: name, password });
    return { answer, operation: 'login', resource_type: 'session', resource_id: null, user: name };
  },
  'POST /logout': async (stage) => {
    const browser = new Browser(stage.built.app);
    await browser.signIn(stage.built.tokens.admin);
    const answer = await browser.send('/logout');
    return { answer, operation: 'logout', resource_type: 'session', resource_id: null };
  },
  'POST /password': async (stage) => {
    const { id, name, password } = await stage.user();
    const browser = new Browser(stage.built.app);
    await browser.open('/login');
    await browser.send('/login', { username: name, password });
    await browser.open('/password');
    const fields = { current_password: password, new_password: NEW_PASSWORD, repeated_password: NEW_PASSWORD };
    const answer = await browser.send('/password', fields);
    return { answer, operation: 'password_change', resource_type: 'user', resource_id: id, user: name };
  },
  'POST /client-certificates': async (stage) => {
    const identifier = stage.name('new');
    await stage.browser.open(`${LIST}/new`);
    const fields = { identifier, common_name: identifier, key_source: 'keep', key_type: 'ec-p256', lifetime: '30' };
    const answer = await stage.form(LIST, { ...fields, lifetime_unit: 'days', cert_usage: 'api-mtls' });
    return certificate('create', answer, identifier);
  },
  'POST /client-certificates/batch': async (stage) => {
    const csv = `common_name\n${stage.name('row')}@example.com\n`;
    const answer = await stage.form(`${LIST}/batch`, { csv, action: 'start' });
    const job = String(answer.headers.location).split('/').at(-1) ?? '';
    return { answer, operation: 'batch_import', resource_type: 'batch', resource_id: job };
  },
  'POST /client-certificates/batch/:job/cancel': async (stage) => {
    const job = await stage.batch();
    const answer = await stage.form(`${LIST}/batch/${job}/cancel`);
    return { answer, operation: 'batch_import', resource_type: 'batch', resource_id: job };
  },
  'POST /client-certificates/bulk/revoke': async (stage) => {
    const id = await stage.certificate();
    return certificate('revoke', await bulk(stage, 'revoke', id, { reason: 'superseded', count: '1' }), id);
  },
  'POST /client-certificates/bulk/renew': async (stage) => {
    const id = await stage.certificate();
    return certificate('renew', await bulk(stage, 'renew', id, {}), id);
  },
  'POST /client-certificates/bulk/tag': async (stage) => {
    const id = await stage.certificate();
    return certificate('update', await bulk(stage, 'tag', id, { tags: 'blue', remove_tags: '' }), id);
  },
  'POST /client-certificates/:id/download/p12': async (stage) => {
    const id = await stage.certificate();
    const fields = { password: PASSPHRASE, profile: 'modern' };
    return certificate('download', await stage.form(`${LIST}/${id}/download/p12`, fields), id);
  },
  'POST /client-certificates/:id/edit': async (stage) => {
    const id = await stage.certificate();
    const fields = { notes: 'changed', tags: '', renewal_enabled: 'on', renewal_threshold_days: '20' };
    return certificate('update', await stage.form(`${LIST}/${id}/edit`, fields), id);
  },
  'POST /client-certificates/:id/revoke': async (stage) => {
    const id = await stage.certificate();
    return certificate(
      'revoke',
      await stage.form(`${LIST}/${id}/revoke`, { reason: 'keyCompromise', confirm: `${id}@example.com` }),
      id,
    );
  },
  'POST /client-certificates/:id/renew': async (stage) => {
    const id = await stage.certificate();
    await stage.browser.open(`${LIST}/${id}/renew`);
    const fields = { key: 'new', serial_number: stage.browser.hidden('serial_number'), days_valid: '30' };
    return certificate('renew', await stage.form(`${LIST}/${id}/renew`, fields), id);
  },
  'POST /client-certificates/:id/unhold': async (stage) => {
    const id = await stage.held();
    return certificate('unhold', await stage.form(`${LIST}/${id}/unhold`), id);
  },
  'POST /client-certificates/:id/delete': async (stage) => {
    const id = await stage.certificate();
    return certificate('delete', await stage.form(`${LIST}/${id}/delete`, { confirm: `${id}@example.com` }), id);
  },
  'POST /ca/backup': async (stage) => {
    const answer = await stage.form('/ca/backup', { passphrase: PASSPHRASE, repeated: PASSPHRASE, again: PASSPHRASE });
    return { answer, operation: 'backup', resource_type: 'ca', resource_id: null };
  },
  'POST /settings/users': async (stage) => {
    const name = stage.name('person');
    const answer = await stage.form('/settings/users', { name, role: 'viewer' });
    const { id } = stage.built.app.users.list().find((user) => user.name === name) ?? { id: 'nobody was added' };
    return { answer, operation: 'user_create', resource_type: 'user', resource_id: id };
  },
  'POST /settings/users/:id/role': (stage) => onUser(stage, 'role', { role: 'viewer' }, 'user_update'),
  'POST /settings/users/:id/password': (stage) => onUser(stage, 'password', {}, 'user_update'),
  'POST /settings/users/:id/sessions': (stage) => onUser(stage, 'sessions', {}, 'session_end'),
  'POST /settings/users/:id/disabled': (stage) => onUser(stage, 'disabled', { disabled: 'yes' }, 'user_update'),
  'POST /settings/users/:id/delete': (stage) => onUser(stage, 'delete', {}, 'user_delete'),
  'POST /settings/keys': async (stage) => {
    const name = stage.name('key');
    const answer = await stage.form('/settings/keys', { name, role: 'viewer', lifetime: '' });
    const { id } = stage.built.app.auth.list().find((key) => key.name === name) ?? { id: 'none was made' };
    return { answer, operation: 'key_create', resource_type: 'api_key', resource_id: id };
  },
  'POST /settings/keys/:id/rotate': async (stage) => {
    // Whoever has signed in with a key replaces the tokens of those that it has made.
    const { id } = (await stage.call('POST', '/api/keys', { name: stage.name('key'), role: 'viewer' })).json();
    const answer = await stage.form(`/settings/keys/${id}/rotate`);
    return { answer, operation: 'key_rotate', resource_type: 'api_key', resource_id: id };
  },
  'POST /settings/keys/:id/delete': async (stage) => {
    const id = await stage.key();
    const answer = await stage.form(`/settings/keys/${id}/delete`);
    return { answer, operation: 'key_delete', resource_type: 'api_key', resource_id: id };
  },
  'POST /settings/rate-limits': async (stage) => {
    const others = { default: '100', renew: '30', batch: '10', ocsp: '200', crl: '60', login: '5', ceiling: '600' };
    return settings(await stage.form('/settings/rate-limits', { ...others, create: '77' }), null);
  },
  'POST /settings/renewal': async (stage) => {
    return settings(await stage.form('/settings/renewal', { enabled: 'on', cron: '30 5 * * *' }), null);
  },
  'POST /settings/renewal/run': async (stage) => {
    return certificate('renew', await stage.form('/settings/renewal/run'), null);
  },
  'POST /settings/appearance': async (stage) => {
    return settings(await stage.form('/settings/appearance', { instance_name: 'Mine', accent: 'teal' }), null);
  },
  'POST /settings/issuance': async (stage) => {
    return settings(await stage.form('/settings/issuance', { default_days: '90', default_key_type: 'ec-p256' }), null);
  },
  'POST /settings/new-profile': async (stage) => {
    const name = stage.name('profile');
    return settings(await stage.form('/settings/new-profile', { name, rules: '{}' }), `profile:${name}`);
  },
  'POST /settings/profiles/:name/edit': async (stage) => {
    const name = await stage.profile();
    const rules = '{"lifetime": {"max_days": 90}}';
    return settings(await stage.form(`/settings/profiles/${name}/edit`, { name, rules }), `profile:${name}`);
  },
  'POST /settings/profiles/:name/delete': async (stage) => {
    const name = await stage.profile();
    return settings(await stage.form(`/settings/profiles/${name}/delete`), `profile:${name}`);
  },
};
