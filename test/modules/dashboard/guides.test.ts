// What is said about making servers check certificates: one source, two places.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { guides } from '../../../src/modules/dashboard/guides/guides.js';
import { markdown } from '../../../src/modules/dashboard/guides/markdown.js';
import { build } from '../../build.js';
import { root } from '../../root.js';
import { Browser } from './browser.js';

test('docs/relying-parties.md is what the source says', () => {
  assert.equal(
    readFileSync(join(root, 'docs', 'relying-parties.md'), 'utf8'),
    markdown(guides({ publicUrl: 'http://ca.example.com' })),
    'Write it anew: npm run docs',
  );
});

test('README names the page', () => {
  assert.match(readFileSync(join(root, 'README.md'), 'utf8'), /\]\(docs\/relying-parties\.md\)/);
});

test('the page about the CA prints every snippet with the addresses of this instance, and a button to copy it', async (t) => {
  const { app, tokens, config } = await build(t, {
    environment: { CERTMATE_PUBLIC_URL: 'https://pki.example.org/ca' },
  });
  const browser = new Browser(app);
  await browser.signIn(tokens.viewer);
  const { body } = await browser.open('/ca');
  const printed = [...body.matchAll(/<pre tabindex="0" id="([^"]+)"><code>([^]*?)<\/code>/g)];
  const texts = printed.map(([, , text = '']) =>
    text.replace(/&(lt|gt|quot|#39|amp);/g, (_, name) => ENTITIES[name] ?? ''),
  );
  const { prepare, timer, cron, servers } = guides({ publicUrl: config.publicUrl });
  const snippets = [...prepare, ...timer, cron, ...servers.flatMap(({ snippets }) => snippets)];
  for (const { caption, text } of snippets) assert.ok(texts.includes(text), `${caption}\n${text}`);
  for (const [, id] of printed) assert.ok(body.includes(`data-copies="${id}"`), id);
  assert.ok(texts.some((text) => text.includes('https://pki.example.org/ca/api/crl/download/pem')));
  assert.doesNotMatch(body, /ca\.example\.com/);
  for (const { id, title } of servers)
    assert.match(body, new RegExp(`<details class="fold" id="${id}">\\s*<summary><b>${title}</b>`));
});

test('an address cannot break out of a shell command', () => {
  const [script] = guides({ publicUrl: "http://ca.example.com/a';rm$IFS-rf&(b)" }).prepare;
  assert.match(script?.text ?? '', /http:\/\/ca\.example\.com\/a%27%3Brm%24IFS-rf%26%28b%29\/api\/crl/);
});

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };
