/** How mosquitto, stunnel and PostgreSQL let in whoever has a certificate that counts. */
import { type Addresses, type Guide, lines } from './guide.js';
import { LIST_OR_OCSP, WITH_THE_LIST } from './web-servers.js';

export const mosquitto = (): Guide => ({
  id: 'mosquitto',
  title: 'mosquitto',
  effect: WITH_THE_LIST,
  files: [
    {
      path: '/etc/mosquitto/certs/server.crt, server.key',
      what: 'what the server shows its clients; the user mosquitto must be able to read the key',
    },
  ],
  snippets: [
    {
      caption: 'A listener for clients with a certificate',
      file: '/etc/mosquitto/conf.d/mutual-tls.conf',
      language: 'text',
      text: lines(`
listener 8883
cafile /etc/certmate/ca.pem
crlfile /etc/certmate/crl.pem
certfile /etc/mosquitto/certs/server.crt
keyfile /etc/mosquitto/certs/server.key
require_certificate true
use_identity_as_username true
`),
    },
  ],
  reload: 'systemctl reload mosquitto',
  notes: ['The common name of the certificate is the user name, in access lists too.'],
});

export const stunnel = ({ ocsp }: Addresses): Guide => ({
  id: 'stunnel',
  title: 'stunnel',
  effect: LIST_OR_OCSP,
  files: [{ path: '/etc/stunnel/server.crt, server.key', what: 'what the server shows its clients; from any CA' }],
  snippets: [
    {
      caption: 'With the list as a file',
      file: '/etc/stunnel/mutual-tls.conf',
      language: 'ini',
      text: lines(`
foreground = yes

[mutual-tls]
accept = 443
connect = 127.0.0.1:3000
cert = /etc/stunnel/server.crt
key = /etc/stunnel/server.key
CAfile = /etc/certmate/ca.pem
CRLfile = /etc/certmate/crl.pem
verifyChain = yes
`),
    },
    {
      caption: 'Or with OCSP',
      file: '/etc/stunnel/mutual-tls.conf',
      language: 'ini',
      text: lines(`
foreground = yes

[mutual-tls]
accept = 443
connect = 127.0.0.1:3000
cert = /etc/stunnel/server.crt
key = /etc/stunnel/server.key
CAfile = /etc/certmate/ca.pem
OCSP = ${ocsp}
sessionResume = no
verifyChain = yes
`),
    },
  ],
  reload: 'systemctl kill --signal=HUP stunnel@mutual-tls',
  notes: [
    'Started by `systemctl enable --now stunnel@mutual-tls`.',
    'With OCSP, `sessionResume = no` makes it ask again when a client takes up an old TLS session.',
  ],
});

export const postgresql = (): Guide => ({
  id: 'postgresql',
  title: 'PostgreSQL',
  effect: WITH_THE_LIST,
  files: [
    {
      path: '/etc/postgresql/tls/server.crt, server.key',
      what: 'what the server shows its clients; the key belongs to the user postgres, with mode 0600',
    },
  ],
  snippets: [
    {
      caption: 'TLS',
      file: '/etc/postgresql/15/main/conf.d/mutual-tls.conf',
      language: 'ini',
      text: lines(`
ssl = on
ssl_cert_file = '/etc/postgresql/tls/server.crt'
ssl_key_file = '/etc/postgresql/tls/server.key'
ssl_ca_file = '/etc/certmate/ca.pem'
ssl_crl_file = '/etc/certmate/crl.pem'
`),
    },
    {
      caption: 'Only with a certificate whose common name is the name of the database user',
      file: '/etc/postgresql/15/main/pg_hba.conf',
      language: 'text',
      text: 'hostssl all all all cert',
    },
  ],
  reload: 'systemctl reload postgresql',
  notes: ['A line of `pg_hba.conf` counts only if no line above it fits: take other `host` lines away.'],
});
