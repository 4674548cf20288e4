/** `serve`: the server, as `npm start` runs it. */
import type { Command } from './command.js';

export const serveCommand: Command = {
  summary: 'serve the API and the dashboard',
  details: ['Settings come from the environment: see README.md. Whatever keeps it from starting gives exit code 1.'],
  options: {},
  examples: ['serve'],
  run: async () => {
    await import('../main.js');
  },
};
