import { type Guide, reloadSnippet, type Snippet } from './guide.js';
import { type Guides, PAGE } from './guides.js';
import { serverTable } from './server-table.js';

/** The guides as a page of Markdown, as it lies in docs/. */
export function markdown({ about, prepare, timer, cron, servers }: Guides): string {
  return [
    `# ${PAGE.title}`,
    'This is what the dashboard says on its page about the CA, where the addresses are those of your own instance. The tests start each of these servers with exactly these lines, connect with a certificate, revoke it, run the script, connect again, and are refused.',
    ...about,
    [
      ...servers.map(({ title }) => `- [${title}](#${title.toLowerCase().replace('.', '')})`),
      '- [What servers check](#what-servers-check): a table of these and many others',
    ].join('\n'),
    `## ${PAGE.prepare}`,
    ...prepare.map(snippet),
    `## ${PAGE.fresh}`,
    ...timer.map(snippet),
    snippet(cron),
    ...servers.map(guide),
    '## What servers check',
    'Not everything that speaks TLS looks at revocation. Rows with a link are set up above, and run by the tests; the others are as their documentation and their users say. Try yours with a revoked certificate before you rely on it.',
    serverTable(),
  ]
    .join('\n\n')
    .concat('\n');
}

function guide({ title, effect, files, snippets, reload, notes }: Guide): string {
  return [
    `## ${title}`,
    effect,
    files.map(({ path, what }) => `- \`${path}\`: ${what}`).join('\n'),
    ...snippets.map(snippet),
    ...(reload === null ? [] : [snippet(reloadSnippet(reload))]),
    notes.map((note) => `- ${note}`).join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function snippet({ caption, file, language, text }: Snippet): string {
  return `${caption}${file === null ? '' : `, \`${file}\``}:\n\n\`\`\`${language}\n${text}\n\`\`\``;
}
