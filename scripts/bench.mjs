// `npm run bench [row …]`: the table of figures, each a ratio to a limit or a peer measured in the same run.
import { prepareTests, run } from './prepare.mjs';

prepareTests();
run(process.execPath, ['--enable-source-maps', '.build/bench/main.js', ...process.argv.slice(2)]);
