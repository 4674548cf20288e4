// `npm run docs`: writes docs/relying-parties.md from the source that the dashboard's page about the CA is made of.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, root } from './prepare.mjs';

prepare();
const { guides } = await import('../dist/modules/dashboard/guides/guides.js');
const { markdown } = await import('../dist/modules/dashboard/guides/markdown.js');
writeFileSync(join(root, 'docs', 'relying-parties.md'), markdown(guides({ publicUrl: 'http://ca.example.com' })));
