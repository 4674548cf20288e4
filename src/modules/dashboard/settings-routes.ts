/** The pages of settings: rate limits, renewal, appearance, and what is issued by default. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { CertMateError } from '../../errors.js';
import type { PageHead } from '../../http/pages.js';
import { actorOf } from '../../http/request.js';
import { moment } from './dates.js';
import { problemsOfSettings, readSettingsForm, type SettingsForm, savedText, settingsForm } from './settings-forms.js';
import { nextSweep, pathOf, SETTINGS_PATH, settingsEntries, settingsOverview } from './settings-page.js';
import type { Section, SettingsParts } from './settings-services.js';

interface FormPage {
  section: Section;
  /** The sub-page that the form is on. */
  key: string;
  show: (reply: FastifyReply, form: SettingsForm) => FastifyReply;
  /** When a change counts: said after saving. */
  effect: string;
}

export const settingsPages: FastifyPluginAsync<SettingsParts> = async (app, parts) => {
  const { settings, renewals, clock } = parts;

  app.get(SETTINGS_PATH, (_request, reply) =>
    showSettings(reply, 'overview', { key: '', title: 'Settings' }, settingsOverview(parts)),
  );

  const pages: FormPage[] = [
    {
      section: 'rate_limits',
      key: 'rate-limits',
      show: (reply, form) =>
        showSettings(
          reply,
          'limits',
          { key: 'rate-limits', title: 'Rate limits' },
          { form, enforced: parts.limitsEnforced },
        ),
      effect: 'In force from the next request on.',
    },
    {
      section: 'renewal',
      key: 'renewal',
      show: (reply, form) => {
        const runs = renewals.runs.slice(0, 10).map((run) => ({ ...run, at: moment(run.started_at, clock.now()) }));
        const model = { form, runs, running: renewals.isRunning, next: nextSweep(parts) };
        return showSettings(reply, 'renewal', { key: 'renewal', title: 'Renewal' }, model);
      },
      effect: 'The schedule follows at once.',
    },
    {
      section: 'appearance',
      key: 'appearance',
      show: (reply, form) => showSettings(reply, 'appearance', { key: 'appearance', title: 'Appearance' }, { form }),
      effect: '',
    },
  ];
  for (const page of pages) {
    const href = pathOf(page.key);
    app.get(href, (_request, reply) => page.show(reply, settingsForm(settings, page.section)));
    app.post(href, (request, reply) => saveSettings(parts, page, request, reply));
  }

  app.post(`${pathOf('renewal')}/run`, async (request, reply) => {
    try {
      const { renewed, skipped, failed } = (await renewals.run(actorOf(request))).totals;
      const text = `The sweep is done: ${renewed} renewed, ${skipped} left to their holders, ${failed} failed.`;
      reply.flash({ tone: failed === 0 ? 'good' : 'warn', text });
    } catch (error) {
      if (!(error instanceof CertMateError) || error.code !== 'CONFLICT') throw error;
      reply.flash({ tone: 'warn', text: error.message });
    }
    return reply.redirect(pathOf('renewal'), 303);
  });
};

/** Shows a page of settings, with the way to the others beside it. @param key the sub-page to mark; empty for the first */
export function showSettings(
  reply: FastifyReply,
  template: string,
  { key, title, ...shown }: PageHead & { key: string },
  model: object,
): FastifyReply {
  const page = { title: key === '' ? title : `${title} · Settings`, section: 'settings', ...shown };
  return reply.page(`settings-${template}`, page, { ...model, entries: settingsEntries(key), heading: title });
}

/** Saves a form of one section, and says what that has changed; or shows it again with what is wrong. */
export async function saveSettings(
  { settings }: SettingsParts,
  { section, key, show, effect }: FormPage,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const reset = (request.body as { action?: unknown } | null)?.action === 'reset';
  const sent = reset
    ? { typed: {}, problems: {}, change: { [section]: null } }
    : readSettingsForm(settings, section, request.body);
  if (Object.keys(sent.problems).length > 0) return show(reply.code(400), settingsForm(settings, section, sent));
  try {
    const changed = await settings.change(sent.change, actorOf(request));
    reply.flash({ tone: 'good', text: savedText(changed, effect).trim() });
    return await reply.redirect(pathOf(key), 303);
  } catch (error) {
    if (!(error instanceof CertMateError) || error.status !== 400) throw error;
    return show(reply.code(400), settingsForm(settings, section, { ...sent, problems: problemsOfSettings(error) }));
  }
}
