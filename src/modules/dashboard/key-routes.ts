/** The pages about API keys: what there is, a new one, and the end of one. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf, callerOf } from '../../http/request.js';
import {
  type AccountForm,
  blankKeyForm,
  keyRow,
  LIFETIMES,
  problemsOfAccount,
  ROLES,
  readKeyForm,
} from './account-page.js';
import type { AccountParts, ApiKey } from './account-services.js';
import { pathOf } from './settings-page.js';
import { showSettings } from './settings-routes.js';

type WithId = { Params: { id: string } };

const LIST = pathOf('keys');
const TITLE = 'API keys';

const ROTATION = {
  title: (name: string) => `Replace the token of ${name}?`,
  warning:
    'The present token is refused at once: whatever uses it needs the new one. Every session that it began ends. Name, role, limits and the keys that were made with it stay.',
  action: 'rotate',
  button: 'Replace the token',
};
const REMOVAL = {
  title: (name: string) => `Delete the API key ${name}?`,
  warning: 'Its token is refused at once, and so are the keys that were made with it. This cannot be undone.',
  action: 'delete',
  button: 'Delete this key',
};

/** What the replacement of a token has done, and which keys it leaves as they are. */
function rotationText(ended: number, offspring: readonly ApiKey[]): string {
  const sessions = ended === 1 ? '1 session has ended' : `${ended} sessions have ended`;
  const names = offspring.map(({ name }) => name).join(', ');
  const stay = names === '' ? '' : ` Keys that were made with it stay: ${names}. Delete those that you do not know.`;
  return `The token is replaced; the one before is refused from now on. ${sessions}.${stay}`;
}

export const keyPages: FastifyPluginAsync<AccountParts> = async (app, { keys, input, clock, publicUrl }) => {
  const showList = (reply: FastifyReply, form: AccountForm) => {
    const rows = keys.list().map((key) => keyRow(key, clock.now()));
    return showSettings(
      reply,
      'keys',
      { key: 'keys', title: TITLE },
      { form, keys: rows, roles: ROLES, lifetimes: LIFETIMES },
    );
  };

  const showToken = (reply: FastifyReply, token: string, key: ApiKey, done: string, sessionEnded = false) => {
    const model = {
      name: key.name,
      what: 'token',
      done,
      secret: token,
      advice: sessionEnded
        ? 'Copy it now: only its hash is stored, and this page cannot be opened again. Your session has ended: sign in with the new token.'
        : 'Copy it now: only its hash is stored. This page can be opened again for 10 minutes, in this session only.',
      example: `curl -H "Authorization: Bearer ${token}" \\\n  ${publicUrl}/api/client-certs`,
      back: LIST,
      facts: keyRow(key, clock.now()),
    };
    return showSettings(
      reply,
      'once',
      { key: 'keys', title: `The API key ${key.name}`, secret: true, sessionEnded },
      model,
    );
  };

  app.get(LIST, (_request, reply) => showList(reply, blankKeyForm()));

  app.post(LIST, async (request, reply) => {
    const { typed, key: wanted } = readKeyForm(request.body, clock.now());
    try {
      const { token, key } = await keys.create(input.key(wanted), callerOf(request), actorOf(request));
      return showToken(reply.code(201), token, key, 'The key is made.');
    } catch (error) {
      if (!(error instanceof CertMateError) || ![400, 403, 409].includes(error.status)) throw error;
      return showList(reply.code(error.status), { typed, problems: problemsOfAccount(error) });
    }
  });

  /** Asks before something is done to a key. */
  const ask = (
    request: FastifyRequest<WithId>,
    reply: FastifyReply,
    question: { title: (name: string) => string; warning: string; action: string; button: string },
    problem: string,
    needsToken = false,
  ) => {
    const key = keys.list().find(({ id }) => id === request.params.id);
    if (key === undefined) throw new CertMateError('NOT_FOUND', 'There is no such API key. It may have been deleted.');
    const row = keyRow(key, clock.now());
    return showSettings(
      reply,
      'confirm',
      { key: 'keys', title: question.title(key.name) },
      {
        problem,
        needsToken,
        warning: question.warning,
        action: `${LIST}/${key.id}/${question.action}`,
        button: question.button,
        back: LIST,
        facts: [
          { label: 'Token', value: `${row.prefix}…` },
          { label: 'Role', value: row.role },
          { label: 'Last used', value: row.lastUsed === null ? 'never' : row.lastUsed.relative },
          { label: 'Made', value: `${row.created.full} by ${row.createdBy}` },
        ],
      },
    );
  };

  const askRotation = (request: FastifyRequest<WithId>, reply: FastifyReply, problem: string) =>
    ask(request, reply, ROTATION, problem, callerOf(request).id === request.params.id);
  const askRemoval = (request: FastifyRequest<WithId>, reply: FastifyReply, problem: string) =>
    ask(request, reply, REMOVAL, problem);

  app.get<WithId>(`${LIST}/:id/rotate`, (request, reply) => askRotation(request, reply, ''));

  app.post<WithId>(`${LIST}/:id/rotate`, async (request, reply) => {
    try {
      const { current_token: typed } = (request.body ?? {}) as { current_token?: unknown };
      const proof = typeof typed === 'string' && typed.trim() !== '' ? typed.trim() : null;
      const { token, key, ended, offspring } = await keys.rotate(
        request.params.id,
        callerOf(request),
        proof,
        actorOf(request),
      );
      const isOwn = callerOf(request).id === request.params.id;
      return await showToken(reply, token, key, rotationText(ended, offspring), isOwn);
    } catch (error) {
      if (!(error instanceof CertMateError) || ![403, 409].includes(error.status)) throw error;
      return askRotation(request, reply.code(error.status), error.message);
    }
  });

  app.get<WithId>(`${LIST}/:id/delete`, (request, reply) => askRemoval(request, reply, ''));

  app.post<WithId>(`${LIST}/:id/delete`, async (request, reply) => {
    try {
      const { name } = await keys.remove(request.params.id, actorOf(request));
      reply.flash({ tone: 'good', text: `The API key ${name} is deleted. Its token is refused from now on.` });
      return await reply.redirect(LIST, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || error.status !== 409) throw error;
      return askRemoval(request, reply.code(409), error.message);
    }
  });
};
