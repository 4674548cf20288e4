/** A CSR as it is shown before anything is issued for it: what would be certified, what would not, what is wrong. */
import type { InspectedRequest } from './certificate-services.js';
import { oidText } from './oid-names.js';
import { keyText } from './wording.js';

export interface CsrView {
  acceptable: boolean;
  /** Why it would be refused. */
  reasons: string[];
  signature: string;
  signatureValid: boolean;
  key: string;
  keyFingerprint: string;
  asks: string;
  certified: { label: string; values: string[] }[];
  /** What it asks for and would not get. */
  dropped: string[];
}

const SUBJECT: Record<string, string> = {
  common_name: 'CN',
  organization: 'O',
  organizational_unit: 'OU',
  country: 'C',
  state: 'ST',
  locality: 'L',
};

export function csrView(csr: InspectedRequest): CsrView {
  const { key, certified, dropped } = csr;
  return {
    acceptable: csr.acceptable,
    reasons: csr.reasons.map(({ message }) => message),
    signature: csr.signature_algorithm,
    signatureValid: csr.signature_valid,
    key: key.algorithm === null ? 'of a kind that is not certified' : keyText(key.algorithm, key.size ?? 0),
    keyFingerprint: key.public_key_sha256,
    asks: csr.subject_text,
    certified:
      certified === null
        ? []
        : [
            {
              label: 'Subject',
              values: Object.entries(certified.subject).map(([name, value]) => `${SUBJECT[name]}=${value}`),
            },
            { label: 'Names', values: certified.subject_alt_names },
            { label: 'Key usage', values: certified.key_usage },
            { label: 'Purposes', values: certified.extended_key_usage.map(oidText) },
          ].filter(({ values }) => values.length > 0),
    dropped: [
      ...dropped.subject.map(({ type, value }) => `${type}=${value} of its subject`),
      ...dropped.subject_alt_names.map((kind) => `alternative names of the kind ${kind}`),
      ...dropped.extensions.map(
        ({ oid, name, critical }) => `the extension ${name ?? oidText(oid)}${critical ? ' (critical)' : ''}`,
      ),
      ...dropped.attributes.map(({ oid, name }) => `the attribute ${name ?? oidText(oid)}`),
    ],
  };
}
