// `npm start`: ready to run on a fresh clone, then the server itself in this very process, so that signals reach it.
import { prepare } from './prepare.mjs';

prepare();
await import('../dist/main.js');
