/** What servers and libraries check of client certificates: a table for docs/relying-parties.md. */

interface Row {
  name: string;
  /** Whether it checks CRLs, and by which setting. */
  crl: string;
  /** Whether it asks OCSP about client certificates, and by which setting. */
  ocsp: string;
  /** How it takes a new list. */
  reload: string;
  /** What becomes of clients when the list has expired. */
  expired: string;
  /** Which part of the certificate it makes a name of. */
  maps: string;
}

const NONE = '–';

/** Those that this page sets up and the tests run are marked by a link. */
const ROWS: readonly Row[] = [
  {
    name: '[nginx](#nginx)',
    crl: '`ssl_crl`',
    ocsp: '`ssl_ocsp` (asks, caches)',
    reload: '`nginx -s reload`',
    expired: 'refused',
    maps: '`$ssl_client_s_dn`, `$ssl_client_serial`',
  },
  {
    name: '[HAProxy](#haproxy)',
    crl: '`crl-file`',
    ocsp: NONE,
    reload: 'reload, or `set ssl crl-file`',
    expired: 'refused',
    maps: '`ssl_c_s_dn`, `ssl_c_serial`',
  },
  {
    name: '[Apache](#apache)',
    crl: '`SSLCARevocationFile`, `SSLCARevocationCheck`',
    ocsp: '`SSLOCSPEnable`',
    reload: '`apachectl graceful`',
    expired: 'refused',
    maps: '`SSLUserName SSL_CLIENT_S_DN_CN`',
  },
  {
    name: 'Envoy',
    crl: '`validation_context.crl`',
    ocsp: NONE,
    reload: 'a new secret by SDS, a watched directory included',
    expired: 'refused',
    maps: 'URI and DNS names, subject (XFCC, RBAC)',
  },
  { name: 'Traefik, Caddy', crl: 'none', ocsp: 'none', reload: NONE, expired: NONE, maps: 'subject, by headers' },
  {
    name: '[OpenVPN](#openvpn)',
    crl: '`crl-verify`',
    ocsp: 'by a `tls-verify` script',
    reload: 'by itself, at the next connection',
    expired: 'refused',
    maps: 'CN',
  },
  {
    name: '[strongSwan](#strongswan)',
    crl: 'fetches from the CDP',
    ocsp: 'asks at the AIA address',
    reload: 'by itself, when its cached list ends; `swanctl --flush-certs`',
    expired: 'by `revocation`: refused with `strict`',
    maps: 'subject DN, e-mail and DNS names',
  },
  {
    name: 'FreeRADIUS',
    crl: '`check_crl`, `ca_path` = `hashed/`',
    ocsp: '`ocsp { enable }`',
    reload: 'restart',
    expired: 'refused',
    maps: '`TLS-Client-Cert-Common-Name`, e-mail name',
  },
  {
    name: '[mosquitto](#mosquitto)',
    crl: '`crlfile`',
    ocsp: NONE,
    reload: 'SIGHUP',
    expired: 'refused',
    maps: '`use_identity_as_username` (CN), `use_subject_as_username`',
  },
  {
    name: '[stunnel](#stunnel)',
    crl: '`CRLfile`',
    ocsp: '`OCSP`, `OCSPaia`',
    reload: 'SIGHUP',
    expired: 'refused',
    maps: '`checkHost`, `checkEmail`',
  },
  {
    name: '[PostgreSQL](#postgresql)',
    crl: '`ssl_crl_file`, `ssl_crl_dir`',
    ocsp: NONE,
    reload: '`pg_reload_conf()`',
    expired: 'refused',
    maps: 'CN, or the DN text (`clientname=DN`)',
  },
  {
    name: 'MariaDB, MySQL',
    crl: '`ssl_crl`',
    ocsp: NONE,
    reload: '`FLUSH SSL`, `ALTER INSTANCE RELOAD TLS`',
    expired: 'refused',
    maps: '`REQUIRE SUBJECT`: the DN text, in the order of the certificate',
  },
  {
    name: 'Kafka and others on Java',
    crl: '`com.sun.security.enableCRLDP` with `com.sun.net.ssl.checkRevocation`',
    ocsp: '`ocsp.enable`',
    reload: 'fetches by itself',
    expired: 'refused',
    maps: 'DN text (`ssl.principal.mapping.rules`)',
  },
  {
    name: 'RabbitMQ and others on Erlang',
    crl: '`crl_check`, `crl_cache` (by http)',
    ocsp: NONE,
    reload: 'fetches by itself',
    expired: 'refused',
    maps: 'CN, DN or a SAN (`ssl_cert_login_from`)',
  },
  {
    name: 'NATS',
    crl: NONE,
    ocsp: '`ocsp_peer` (keeps answers as long as they hold)',
    reload: 'by itself',
    expired: NONE,
    maps: '`verify_and_map`: e-mail, DNS name or DN',
  },
  {
    name: 'etcd',
    crl: '`--client-crl-file`',
    ocsp: NONE,
    reload: 'by itself, at each handshake',
    expired: '**let in**: it looks at serial numbers only',
    maps: 'CN',
  },
  {
    name: 'slapd (Debian, GnuTLS)',
    crl: '`TLSCRLFile`',
    ocsp: NONE,
    reload: 'restart',
    expired: '**let in**',
    maps: 'DN text (`authz-regexp`)',
  },
  {
    name: 'Dovecot',
    crl: '`ssl_require_crl`; the list in `ssl_ca`, so `ca-and-crl.pem`',
    ocsp: NONE,
    reload: '`doveadm reload`',
    expired: 'refused',
    maps: 'CN (`ssl_cert_username_field`)',
  },
  {
    name: 'Postfix, Redis, vsftpd, PHP',
    crl: 'none',
    ocsp: 'none',
    reload: NONE,
    expired: NONE,
    maps: 'fingerprint or CN, if anything',
  },
  {
    name: 'ProFTPD',
    crl: '`TLSCARevocationFile`: has a bug, try it with a revoked certificate',
    ocsp: 'none',
    reload: 'restart',
    expired: 'try it',
    maps: 'CN or e-mail name (`TLSUserName`)',
  },
  { name: 'gRPC', crl: 'none by default', ocsp: 'none', reload: NONE, expired: NONE, maps: 'SANs, by the application' },
  {
    name: '[Node.js](#nodejs)',
    crl: '`crl`',
    ocsp: 'none',
    reload: '`setSecureContext`',
    expired: 'refused',
    maps: '`getPeerX509Certificate()`',
  },
  {
    name: 'Go (`crypto/tls`), Kubernetes',
    crl: 'none; in Go by `VerifyConnection`',
    ocsp: 'none; likewise',
    reload: NONE,
    expired: NONE,
    maps: 'CN and O (Kubernetes: user and groups)',
  },
];

