/** `renewals` and `renewals run`: what renews itself, and a sweep now. */
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { mindAddresses } from './local.js';
import { print, printJson } from './place.js';
import { harmless } from './terminal.js';

interface Run {
  finished_at: string;
  trigger: string;
  totals: { renewed: number; skipped: number; failed: number };
  renewed: { identifier: string; serial_number: string; expires_at: string }[];
  skipped: { identifier: string; reason: string }[];
  failed: { identifier: string; reason: string }[];
}

interface Overview {
  running: boolean;
  next_run: string | null;
  runs: Run[];
}

const PATH = '/api/renewals';
const options = { ...JSON_FLAG, ...REMOTE };

export const renewalsCommand: Command = {
  summary: 'tell what the last sweeps renewed by themselves, and when the next one is',
  options,
  examples: ['renewals', 'renewals --json | jq .next_run'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const overview = await api.json<Overview>('GET', PATH);
      if (args.flag('json')) {
        printJson(overview);
        return;
      }
      print(...overview.runs.map((run) => `${run.finished_at}  ${sums(run)} (${run.trigger})`));
      if (overview.running) print('A sweep is running.');
      // At the data directory nothing is scheduled for longer than a command takes.
      if (!api.local)
        print(overview.next_run === null ? 'No sweep is planned.' : `The next one: ${overview.next_run}.`);
    }),
};

export const renewalsRunCommand: Command = {
  summary: 'renew now what is due, as the scheduled sweep does',
  details: ['Exit code 1 if one that was due could not be renewed.'],
  options,
  examples: ['renewals run', 'renewals run --json | jq -r .renewed[].identifier'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      if (api.local && !args.flag('json')) mindAddresses();
      const run = await api.json<Run>('POST', `${PATH}/run`);
      if (args.flag('json')) printJson(run);
      else print(...outcome(run), `${sums(run)}.`);
      if (run.totals.failed > 0) process.exitCode = 1;
    }),
};

function outcome({ renewed, skipped, failed }: Run): string[] {
  return [
    ...renewed.map(({ identifier, expires_at }) => `renewed  ${identifier}, valid until ${expires_at}`),
    ...skipped.map(({ identifier, reason }) => `skipped  ${identifier}: ${harmless(reason)}`),
    ...failed.map(({ identifier, reason }) => `failed   ${identifier}: ${harmless(reason)}`),
  ];
}

function sums({ totals }: Run): string {
  return `${totals.renewed} renewed, ${totals.skipped} skipped, ${totals.failed} failed`;
}
