/** How a machine gets the CA's certificate and its revocation list, and keeps the list fresh. */
import { type Addresses, lines, type Snippet } from './guide.js';

/** The script that fetches, checks and replaces the list, and has servers reload it. */
export function fetchScript({ crl }: Addresses): Snippet {
  return {
    caption: 'The script that fetches the list, checks it, puts it in place and has servers reload it',
    file: '/usr/local/sbin/certmate-crl',
    language: 'sh',
    text: lines(`
#!/bin/sh
# Fetches the revocation list of CertMate and, when it has changed, lets servers read it again.
set -eu
cd /etc/certmate
new=$(mktemp -p .)
trap 'rm -f "$new" "$new.both"' EXIT
trap 'exit 1' HUP INT TERM

curl -fsS --max-time 60 -o "$new" ${crl}

# Only a list that this CA has signed. What openssl says decides: OpenSSL 3.0 exits with 0 even if the signature is wrong.
if ! openssl crl -in "$new" -CAfile ca.pem -noout 2>&1 | grep -qx 'verify OK'; then
  echo 'certmate-crl: what came is not a list of the CA in ca.pem; the old one stays' >&2
  exit 1
fi

# Never back to an older list: somebody in between may have kept one from before a revocation.
number() { printf '%64s\\n' "$(openssl crl -in "$1" -noout -crlnumber)"; }
if [ -s crl.pem ] && [ "$(number "$new")" != "$( (number crl.pem; number "$new") | LC_ALL=C sort | tail -n 1)" ]; then
  echo 'certmate-crl: what came is older than the list in use, which stays' >&2
  exit 1
fi

# The lists of CAs above this one, if there are any.
[ ! -e other-crls.pem ] || cat other-crls.pem >> "$new"

if ! cmp -s "$new" crl.pem || [ ! -e ca-and-crl.pem ]; then
  # For servers that want CA and list in one file, or a directory with a link named after the CA's hash for each.
  cat ca.pem "$new" > "$new.both"
  chmod 644 "$new" "$new.both"
  sync "$new" "$new.both"
  mkdir -p -m 755 hashed
  ln -sf ../ca.pem "hashed/$(openssl x509 -in ca.pem -noout -hash).0"
  ln -sf ../crl.pem "hashed/$(openssl crl -in "$new" -noout -hash).r0"
  touch reload-due
  mv -f "$new.both" ca-and-crl.pem
  mv -f "$new" crl.pem
fi

# A reload that fails is tried again the next time.
if [ -e reload-due ]; then
  [ ! -e reload ] || sh -e ./reload
  rm -f reload-due
fi
`),
  };
}

/** What is done once on each machine, before any server is told of the files. */
export function firstSteps({ ca }: Addresses): Snippet {
  return {
    caption:
      'Fetch the CA’s certificate, compare its fingerprint with the one on the dashboard, and fetch the first list',
    file: null,
    language: 'sh',
    text: lines(`
mkdir -p /etc/certmate
curl -fsS -o /etc/certmate/ca.pem ${ca}
openssl x509 -in /etc/certmate/ca.pem -noout -subject -fingerprint -sha256

chmod 755 /usr/local/sbin/certmate-crl
/usr/local/sbin/certmate-crl
`),
  };
}

/** The script every five minutes, by systemd. */
export const timer: Snippet[] = [
  {
    caption: 'The script as a service of systemd',
    file: '/etc/systemd/system/certmate-crl.service',
    language: 'ini',
    text: lines(`
[Unit]
Description=Fetch the revocation list of CertMate
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/certmate-crl
`),
  },
  {
    caption: 'Every five minutes',
    file: '/etc/systemd/system/certmate-crl.timer',
    language: 'ini',
    text: lines(`
[Unit]
Description=Fetch the revocation list of CertMate every five minutes

[Timer]
OnCalendar=*:0/5
RandomizedDelaySec=30
Persistent=true

[Install]
WantedBy=timers.target
`),
  },
  {
    caption: 'Start it',
    file: null,
    language: 'sh',
    text: lines(`
systemctl daemon-reload
systemctl enable --now certmate-crl.timer
`),
  },
];

/** The script every five minutes, by cron. */
export const cron: Snippet = {
  caption: 'The same by cron, where there is no systemd',
  file: '/etc/cron.d/certmate-crl',
  language: 'sh',
  text: lines(`
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
*/5 * * * * root /usr/local/sbin/certmate-crl
`),
};
