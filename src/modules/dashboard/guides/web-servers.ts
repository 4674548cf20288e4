/** How nginx, HAProxy and Apache let in whoever has a certificate that counts. */
import { type Addresses, type Guide, lines } from './guide.js';

export const WITH_THE_LIST = 'A revocation counts within about five minutes: once the new list is fetched and loaded.';
export const LIST_OR_OCSP =
  'With the list, a revocation counts within about five minutes; with OCSP it counts for the next connection.';

export const nginx = ({ ocsp }: Addresses): Guide => ({
  id: 'nginx',
  title: 'nginx',
  effect: LIST_OR_OCSP,
  files: [{ path: '/etc/nginx/tls/server.crt, server.key', what: 'what the server shows its clients; from any CA' }],
  snippets: [
    {
      caption: 'With the list as a file',
      file: '/etc/nginx/conf.d/mutual-tls.conf',
      language: 'nginx',
      text: lines(`
server {
  listen 443 ssl;
  server_name www.example.com;
  ssl_certificate     /etc/nginx/tls/server.crt;
  ssl_certificate_key /etc/nginx/tls/server.key;

  ssl_client_certificate /etc/certmate/ca.pem;
  ssl_crl                /etc/certmate/crl.pem;
  ssl_verify_client      on;
  ssl_session_cache      off;
  ssl_session_tickets    off;

  location / {
    proxy_set_header X-Client-Subject $ssl_client_s_dn;
    proxy_pass http://127.0.0.1:3000;
  }
}
`),
    },
    {
      caption: 'Or with OCSP (nginx 1.19 or newer)',
      file: '/etc/nginx/conf.d/mutual-tls.conf',
      language: 'nginx',
      text: lines(`
server {
  listen 443 ssl;
  server_name www.example.com;
  ssl_certificate     /etc/nginx/tls/server.crt;
  ssl_certificate_key /etc/nginx/tls/server.key;

  ssl_client_certificate /etc/certmate/ca.pem;
  ssl_verify_client      on;
  ssl_ocsp               leaf;
  ssl_ocsp_responder     ${ocsp};

  location / {
    proxy_set_header X-Client-Subject $ssl_client_s_dn;
    proxy_pass http://127.0.0.1:3000;
  }
}
`),
    },
  ],
  reload: 'systemctl reload nginx',
  notes: [
    'With OCSP, nginx needs a `resolver` directive if the address has a host name in it, asks over plain http only, and refuses everybody while CertMate is down. `ssl_ocsp_cache` makes it ask less often, and revocations count later by as much.',
    'Without the two `ssl_session` lines, a shared cache survives the reload and lets a revoked client take up its old TLS session.',
    'A refused client gets the page “400 The SSL certificate error”.',
  ],
});

export const haproxy = (): Guide => ({
  id: 'haproxy',
  title: 'HAProxy',
  effect: WITH_THE_LIST,
  files: [
    { path: '/etc/haproxy/server.pem', what: 'what the server shows its clients: certificate, chain and private key' },
  ],
  snippets: [
    {
      caption: 'A frontend for clients with a certificate',
      file: '/etc/haproxy/haproxy.cfg',
      language: 'haproxy',
      text: lines(`
frontend mutual-tls
  mode http
  bind :443 ssl crt /etc/haproxy/server.pem ca-file /etc/certmate/ca.pem crl-file /etc/certmate/crl.pem verify required
  http-request set-header X-Client-Subject %[ssl_c_s_dn]
  default_backend application
`),
    },
  ],
  reload: 'systemctl reload haproxy',
  notes: ['HAProxy reads the list only when it starts or reloads.'],
});

export const apache = (): Guide => ({
  id: 'apache',
  title: 'Apache',
  effect: WITH_THE_LIST,
  files: [{ path: '/etc/apache2/tls/server.crt, server.key', what: 'what the server shows its clients; from any CA' }],
  snippets: [
    {
      caption: 'A site for clients with a certificate',
      file: '/etc/apache2/sites-available/mutual-tls.conf',
      language: 'apache',
      text: lines(`
<VirtualHost *:443>
  ServerName www.example.com
  DocumentRoot /var/www/html
  SSLEngine on
  SSLCertificateFile    /etc/apache2/tls/server.crt
  SSLCertificateKeyFile /etc/apache2/tls/server.key

  SSLCACertificateFile  /etc/certmate/ca.pem
  SSLCARevocationFile   /etc/certmate/crl.pem
  SSLCARevocationCheck  leaf
  SSLVerifyClient       require
</VirtualHost>
`),
    },
  ],
  reload: 'systemctl reload apache2',
  notes: [
    'It needs mod_ssl (`a2enmod ssl`). On other systems than Debian the service is called httpd.',
    'Apache can ask by OCSP as well (`SSLOCSPEnable`), but does not ask again when a client takes up an old TLS session: the list is the better choice.',
  ],
});
