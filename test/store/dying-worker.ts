// Makes directories like new-directory-worker.ts, but ends, with the whole thread, at the step that cert.crt names.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import work from '../../src/store/new-directory-worker.js';

const dying: typeof work = async (orders) => {
  for (const { unfinished, files } of orders) {
    const text = files['cert.crt']?.text;
    if (text === 'dies at once') process.exit(1);
    if (text !== 'dies in the middle') continue;
    mkdirSync(unfinished, { mode: 0o700 });
    writeFileSync(join(unfinished, 'cert.key'), 'half of a k');
    process.exit(1);
  }
  const answers = await work(orders);
  if (orders.some(({ files }) => files['cert.crt']?.text === 'dies at the end')) process.exit(1);
  return answers;
};

export default dying;
