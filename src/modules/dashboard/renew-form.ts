/** The form that renews a certificate: what it offers, what it sends, what is wrong with that. */
import type { CertMateError } from '../../errors.js';
import { type RenewFields, renewFields } from './schema.js';
import type { Certificate, RenewalRequest } from './services.js';

/** Every field as it is to be shown again. */
export interface TypedRenewal {
  key: string;
  csr: string;
  days_valid: string;
  revoke_previous: boolean;
  /** Of the certificate that the form was made for. */
  serial_number: string;
}

/** Value, label and hint of each way to a key; the usual one first. */
export function keyChoices({ issuance_method }: Certificate): [RenewFields['key'], string, string][] {
  const fromCsr = issuance_method === 'csr';
  return [
    ...(fromCsr
      ? []
      : [['new', 'A new private key', 'Made here. The safer choice.'] as [RenewFields['key'], string, string]]),
    [
      'reuse',
      'The same key again',
      fromCsr ? 'Its holder only has to fetch the new certificate.' : 'Where the key cannot be exchanged.',
    ],
    ['csr', 'A key that its holder has made', 'Paste the signing request below.'],
  ];
}

/** The form before anybody has touched it. */
export function untouchedRenewal(certificate: Certificate): TypedRenewal {
  const [[key] = ['new']] = keyChoices(certificate);
  return { key, csr: '', days_valid: '', revoke_previous: false, serial_number: certificate.serial_number };
}

/** What was sent, as a request or with what is wrong with it. */
export function readRenewForm(
  body: unknown,
): { typed: TypedRenewal; request: RenewalRequest } | { typed: TypedRenewal; problems: Record<string, string> } {
  const sent = (body ?? {}) as Record<string, unknown>;
  const textOf = (name: string) => (typeof sent[name] === 'string' ? sent[name] : '');
  const typed: TypedRenewal = {
    key: textOf('key'),
    csr: textOf('csr'),
    days_valid: textOf('days_valid'),
    revoke_previous: sent['revoke_previous'] === 'on',
    serial_number: textOf('serial_number'),
  };
  const fields = renewFields.safeParse(body);
  if (!fields.success) {
    const problems = fields.error.issues.map(({ path, message }) => [String(path[0]), message] as const);
    // A radio button has no place of its own for a message.
    return {
      typed,
      problems: Object.fromEntries(problems.map(([name, text]) => [name === 'key' ? 'form' : name, text])),
    };
  }
  const { key, csr, days_valid, revoke_previous } = fields.data;
  const request: RenewalRequest = {
    revoke_previous: revoke_previous === 'on',
    ...(key === 'reuse' ? { reuse_key: true } : {}),
    ...(key === 'csr' ? { csr } : {}),
    ...(days_valid === '' ? {} : { days_valid: Number(days_valid) }),
  };
  return { typed, request };
}

/** What the refusal of a renewal means for the form. */
export function problemsOfRenewal({ code, message, details }: CertMateError): Record<string, string> {
  if (code === 'INVALID_CSR' || code === 'WEAK_KEY') return { csr: message };
  return details?.some(({ path }) => path === 'days_valid') ? { days_valid: message } : { form: message };
}
