/** What the form that issues a certificate shows: the fields, what the profile makes of them, and what is in a CSR. */
import type { CertificateParts, IssuingRules } from './certificate-services.js';
import { type CsrView, csrView } from './csr-view.js';
import { blankForm, type Problems, type Suggested, suggestionText, type Typed } from './issue-form.js';
import { keyChoices, longestLifetime, type ProfileView, profileView, usualLifetime } from './profile-facts.js';
import { CERTIFICATE_TYPES } from './wording.js';

export interface IssuePage {
  formId: string;
  typed: Typed;
  problems: Problems;
  /** A usage that nothing has yet, to be confirmed, and the known one that is likely meant; null for nothing to ask. */
  newUsage: NewUsage | null;
  blank: Typed;
  /** What the profile puts into fields, for the next look at them. */
  suggested: string;
  profile: ProfileView;
  keyTypes: [string, string][];
  certificateTypes: [string, string][];
  /** Usages offered while typing, each with what it is for. */
  usages: { name: string; what: string }[];
  /** The most that may be typed as lifetime; empty where only the CA limits it. */
  longest: string;
  caEnds: string;
  inspected: CsrView | null;
}

export interface NewUsage {
  usage: string;
  likely: string | null;
}

/** Usages of one's own that are offered while typing. */
const OFFERED = 50;

/** What a request for a usage starts from. */
export function suggestedFor(profile: IssuingRules, usual: { keyType: string; days: number }): Suggested {
  const { count, unit } = usualLifetime(profile, usual.days);
  return { key_type: profile.keyType(usual.keyType as never), lifetime: String(count), lifetime_unit: unit };
}

/** The profile of what was typed as usage; that of other usages while it is not a usage yet. */
export function profileOf({ profiles }: Pick<CertificateParts, 'profiles'>, usage: string): IssuingRules {
  return profiles.forUsage(/^[a-z0-9][a-z0-9-]{0,31}$/.test(usage) ? usage : 'api-mtls');
}

export function issuePage(
  parts: Pick<CertificateParts, 'profiles' | 'usual' | 'authority' | 'certificates'>,
  form: Pick<IssuePage, 'formId' | 'typed' | 'problems' | 'newUsage' | 'inspected'>,
): IssuePage {
  const { profiles, certificates, authority } = parts;
  const profile = profileOf(parts, form.typed.cert_usage);
  const suggested = suggestedFor(profile, parts.usual());
  const known = new Map(profiles.list().map(({ name, rules }) => [name, rules.description]));
  known.delete('default');
  for (const usage of certificates.commonest('usage', OFFERED)) if (!known.has(usage)) known.set(usage, '');
  return {
    ...form,
    blank: blankForm(suggested),
    suggested: suggestionText(suggested),
    profile: profileView(profile),
    keyTypes: keyChoices(profile),
    certificateTypes: Object.entries(CERTIFICATE_TYPES).filter(([type]) =>
      (profile.rules.certificate_types as string[]).includes(type),
    ),
    usages: [...known].map(([name, what]) => ({ name, what })),
    longest: longestLifetime(profile),
    caEnds: authority.certificate.notAfter.toISOString().slice(0, 10),
  };
}

/** Looks into what was pasted as CSR. @throws CertMateError INVALID_CSR it is none */
export async function inspect(
  { inspectCsr }: Pick<CertificateParts, 'inspectCsr'>,
  typed: Typed,
): Promise<CsrView | null> {
  const csr = typed.csr.trim();
  if (csr === '' || (typed.key_source !== 'csr' && typed.key_source !== '')) return null;
  const usage = /^[a-z0-9][a-z0-9-]{0,31}$/.test(typed.cert_usage) ? typed.cert_usage : 'api-mtls';
  const type = typed.certificate_type in CERTIFICATE_TYPES ? typed.certificate_type : 'client';
  return csrView(await inspectCsr({ csr, cert_usage: usage, certificate_type: type as never }));
}
