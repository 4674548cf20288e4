// `npm run docs`: writes docs/relying-parties.md from the source that the dashboard's page about the CA is made of, and the
// figures of the last whole `npm run bench` into README and docs/performance.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare();
const { guides } = await import('../dist/modules/dashboard/guides/guides.js');
const { markdown } = await import('../dist/modules/dashboard/guides/markdown.js');
writeFileSync(join(root, 'docs', 'relying-parties.md'), markdown(guides({ publicUrl: 'http://ca.example.com' })));

const results = JSON.parse(readFileSync(join(root, 'bench', 'results.json'), 'utf8'));
for (const page of ['README.md', join('docs', 'performance.md')]) {
  const path = join(root, page);
  const text = readFileSync(path, 'utf8').replace(
    /(<!-- bench -->\n).*?(<!-- \/bench -->)/s,
    (_, start, end) => `${start}${table(results)}\n${end}`,
  );
  writeFileSync(path, text);
}

/** The figures as a table, with the machine they come from. */
function table({ measured_at, node, processors, processor, load_generator, figures }) {
  const rows = figures.map(({ work, measured, peer, ratio, goal, met }) => {
    const verdict = met === null ? '–' : met ? 'yes' : '**no**';
    return `| ${work} | ${measured} | ${peer} | ${ratio === null ? '–' : ratio.toFixed(2)} | ${goal} | ${verdict} |`;
  });
  return [
    `Measured on ${measured_at.slice(0, 10)} with Node ${node} on ${processors} × ${processor}; load by ${load_generator}.`,
    '',
    '| work | measured | limit or peer | ratio | goal | met |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
