/** The pages about issuing profiles: look at them, write one of your own, remove it. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import { actorOf } from '../../http/request.js';
import { type ProfileForm, profileForm, profileHref, profilePage, profileRow, readRules } from './profile-page.js';
import { type SettingsForm, sentence, settingsForm } from './settings-forms.js';
import { pathOf } from './settings-page.js';
import { saveSettings, showSettings } from './settings-routes.js';
import type { SettingsParts } from './settings-services.js';

type WithName = { Params: { name: string } };

const LIST = pathOf('profiles');
const NEW = pathOf('new-profile');
/** Where the form for a new one begins. */
const PATTERN = 'default';

export const profilePages: FastifyPluginAsync<SettingsParts> = async (app, parts) => {
  const { profiles, editor, settings } = parts;
  const show = (reply: FastifyReply, template: string, title: string, model: object) =>
    showSettings(reply, template, { key: 'profiles', title }, model);

  const showList = (reply: FastifyReply, form: SettingsForm) =>
    show(reply, 'profiles', 'Profiles', { form, profiles: profiles.list().map(profileRow), newHref: NEW });

  app.get(LIST, (_request, reply) => showList(reply, settingsForm(settings, 'issuance')));

  app.post(pathOf('issuance'), (request, reply) => {
    const page = { section: 'issuance', key: 'profiles', show: showList, effect: 'For new certificates.' } as const;
    return saveSettings(parts, page, request, reply);
  });

  const showForm = (reply: FastifyReply, form: ProfileForm, isNew: boolean) => {
    const title = isNew ? 'New profile' : `Edit ${form.name}`;
    return show(reply, 'profile-edit', title, {
      form,
      isNew,
      action: isNew ? NEW : `${profileHref(form.name)}/edit`,
      back: isNew ? LIST : profileHref(form.name),
    });
  };

  const save = async (request: FastifyRequest, reply: FastifyReply, name: string, isNew: boolean) => {
    const { rules } = (request.body ?? {}) as { rules?: unknown };
    const json = typeof rules === 'string' ? rules : '';
    try {
      if (isNew && profiles.list().some((profile) => profile.name === name && profile.origin === 'own')) {
        throw new CertMateError('CONFLICT', `There is a profile ${name} of your own: edit that one.`);
      }
      const { created } = await editor.save(name, readRules(json), actorOf(request));
      reply.flash({
        tone: 'good',
        text: `The profile ${name} is ${created ? 'made' : 'saved'}, and in effect for new certificates.`,
      });
      return await reply.redirect(profileHref(name), 303);
    } catch (error) {
      if (!(error instanceof CertMateError) || (error.status !== 400 && error.status !== 409)) throw error;
      return showForm(reply.code(error.status), { name, json, ...problemsOf(error) }, isNew);
    }
  };

  app.get<{ Querystring: { from?: string } }>(NEW, (request, reply) => {
    const { from = PATTERN } = request.query;
    return showForm(reply, profileForm('', profiles.get(from).rules), true);
  });

  app.post(NEW, (request, reply) => {
    const { name } = (request.body ?? {}) as { name?: unknown };
    return save(request, reply, typeof name === 'string' ? name.trim() : '', true);
  });

  app.get<WithName>(`${LIST}/:name`, (request, reply) => {
    const model = profilePage(profiles.get(request.params.name));
    return show(reply, 'profile', model.name, { ...model, newHref: `${NEW}?from=${model.name}` });
  });

  app.get<WithName>(`${LIST}/:name/edit`, (request, reply) => {
    const { name, rules } = profiles.get(request.params.name);
    return showForm(reply, profileForm(name, rules), false);
  });

  app.post<WithName>(`${LIST}/:name/edit`, (request, reply) =>
    save(request, reply, profiles.get(request.params.name).name, false),
  );

  app.get<WithName>(`${LIST}/:name/delete`, (request, reply) => {
    const model = profilePage(profiles.get(request.params.name));
    // A built-in one stays; its page offers what can be done.
    if (model.deleteHref === '') return reply.redirect(model.href, 303);
    return show(reply, 'confirm', `Delete the profile ${model.name}?`, {
      warning:
        'Certificates that were issued under it stay as they are. New ones of this usage follow the built-in profile of the same name, or else “default”.',
      action: model.deleteHref,
      button: 'Delete this profile',
      back: model.href,
      facts: [
        { label: 'Profile', value: model.name },
        { label: 'Description', value: model.description || '–' },
      ],
    });
  });

  app.post<WithName>(`${LIST}/:name/delete`, async (request, reply) => {
    const { name } = request.params;
    await editor.remove(name, actorOf(request));
    reply.flash({ tone: 'good', text: `The profile ${name} of your own is deleted.` });
    return reply.redirect(LIST, 303);
  });
};

function problemsOf({ code, message, details }: CertMateError): Pick<ProfileForm, 'problems' | 'nameProblem'> {
  if (code === 'CONFLICT') return { problems: [], nameProblem: message };
  const found = (details ?? [{ path: '', message }]).map((detail) => ({
    ...detail,
    message: sentence(detail.message),
  }));
  return {
    problems: found.filter(({ path }) => path !== 'name'),
    nameProblem: found.find(({ path }) => path === 'name')?.message ?? '',
  };
}
