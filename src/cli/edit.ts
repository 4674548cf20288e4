/** `edit`: what is known of certificates beside what they say themselves. */
import { type Arguments, UsageError } from './arguments.js';
import { ANY_NAME, NAMES_EXPLAINED, pathOf, type Resource } from './certificates.js';
import { allFound, presentIdentifier } from './chosen.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { eachOf } from './each.js';
import { print, printJson } from './place.js';

const CHANGES = ['notes', 'add-tag', 'remove-tag', 'renewal', 'renew-before'];

export const editCommand: Command = {
  summary: 'change notes, tags and renewal settings of certificates',
  details: [NAMES_EXPLAINED, 'What no option names stays as it is.'],
  operands: { name: ANY_NAME, least: 1, most: 1000 },
  options: {
    notes: { kind: 'value', value: 'TEXT', text: 'a remark, in the place of the present one' },
    'add-tag': { kind: 'list', value: 'TAG', text: 'a label more' },
    'remove-tag': { kind: 'list', value: 'TAG', text: 'a label less' },
    renewal: { kind: 'value', value: 'on|off', text: 'renew it by itself, or let it expire' },
    'renew-before': { kind: 'value', value: 'DAYS', text: 'so many days before it expires, at most' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['edit laptop-7 --add-tag stolen --renewal off', 'edit alice.crt --notes "on leave until May"'],
  remote: true,
  run: async (args) => {
    if (!CHANGES.some((option) => args.has(option))) {
      throw new UsageError(`nothing to change: ${CHANGES.map((option) => `--${option}`).join(', ')}`);
    }
    const renewal = renewalFrom(args);
    await withApi(args, async (api) => {
      const found = await allFound(api, args);
      found.forEach(presentIdentifier);
      await eachOf(found, args.flag('json'), async ({ resource: { identifier, tags } }) => {
        const json = { notes: args.optional('notes'), tags: tagsFrom(args, tags), renewal };
        const resource = await api.json<Resource>('PATCH', pathOf(identifier), { json });
        if (args.flag('json')) printJson(resource);
        else print(`changed ${identifier}`);
      });
    });
  },
};

/** Undefined if they are to stay. */
function tagsFrom(args: Arguments, present: readonly string[]): string[] | undefined {
  const added = args.list('add-tag');
  const removed = new Set(args.list('remove-tag'));
  if (added.length + removed.size === 0) return undefined;
  return [...new Set([...present, ...added])].filter((tag) => !removed.has(tag));
}

function renewalFrom(args: Arguments): Record<string, unknown> | undefined {
  const enabled = args.optional('renewal');
  if (enabled !== undefined && enabled !== 'on' && enabled !== 'off')
    throw new UsageError('--renewal must be on or off');
  const days = args.number('renew-before');
  if (enabled === undefined && days === undefined) return undefined;
  return {
    ...(enabled === undefined ? {} : { renewal_enabled: enabled === 'on' }),
    ...(days === undefined ? {} : { renewal_threshold_days: days }),
  };
}
