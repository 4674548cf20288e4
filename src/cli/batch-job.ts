/** `batch show` and `batch cancel`: a batch that goes on in the background. */
import { type Arguments, UsageError } from './arguments.js';
import { PATH } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { print, printJson } from './place.js';
import type { Job } from './progress.js';
import { harmless } from './terminal.js';

const operands = { name: 'JOB', least: 1, most: 1 };
const options = { ...JSON_FLAG, ...REMOTE };

export const batchShowCommand: Command = {
  summary: 'tell how far a batch is',
  details: ['certmate issue --follow JOB goes on telling, and fetches the results.'],
  operands,
  options,
  examples: [
    'batch show 5d41402abc4b2a76b9719d911017c592',
    'batch show 5d41402abc4b2a76b9719d911017c592 --json | jq .state',
  ],
  remote: true,
  run: (args) => ask('GET', args),
};

export const batchCancelCommand: Command = {
  summary: 'cancel a batch: what is issued stays',
  operands,
  options,
  examples: ['batch cancel 5d41402abc4b2a76b9719d911017c592'],
  remote: true,
  run: (args) => ask('DELETE', args),
};

function ask(method: 'GET' | 'DELETE', args: Arguments): Promise<void> {
  const id = args.operand;
  if (!/^[0-9a-f]{1,64}$/.test(id)) throw new UsageError('JOB must be the id of a batch');
  return withApi(args, async (api) => {
    const job = await api.json<Job>(method, `${PATH}/batch/${id}`);
    if (args.flag('json')) printJson(job);
    else print(describe(job));
  });
}

function describe({ id, state, total, successful, failed, eta_seconds: left, note }: Job): string {
  const until = left === null || state !== 'running' ? '' : `, about ${left} s left`;
  const remark = note === null ? '' : `; ${harmless(note)}`;
  return `batch ${id} is ${state}: ${successful} of ${total} issued, ${failed} failed${until}${remark}`;
}
