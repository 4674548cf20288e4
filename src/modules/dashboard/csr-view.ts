/** A CSR as it is shown before anything is issued for it: what would be certified, what would not, what is wrong. */
import { droppedWords } from '../../dropped-from-csr.js';
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
              values: [certified.subject_text],
            },
            { label: 'Names', values: certified.subject_alt_names },
            { label: 'Key usage', values: certified.key_usage },
            { label: 'Purposes', values: certified.extended_key_usage.map(oidText) },
          ].filter(({ values }) => values.length > 0),
    dropped: droppedWords(dropped, oidText),
  };
}
