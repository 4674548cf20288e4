/** `stats`: how many certificates there are, and of which kinds. */
import { PATH } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { print, printJson } from './place.js';
import { harmless } from './terminal.js';

interface Stats {
  total: number;
  active: number;
  revoked: number;
  expired: number;
  expiring_soon: number;
  held: number;
  by_usage: Record<string, number>;
  expiring: { within_days: number; count: number }[];
}

export const statsCommand: Command = {
  summary: 'count certificates, by status, usage and time left',
  details: ['Each line is a name, a tab and a number. --json has more: kinds, organizations, key algorithms.'],
  options: { ...JSON_FLAG, ...REMOTE },
  examples: ['stats', 'stats --json | jq .by_organization'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const stats = await api.json<Stats>('GET', `${PATH}/stats`);
      if (args.flag('json')) printJson(stats);
      else print(...rows(stats).map(([name, count]) => `${harmless(name)}\t${count}`));
    }),
};

function rows({ total, active, expiring_soon, expired, revoked, held, expiring, by_usage }: Stats): [string, number][] {
  return [
    ['total', total],
    ['active', active],
    ['expiring', expiring_soon],
    ['expired', expired],
    ['revoked', revoked],
    ['held', held],
    ...expiring.map(({ within_days, count }): [string, number] => [`expiring within ${within_days} days`, count]),
    ...Object.entries(by_usage).map(([usage, count]): [string, number] => [`usage ${usage}`, count]),
  ];
}
