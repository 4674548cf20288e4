/** How OpenVPN and strongSwan let in whoever has a certificate that counts. */
import { type Guide, lines } from './guide.js';
import { WITH_THE_LIST } from './web-servers.js';

export const openvpn = (): Guide => ({
  id: 'openvpn',
  title: 'OpenVPN',
  effect: 'A revocation counts within about five minutes: OpenVPN looks at the list for each connection.',
  files: [
    { path: '/etc/openvpn/server/server.crt, server.key', what: 'issued here, with the certificate type `server`' },
  ],
  snippets: [
    {
      caption: 'The server',
      file: '/etc/openvpn/server/server.conf',
      language: 'openvpn',
      text: lines(`
port 1194
proto udp
dev tun
topology subnet
server 10.8.0.0 255.255.255.0
keepalive 10 60

ca   /etc/certmate/ca.pem
cert /etc/openvpn/server/server.crt
key  /etc/openvpn/server/server.key
dh   none
crl-verify /etc/certmate/crl.pem
remote-cert-tls client
`),
    },
    {
      caption: 'Each client',
      file: 'client.ovpn',
      language: 'openvpn',
      text: lines(`
client
dev tun
proto udp
remote vpn.example.com 1194
nobind

ca   ca.pem
cert alice.crt
key  alice.key
remote-cert-tls server
`),
    },
  ],
  reload: null,
  notes: [
    'A tunnel that is up stays up until its keys are renegotiated (`reneg-sec`, an hour by default); then it is refused.',
    'An OpenVPN that has changed into a `chroot` no longer sees `/etc/certmate`: put that folder inside.',
  ],
});

export const strongswan = (): Guide => ({
  id: 'strongswan',
  title: 'strongSwan',
  effect: WITH_THE_LIST,
  files: [
    {
      path: '/etc/swanctl/x509/server.crt, /etc/swanctl/private/server.key',
      what: 'issued here, with the certificate type `server` and its host name among the alternative names',
    },
  ],
  snippets: [
    {
      caption: 'IKEv2 for clients with a certificate',
      file: '/etc/swanctl/conf.d/mutual.conf',
      language: 'text',
      text: lines(`
connections {
  mutual {
    version = 2
    pools = clients
    local {
      auth = pubkey
      certs = server.crt
      id = vpn.example.com
    }
    remote {
      auth = pubkey
      cacerts = /etc/certmate/ca.pem
      revocation = strict
    }
    children {
      net {
        local_ts = 0.0.0.0/0
      }
    }
  }
}

pools {
  clients {
    addrs = 10.9.0.0/24
  }
}

authorities {
  certmate {
    cacert = /etc/certmate/ca.pem
    crl_uris = file:///etc/certmate/crl.pem
  }
}
`),
    },
  ],
  reload: 'swanctl --flush-certs',
  notes: [
    'It asks by OCSP first, at the address in the certificate, remembers answers until they run out, and uses the list where there is no answer. The printed command makes it forget answers and list.',
    'It fetches both with its curl plugin (on Debian in the package libstrongswan-extra-plugins).',
    'A tunnel that is up stays up; `reauth_time` sets when its certificate is looked at again.',
  ],
});
