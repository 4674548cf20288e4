// The documentation has no dead link, and no command of which it does not say whether it is tested.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { root } from './root.js';

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const textOf = (page: string) => readFileSync(join(root, page), 'utf8');
const withoutCode = (text: string) => text.replace(/^(```|~~~).*?^\1$/gms, '').replace(/`[^`\n]*`/g, '');

/** The anchors that the usual renderers give to headings. */
function anchors(page: string): string[] {
  const headings = textOf(page)
    .replace(/^(```|~~~).*?^\1$/gms, '')
    .matchAll(/^#+ +(.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

for (const page of pages) {
  test(`every link in ${page} leads somewhere`, () => {
    for (const [, target = ''] of withoutCode(textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : relative(root, join(root, dirname(page), path));
      assert.ok(existsSync(join(root, file)), `${target}: there is no ${file}`);
      if (anchor !== undefined && file.endsWith('.md'))
        assert.ok(anchors(file).includes(anchor), `${target}: ${file} has no such heading`);
    }
  });

  test(`every command block in ${page} says whether it is run`, () => {
    // What page and docs print for servers is run by the tests of test/interop, all of it, from its one source.
    const isGenerated = page === join('docs', 'relying-parties.md');
    for (const [fence] of textOf(page).matchAll(/^```(?:sh|bash|shell|console)\b.*$/gm)) {
      if (!isGenerated)
        assert.match(fence, /^```sh (?:run|walkthrough|not-run)$/, `${page} has a block marked "${fence}"`);
    }
  });
}

test('every page of docs/ is in its table of contents', () => {
  const contents = textOf(join('docs', 'README.md'));
  for (const page of readdirSync(join(root, 'docs'))) {
    if (page.endsWith('.md') && page !== 'README.md') assert.ok(contents.includes(`](${page})`), page);
  }
});

test('README and docs/performance.md show the figures of the last whole benchmark', () => {
  const { figures, processor } = JSON.parse(readFileSync(join(root, 'bench', 'results.json'), 'utf8')) as {
    figures: { work: string; measured: string; peer: string }[];
    processor: string;
  };
  assert.ok(figures.length > 15);
  for (const page of ['README.md', join('docs', 'performance.md')]) {
    const text = textOf(page);
    assert.ok(text.includes(processor), page);
    for (const { work, measured, peer } of figures)
      assert.ok(text.includes(`| ${work} | ${measured} | ${peer} |`), work);
  }
});
