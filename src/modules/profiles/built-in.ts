/** The profiles that are always there. Each lets a request with nothing but a common name through. */
import type { ProfileRulesInput } from './schema.js';

/** Those of a TLS client, in any of its roles. */
const CLIENT_USAGES = ['clientAuth', 'emailProtection', 'smartcardLogon'];
/** id-kp-ipsecIKE (RFC 4945 §5.1.3.12), id-kp-eapOverLAN (RFC 4334 §2). */
const IPSEC_IKE = '1.3.6.1.5.5.7.3.17';
const EAP_OVER_LAN = '1.3.6.1.5.5.7.3.14';

/** The name of the profile for usages that have none of their own. */
export const FALLBACK = 'default';

export const BUILT_IN: Readonly<Record<string, ProfileRulesInput>> = {
  [FALLBACK]: { description: 'For every usage without a profile of its own: what the API allows.' },
  other: { description: 'Anything else: what the API allows.' },
  'api-mtls': { description: 'Programs and people that call an API over mutual TLS.' },
  vpn: {
    description: 'VPN clients and gateways: OpenVPN, WireGuard front ends, IPsec with IKEv2.',
    extended_key_usage: { allowed: [...CLIENT_USAGES, 'serverAuth', IPSEC_IKE] },
  },
  'user-auth': {
    description: 'People who sign in to web sites, desktops and networks.',
    certificate_types: ['client'],
    extended_key_usage: { allowed: [...CLIENT_USAGES, EAP_OVER_LAN] },
  },
  email: {
    description: 'S/MIME: signed and encrypted mail. Give an e-mail address, or a common name that is one.',
    certificate_types: ['client'],
    extended_key_usage: { allowed: CLIENT_USAGES, default: ['clientAuth', 'emailProtection'] },
  },
  device: {
    description: 'Computers, phones and appliances, on the network and in front of servers.',
    extended_key_usage: { allowed: ['clientAuth', 'serverAuth', IPSEC_IKE, EAP_OVER_LAN] },
  },
  iot: {
    description: 'Sensors and small devices, such as those that talk MQTT.',
    extended_key_usage: { allowed: ['clientAuth', 'serverAuth'] },
  },
  server: {
    description: 'TLS servers, and servers that call others. A certificate of type server needs a dns: or ip: name.',
    extended_key_usage: { allowed: ['serverAuth', 'clientAuth', IPSEC_IKE] },
  },
};