const NOTES = [
  '“None” means: a revoked certificate is let in until it expires. Give such servers certificates that live for hours (`hours_valid`), or put one of the others in front.',
  'A revocation counts at once *here*: when the call returns, CRL and OCSP say so. A server that keeps answers goes on with one for as long as it holds: a CRL until it is fetched again, an OCSP answer for up to `CERTMATE_OCSP_HOURS` (24; 1 is the least). NATS keeps OCSP answers for so long, nginx with `ssl_ocsp_cache`. Set it to 1 where that matters.',
  'Key types: everything here takes RSA and EC P-256. Envoy by default, gRPC core and Kafka clients with PEM files refuse Ed25519.',
  'Servers that compare DN text (Kafka, MariaDB, PostgreSQL with `clientname=DN`, slapd) want the attributes in one order: that of the CSR, or of the request.',
  'A certificate of type `server` has the purpose serverAuth alone. What is server and client at once, such as an etcd peer, needs both: ask for `"extended_key_usage": ["serverAuth", "clientAuth"]`.',
  'Most servers refuse all clients once the list has expired; etcd and slapd go on letting them in. Watch its age (docs/operations.md).',
  '`/etc/certmate/ca-and-crl.pem` and the links in `/etc/certmate/hashed/` come from the script above.',
];

/** The table with its notes, as Markdown. */
export function serverTable(): string {
  const head = ['server', 'CRL', 'OCSP', 'takes a new list', 'with an expired list clients are', 'makes a name of'];
  const rows = ROWS.map(({ name, crl, ocsp, reload, expired, maps }) => [name, crl, ocsp, reload, expired, maps]);
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${table}\n\n${NOTES.map((note) => `- ${note}`).join('\n')}`;
}
