import { type Guide, lines } from './guide.js';

/** How a server in Node.js lets in whoever has a certificate that counts. */
export const node = (): Guide => ({
  id: 'node',
  title: 'Node.js',
  effect: 'A revocation counts within about five minutes: the server notices a new list by itself.',
  files: [{ path: '/etc/app/server.crt, server.key', what: 'what the server shows its clients; from any CA' }],
  snippets: [
    {
      caption: 'An HTTPS server',
      file: 'server.mjs',
      language: 'js',
      text: lines(`
import { readFileSync, watchFile } from 'node:fs';
import { createServer } from 'node:https';

const files = () => ({
  cert: readFileSync('/etc/app/server.crt'),
  key: readFileSync('/etc/app/server.key'),
  ca: readFileSync('/etc/certmate/ca.pem'),
  crl: readFileSync('/etc/certmate/crl.pem'),
});

const server = createServer({ ...files(), requestCert: true, rejectUnauthorized: true }, (request, response) => {
  response.end(\`Welcome, \${request.socket.getPeerCertificate().subject.CN}\\n\`);
});
watchFile('/etc/certmate/crl.pem', { interval: 1000 }, ({ size }) => {
  if (size > 0) server.setSecureContext(files());
});
server.listen(443);
`),
    },
  ],
  reload: null,
  notes: [],
});
