// Every call of the API that changes something, and the line that it must leave.
import { type Left, NEW_PASSWORD, PASSPHRASE, type Step } from './stage.js';

const certificate = (operation: Left['operation'], answer: Left['answer'], resource_id: string | null): Left => ({
  answer,
  operation,
  resource_type: 'certificate',
  resource_id,
});
const subject = (name: string) => ({ identifier: name, common_name: `${name}@example.com`, key_type: 'ec-p256' });

export const API_STEPS: Record<string, Step> = {
  'POST /api/client-certs': async (stage) => {
    const name = stage.name('new');
    return certificate('create', await stage.call('POST', '/api/client-certs', subject(name)), name);
  },
  'POST /api/client-certs/create': async (stage) => {
    const name = stage.name('new');
    return certificate('create', await stage.call('POST', '/api/client-certs/create', subject(name)), name);
  },
  'POST /api/client-certs/csr/create': async (stage) => {
    const common_name = `${stage.name('asker')}@example.com`;
    const answer = await stage.call('POST', '/api/client-certs/csr/create', { common_name, key_type: 'ec-p256' });
    return { answer, operation: 'csr_create', resource_type: 'csr', resource_id: common_name };
  },
  'POST /api/client-certs/csr/submit': async (stage) => {
    const identifier = stage.name('new');
    const payload = { csr: await stage.csr(), identifier };
    return certificate('create', await stage.call('POST', '/api/client-certs/csr/submit', payload), identifier);
  },
  'POST /api/client-certs/batch': async (stage) => {
    const name = stage.name('row');
    const rows = [[name, `${name}@example.com`]];
    const payload = { headers: ['identifier', 'common_name'], rows };
    return certificate('create', await stage.call('POST', '/api/client-certs/batch', payload), name);
  },
  'DELETE /api/client-certs/batch/:job': async (stage) => {
    const job = await stage.batch();
    const answer = await stage.call('DELETE', `/api/client-certs/batch/${job}`);
    return { answer, operation: 'batch_import', resource_type: 'batch', resource_id: job };
  },
  'POST /api/client-certs/:id/download/p12': async (stage) => {
    const id = await stage.certificate();
    const answer = await stage.call('POST', `/api/client-certs/${id}/download/p12`, { password: PASSPHRASE });
    return certificate('download', answer, id);
  },
  'PATCH /api/client-certs/:id': async (stage) => {
    const id = await stage.certificate();
    return certificate('update', await stage.call('PATCH', `/api/client-certs/${id}`, { notes: 'changed' }), id);
  },
  'PUT /api/client-certs/:id': async (stage) => {
    const id = await stage.certificate();
    return certificate('update', await stage.call('PUT', `/api/client-certs/${id}`, { notes: 'changed' }), id);
  },
  'DELETE /api/client-certs/:id': async (stage) => {
    const id = await stage.certificate();
    return certificate('delete', await stage.call('DELETE', `/api/client-certs/${id}`), id);
  },
  'POST /api/client-certs/:id/renew': async (stage) => {
    const id = await stage.certificate();
    return certificate('renew', await stage.call('POST', `/api/client-certs/${id}/renew`, {}), id);
  },
  'POST /api/client-certs/:id/revoke': async (stage) => {
    const id = await stage.certificate();
    return certificate('revoke', await stage.call('POST', `/api/client-certs/${id}/revoke`, {}), id);
  },
  'POST /api/client-certs/:id/unhold': async (stage) => {
    const id = await stage.held();
    return certificate('unhold', await stage.call('POST', `/api/client-certs/${id}/unhold`), id);
  },
  'POST /api/client-certs/revoke': async (stage) => {
    const id = await stage.certificate();
    const { serial_number } = stage.built.app.certificates.get(id);
    return certificate('revoke', await stage.call('POST', '/api/client-certs/revoke', { serial_number }), id);
  },
  'POST /api/client-certs/bulk/revoke': async (stage) => {
    const id = await stage.certificate();
    const payload = { identifiers: [id], reason: 'superseded' };
    return certificate('revoke', await stage.call('POST', '/api/client-certs/bulk/revoke', payload), id);
  },
  'POST /api/client-certs/bulk/renew': async (stage) => {
    const id = await stage.certificate();
    return certificate('renew', await stage.call('POST', '/api/client-certs/bulk/renew', { identifiers: [id] }), id);
  },
  'POST /api/client-certs/bulk/tag': async (stage) => {
    const id = await stage.certificate();
    const payload = { identifiers: [id], tags: ['blue'] };
    return certificate('update', await stage.call('POST', '/api/client-certs/bulk/tag', payload), id);
  },
  'POST /api/renewals/run': async (stage) => {
    return certificate('renew', await stage.call('POST', '/api/renewals/run'), null);
  },
  'PUT /api/profiles/:name': async (stage) => {
    const name = stage.name('profile');
    const answer = await stage.call('PUT', `/api/profiles/${name}`, {});
    return { answer, operation: 'settings_update', resource_type: 'settings', resource_id: `profile:${name}` };
  },
  'DELETE /api/profiles/:name': async (stage) => {
    const name = await stage.profile();
    const answer = await stage.call('DELETE', `/api/profiles/${name}`);
    return { answer, operation: 'settings_update', resource_type: 'settings', resource_id: `profile:${name}` };
  },
  'POST /api/ca/backup': async (stage) => {
    const answer = await stage.call('POST', '/api/ca/backup', { passphrase: PASSPHRASE });
    return { answer, operation: 'backup', resource_type: 'ca', resource_id: null };
  },
  'POST /api/blocked-keys': async (stage) => {
    const answer = await stage.call('POST', '/api/blocked-keys', { public_key_sha256: 'a'.repeat(64) });
    return { answer, operation: 'settings_update', resource_type: 'settings', resource_id: 'blocked_keys' };
  },
  'DELETE /api/blocked-keys/:sha256': async (stage) => {
    await stage.call('POST', '/api/blocked-keys', { public_key_sha256: 'b'.repeat(64) });
    const answer = await stage.call('DELETE', `/api/blocked-keys/${'b'.repeat(64)}`);
    return { answer, operation: 'settings_update', resource_type: 'settings', resource_id: 'blocked_keys' };
  },
  'PATCH /api/settings': async (stage) => {
    const answer = await stage.call('PATCH', '/api/settings', { rate_limits: { create: 31 } });
    return { answer, operation: 'settings_update', resource_type: 'settings', resource_id: null };
  },
  'POST /api/auth/login': async (stage) => {
    const { name, visitor, password } = await stage.visitor();
    const answer = await visitor.login(name, password);
    return { answer, operation: 'login', resource_type: 'session', resource_id: null, user: name };
  },
  'POST /api/auth/logout': async (stage) => {
    const { name, visitor } = await stage.visitor();
    const answer = await visitor.send({ method: 'POST', url: '/api/auth/logout' });
    return { answer, operation: 'logout', resource_type: 'session', resource_id: null, user: name };
  },
  'POST /api/auth/password': async (stage) => {
    const { name, visitor, password } = await stage.visitor();
    const { id } = stage.built.app.users.list().find((user) => user.name === name) ?? { id: '' };
    const payload = { current_password: password, new_password: NEW_PASSWORD };
    const answer = await visitor.send({ method: 'POST', url: '/api/auth/password', payload });
    return { answer, operation: 'password_change', resource_type: 'user', resource_id: id, user: name };
  },
  'POST /api/users': async (stage) => {
    const answer = await stage.call('POST', '/api/users', { name: stage.name('person'), role: 'viewer' });
    return { answer, operation: 'user_create', resource_type: 'user', resource_id: idIn(answer) };
  },
  'PATCH /api/users/:id': async (stage) => {
    const { id } = await stage.user();
    const answer = await stage.call('PATCH', `/api/users/${id}`, { role: 'viewer' });
    return { answer, operation: 'user_update', resource_type: 'user', resource_id: id };
  },
  'DELETE /api/users/:id': async (stage) => {
    const { id } = await stage.user();
    const answer = await stage.call('DELETE', `/api/users/${id}`);
    return { answer, operation: 'user_delete', resource_type: 'user', resource_id: id };
  },
  'DELETE /api/users/:id/sessions': async (stage) => {
    const { id } = await stage.user();
    const answer = await stage.call('DELETE', `/api/users/${id}/sessions`);
    return { answer, operation: 'session_end', resource_type: 'user', resource_id: id };
  },
  'POST /api/keys': async (stage) => {
    const answer = await stage.call('POST', '/api/keys', { name: stage.name('key'), role: 'viewer' });
    return { answer, operation: 'key_create', resource_type: 'api_key', resource_id: idIn(answer) };
  },
  'POST /api/keys/:id/rotate': async (stage) => {
    // A key replaces the tokens of those that it has made.
    const id = idIn(await stage.call('POST', '/api/keys', { name: stage.name('key'), role: 'viewer' }));
    const answer = await stage.call('POST', `/api/keys/${id}/rotate`);
    return { answer, operation: 'key_rotate', resource_type: 'api_key', resource_id: id };
  },
  'DELETE /api/keys/:id': async (stage) => {
    const id = await stage.key();
    const answer = await stage.call('DELETE', `/api/keys/${id}`);
    return { answer, operation: 'key_delete', resource_type: 'api_key', resource_id: id };
  },
};

/** The id of what was made: at the top of the answer, or of the one object in it. */
function idIn(answer: Left['answer']): string {
  const body = answer.json() as Record<string, unknown>;
  const inner = Object.values(body).find((value) => typeof value === 'object' && value !== null) as
    | { id?: string }
    | undefined;
  return (body['id'] as string | undefined) ?? inner?.id ?? 'nothing was made';
}
