// A server that waits, with everything loaded, until it is told to start, and is then there until it is told to stop or killed.
import { buildApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';

process.once('message', async () => {
  const app = await buildApp({ config: readConfig() });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  process.send?.({ url: address });
  process.once('message', async () => {
    await app.close();
    process.exit();
  });
});
process.send?.('loaded');
process.once('disconnect', () => process.exit(1));
