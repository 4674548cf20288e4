/** Names of object identifiers that pages may come upon and that this CA has no rule for. */
const NAMES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.5': 'ipsecEndSystem',
  '1.3.6.1.5.5.7.3.6': 'ipsecTunnel',
  '1.3.6.1.5.5.7.3.7': 'ipsecUser',
  '1.3.6.1.5.5.7.3.13': 'eapOverPPP',
  '1.3.6.1.5.5.7.3.14': 'eapOverLAN',
  '1.3.6.1.5.5.7.3.17': 'ipsecIKE',
  '1.3.6.1.5.5.7.3.21': 'secureShellClient',
  '1.3.6.1.5.5.7.3.22': 'secureShellServer',
  '1.3.6.1.5.5.7.3.36': 'documentSigning',
  '1.3.6.1.5.2.3.4': 'pkinitClientAuth',
  '1.3.6.1.5.2.3.5': 'pkinitKdc',
  '1.3.6.1.4.1.311.10.3.4': 'encryptedFileSystem',
  '1.3.6.1.4.1.311.10.3.12': 'documentSigning (Microsoft)',
  '1.3.6.1.4.1.311.20.2.2': 'smartcardLogon',
  '2.5.29.37.0': 'anyExtendedKeyUsage',
  '2.5.29.18': 'Issuer alternative names',
  '2.5.29.30': 'Name constraints',
  '2.5.29.32': 'Certificate policies',
  '2.5.29.36': 'Policy constraints',
  '2.5.29.46': 'Freshest CRL',
  '1.3.6.1.5.5.7.1.24': 'TLS feature',
  '1.3.6.1.4.1.311.20.2': 'Certificate template (Microsoft)',
  '1.3.6.1.4.1.311.21.7': 'Certificate template (Microsoft)',
  '1.3.6.1.4.1.311.25.2': 'Security identifier (Microsoft)',
  '2.16.840.1.113730.1.1': 'Netscape certificate type',
  '2.16.840.1.113730.1.13': 'Netscape comment',
};

/** `ipsecIKE (1.3.6.1.5.5.7.3.17)` for an object identifier that has a name; any other text as it is. */
export function oidText(text: string): string {
  const name = NAMES[text];
  return name === undefined ? text : `${name} (${text})`;
}
