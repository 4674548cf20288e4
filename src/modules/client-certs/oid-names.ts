/** Names of object identifiers that CSRs ask for or are signed with. */
import { OID } from '../../pki/oids.js';

/** Those that we neither write nor read. */
const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.9.2': 'unstructuredName',
  '1.3.6.1.4.1.311.13.2.2': 'enrolmentCSP',
  '1.3.6.1.4.1.311.13.2.3': 'osVersion',
  '1.3.6.1.4.1.311.20.2': 'certificateTemplateName',
  '1.3.6.1.4.1.311.21.7': 'certificateTemplate',
  '1.3.6.1.4.1.311.21.10': 'applicationPolicies',
  '1.3.6.1.4.1.311.21.20': 'requestClientInfo',
  '1.3.6.1.5.5.7.1.24': 'tlsFeature',
  '2.16.840.1.113730.1.1': 'netscapeCertType',
  '1.2.840.113549.1.1.4': 'rsa-md5',
  '1.2.840.113549.1.1.5': 'rsa-sha1',
  '1.2.840.113549.1.1.10': 'rsa-pss',
  '1.2.840.10045.4.1': 'ecdsa-sha1',
  '1.3.101.113': 'ed448',
};
const NAMES = new Map([
  ...Object.entries(OID).map(([name, oid]) => [oid, name] as const),
  ...Object.entries(FOREIGN_NAMES),
]);

/** The name of an object identifier; null for one that has none here. */
export function nameOfOid(oid: string): string | null {
  return NAMES.get(oid) ?? null;
}
