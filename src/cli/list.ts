/** `list`: certificates by the API's own filters. */
import type { Api } from './api.js';
import { type Arguments, UsageError } from './arguments.js';
import { PATH, type Resource, statusColour } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { note, print, printJson } from './place.js';
import { type Column, tabbedLine, tableLines } from './table.js';
import { isLookedAt, lineWidth } from './terminal.js';

interface Page {
  certificates: Resource[];
  total: number;
  next_cursor: string | null;
}

const MOST_A_PAGE = 1000;
const DEFAULT_LIMIT = 100;

/** Options that are parameters of the API's query by the same name, in its spelling. */
const FILTERS = ['usage', 'type', 'status', 'organization', 'search', 'tag', 'sort', 'order'] as const;

const TABLE: Column<Resource>[] = [
  { title: 'IDENTIFIER', text: ({ identifier }) => identifier, least: 12 },
  { title: 'STATUS', text: ({ status }) => status, colour: statusColour },
  { title: 'EXPIRES', text: ({ expires_at }) => expires_at.slice(0, 10) },
  { title: 'USAGE', text: ({ cert_usage }) => cert_usage, least: 8 },
  { title: 'COMMON NAME', text: ({ common_name }) => common_name, least: 8 },
  { title: 'ORGANIZATION', text: ({ organization }) => organization ?? '', least: 4 },
];

/** Promised in the help: more may be added, at the end only. */
const FIELDS: Column<Resource>[] = [
  { title: 'identifier', text: ({ identifier }) => identifier },
  { title: 'status', text: ({ status }) => status },
  { title: 'expires_at', text: ({ expires_at }) => expires_at },
  { title: 'cert_usage', text: ({ cert_usage }) => cert_usage },
  { title: 'common_name', text: ({ common_name }) => common_name },
  { title: 'email', text: ({ email }) => email ?? '' },
  { title: 'organization', text: ({ organization }) => organization ?? '' },
  { title: 'serial_number', text: ({ serial_number }) => serial_number },
];

export const listCommand: Command = {
  summary: 'list certificates, filtered and sorted',
  details: [
    'On a terminal it is a table. Elsewhere each certificate is a line with tabs between, nothing cut short, no head:',
    `  ${FIELDS.map(({ title }) => title).join(', ')}`,
    'With --json each is a line of JSON, as the API gives it.',
  ],
  options: {
    search: { kind: 'value', value: 'TEXT', text: 'in common name, e-mail, organization, identifier, serial number' },
    status: { kind: 'value', value: 'STATUS', text: 'active, expiring, expired, revoked, held, superseded or deleted' },
    usage: { kind: 'value', value: 'NAME', text: 'of this usage (profile)' },
    type: { kind: 'value', value: 'TYPE', text: 'client, server, device or iot' },
    tag: { kind: 'value', value: 'TAG', text: 'with this tag' },
    organization: { kind: 'value', value: 'NAME', text: 'of this organization' },
    revoked: { kind: 'value', value: 'true|false', text: 'revoked (also held), or not' },
    'expires-before': { kind: 'value', value: 'TIME', text: 'such as 2027-01-31 or 2027-01-31T12:00:00Z' },
    'expires-after': { kind: 'value', value: 'TIME', text: 'likewise' },
    sort: {
      kind: 'value',
      value: 'FIELD',
      text: 'created_at, expires_at, common_name, email, cert_usage or status',
    },
    order: { kind: 'value', value: 'asc|desc', text: 'newest first unless sorted by something else' },
    limit: { kind: 'value', value: 'N', text: `at most so many (${DEFAULT_LIMIT})` },
    all: { kind: 'flag', text: 'every one that is found' },
    ...JSON_FLAG,
    ...REMOTE,
  },
  examples: ['list --status expiring --sort expires_at', 'list --usage vpn --all --json | jq -r .serial_number'],
  remote: true,
  run: (args) => {
    args.exclude('all', 'limit');
    const most = args.flag('all') ? Infinity : (args.number('limit') ?? DEFAULT_LIMIT);
    if (most === 0) throw new UsageError('--limit must be 1 or more');
    return withApi(args, (api) => list(api, args, most));
  },
};

async function list(api: Api, args: Arguments, most: number): Promise<void> {
  const asTable = isLookedAt() && !args.flag('json');
  const shown: Resource[] = [];
  let count = 0;
  let total = 0;
  for await (const page of pages(api, queryOf(args), most)) {
    total = page.total;
    count += page.certificates.length;
    if (asTable) shown.push(...page.certificates);
    else if (args.flag('json')) page.certificates.forEach(printJson);
    else print(...page.certificates.map((one) => tabbedLine(FIELDS, one)));
    // Whoever read it has gone.
    if (process.stdout.errored !== null) return;
  }
  if (asTable) print(...(shown.length === 0 ? ['No certificates.'] : tableLines(TABLE, shown, lineWidth())));
  if (count < total) note(`these are ${count} of ${total}; --all shows every one`);
}

async function* pages(api: Api, query: Record<string, string>, most: number): AsyncGenerator<Page> {
  let left = most;
  let cursor: string | undefined;
  do {
    const limit = Math.min(left, MOST_A_PAGE);
    const page = await api.json<Page>('GET', PATH, { query: { ...query, limit, cursor } });
    yield page;
    left -= page.certificates.length;
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && left > 0);
}

function queryOf(args: Arguments): Record<string, string> {
  const query: Record<string, string> = {};
  for (const name of [...FILTERS, 'revoked', 'expires-before', 'expires-after']) {
    const value = args.optional(name);
    if (value !== undefined) query[name.replace('-', '_')] = name.startsWith('expires-') ? momentOf(value) : value;
  }
  return query;
}

/** A day alone is its first moment. */
function momentOf(text: string): string {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
}
