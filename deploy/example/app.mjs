// An application that leaves it to nginx to find out who calls: it greets whoever has come through.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.end(`Welcome, ${request.headers['x-client-subject'] ?? 'whoever you are'}\n`);
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? '0.0.0.0');
process.on('SIGTERM', () => server.close());
