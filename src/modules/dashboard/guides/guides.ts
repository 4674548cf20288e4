/** The one source of what page and docs say about making servers check our certificates; the tests run servers with it. */
import { addressesOf, type Guide, type Snippet } from './guide.js';
import { node } from './node.js';
import { cron, fetchScript, firstSteps, timer } from './revocation-list.js';
import { mosquitto, postgresql, stunnel } from './services.js';
import { openvpn, strongswan } from './vpn.js';
import { apache, haproxy, nginx } from './web-servers.js';

export interface Guides {
  /** What holds for every server. */
  about: string[];
  /** Once on each machine: the script, then the commands. */
  prepare: Snippet[];
  /** How the list stays fresh: by systemd, or by cron. */
  timer: Snippet[];
  cron: Snippet;
  servers: Guide[];
}

/** Headings that page and docs share. */
export const PAGE = {
  title: 'Let servers check certificates',
  prepare: 'Once on each machine',
  fresh: 'Keep the list fresh',
};

const ABOUT = [
  'A server reads two files: `/etc/certmate/ca.pem`, the CA’s certificate, and `/etc/certmate/crl.pem`, its list of revoked certificates. The list is signed and has an end: servers refuse everybody once it has passed. CertMate publishes a new one with each revocation and when half of the time is over; a script fetches it every five minutes.',
  'The script changes nothing unless what it got is signed by the CA and no older than what is there, and never leaves half a file.',
  'A connection that is open when its certificate is revoked stays open; what is refused is the next one.',
  'If your CA is below another one, most servers want to see the whole chain: append the certificates above it to `ca.pem`, and put their lists into `/etc/certmate/other-crls.pem`; the script adds them.',
];

/** Everything with the addresses of one instance filled in. @param publicUrl without a slash at its end */
export function guides({ publicUrl }: { publicUrl: string }): Guides {
  const addresses = addressesOf(publicUrl);
  return {
    about: ABOUT,
    prepare: [fetchScript(addresses), firstSteps(addresses)],
    timer,
    cron,
    servers: [
      nginx(addresses),
      haproxy(),
      apache(),
      openvpn(),
      strongswan(),
      mosquitto(),
      stunnel(addresses),
      postgresql(),
      node(),
    ],
  };
}
