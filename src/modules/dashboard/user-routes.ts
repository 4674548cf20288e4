/** The pages about people who sign in: all of them, one, and each change of one. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf, callerOf } from '../../http/request.js';
import { type AccountForm, problemsOfAccount, ROLES, readUserForm, userPage, userRow } from './account-page.js';
import type { AccountParts, User } from './account-services.js';
import { pathOf } from './settings-page.js';
import { showSettings } from './settings-routes.js';

type WithId = { Params: { id: string } };
type Change = Parameters<AccountParts['users']['update']>[1];

const LIST = pathOf('users');
const FIRST_SIGN_IN = 'Send it over a secure channel. It must be changed at the next sign-in.';

export const userPages: FastifyPluginAsync<AccountParts> = async (app, { users, input, clock, publicUrl }) => {
  const showList = (reply: FastifyReply, form: AccountForm) => {
    const rows = users.list().map((user) => userRow(user, clock.now()));
    return showSettings(reply, 'users', { key: 'users', title: 'Users' }, { form, users: rows, roles: ROLES });
  };

  const showPassword = (reply: FastifyReply, title: string, user: User, password: string | null) =>
    showSettings(
      reply,
      'once',
      { key: 'users', title, secret: true },
      {
        name: user.name,
        what: 'password',
        secret: password ?? '',
        advice: `Copy it now: only its hash is stored. This page can be opened again for 10 minutes, in this session only. ${FIRST_SIGN_IN}`,
        example: `${publicUrl}/login`,
        back: `${LIST}/${user.id}`,
        facts: null,
      },
    );

  app.get(LIST, (_request, reply) => showList(reply, { typed: { role: 'viewer' }, problems: {} }));

  app.post(LIST, async (request, reply) => {
    const { typed, user: wanted } = readUserForm(request.body);
    try {
      const { user, password } = await users.create(input.user(wanted), callerOf(request), actorOf(request));
      return showPassword(reply.code(201), `The user ${user.name}`, user, password);
    } catch (error) {
      if (!(error instanceof CertMateError) || ![400, 403, 409].includes(error.status)) throw error;
      return showList(reply.code(error.status), { typed, problems: problemsOfAccount(error) });
    }
  });

  const showUser = (request: FastifyRequest<WithId>, reply: FastifyReply, problem: string) => {
    const model = userPage(users.get(request.params.id), callerOf(request).id, clock.now());
    return showSettings(reply, 'user', { key: 'users', title: model.name }, { ...model, problem });
  };

  /** Does something to a user and says so on their page; what the server refuses is said there, too. */
  const act = async (
    request: FastifyRequest<WithId>,
    reply: FastifyReply,
    action: () => Promise<string | FastifyReply>,
  ) => {
    try {
      const said = await action();
      if (typeof said !== 'string') return said;
      reply.flash({ tone: 'good', text: said });
      return await reply.redirect(`${LIST}/${request.params.id}`, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || ![400, 403, 409].includes(error.status)) throw error;
      return showUser(request, reply.code(error.status), error.message);
    }
  };
  const update = (request: FastifyRequest<WithId>, change: Change) =>
    users.update(request.params.id, change, callerOf(request), actorOf(request));

  app.get<WithId>(`${LIST}/:id`, (request, reply) => showUser(request, reply, ''));

  app.post<WithId>(`${LIST}/:id/role`, (request, reply) =>
    act(request, reply, async () => {
      const { role: sent } = (request.body ?? {}) as { role?: unknown };
      const role = ROLES.find(([name]) => name === sent);
      if (role === undefined) throw new CertMateError('VALIDATION_FAILED', 'Choose one of the roles.');
      const { user } = await update(request, { role: role[0] });
      return `${user.name} has the role ${role[1]} now, and has to sign in again.`;
    }),
  );

  app.post<WithId>(`${LIST}/:id/password`, (request, reply) =>
    act(request, reply, async () => {
      const { user, password } = await update(request, { random_password: true });
      return showPassword(reply, `A new password for ${user.name}`, user, password);
    }),
  );

  app.post<WithId>(`${LIST}/:id/sessions`, (request, reply) =>
    act(request, reply, async () => {
      const ended = await users.endSessions(request.params.id, callerOf(request), actorOf(request));
      return ended === 0 ? 'Nobody was signed in.' : `Signed out: ${ended} ${ended === 1 ? 'session' : 'sessions'}.`;
    }),
  );

  app.post<WithId>(`${LIST}/:id/disabled`, (request, reply) =>
    act(request, reply, async () => {
      const disabled = (request.body as { disabled?: unknown } | null)?.disabled === 'yes';
      const { user } = await update(request, { disabled });
      return disabled ? `${user.name} cannot sign in any more.` : `${user.name} can sign in again.`;
    }),
  );

  const showRemoval = (request: FastifyRequest<WithId>, reply: FastifyReply, problem: string) => {
    const { name, href, deleteHref, role, lastLogin } = userPage(
      users.get(request.params.id),
      callerOf(request).id,
      clock.now(),
    );
    return showSettings(
      reply,
      'confirm',
      { key: 'users', title: `Delete the user ${name}?` },
      {
        problem,
        warning:
          'They are signed out, and the API keys that they made are refused. To keep the account for later, disable it instead.',
        action: deleteHref,
        button: 'Delete this user',
        back: href,
        facts: [
          { label: 'Name', value: name },
          { label: 'Role', value: role },
          { label: 'Last sign-in', value: lastLogin === null ? 'never' : lastLogin.relative },
        ],
      },
    );
  };

  app.get<WithId>(`${LIST}/:id/delete`, (request, reply) => showRemoval(request, reply, ''));

  app.post<WithId>(`${LIST}/:id/delete`, async (request, reply) => {
    try {
      const { name } = await users.remove(request.params.id, callerOf(request), actorOf(request));
      reply.flash({ tone: 'good', text: `The user ${name} is deleted.` });
      return await reply.redirect(LIST, 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || ![403, 409].includes(error.status)) throw error;
      return showRemoval(request, reply.code(error.status), error.message);
    }
  });
};
