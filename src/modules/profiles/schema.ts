/** An issuing profile as JSON: what is stored, sent and shown. */
import { z } from 'zod';
import { extendedKeyUsageName, isLeafExtendedKeyUsage } from '../../pki/extensions.js';
import { isVisible } from '../../pki/visible-text.js';
import { compileGlob } from './glob.js';

const CERTIFICATE_TYPES = ['client', 'server', 'device', 'iot'] as const;
/** Keys that are made here, and those that only a CSR brings. An RSA key counts as the largest of these that it reaches. */
const MADE_KEY_TYPES = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519'] as const;
const KEY_TYPES = [...MADE_KEY_TYPES, 'ec-p521'] as const;
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
] as const;
const NAME_KINDS = ['email', 'dns', 'ip', 'uri', 'upn', 'xmpp', 'dirname', 'rid'] as const;
/** Subject field → most characters (RFC 5280 appendix A.1). */
const SUBJECT_FIELDS = {
  common_name: 64,
  organization: 64,
  organizational_unit: 64,
  country: 2,
  state: 128,
  locality: 128,
} as const;
const subjectField = z.enum(Object.keys(SUBJECT_FIELDS) as (keyof typeof SUBJECT_FIELDS)[]);

const days = z.int().min(1).max(3650).nullable().default(null);
const hours = z.int().min(1).max(8760).nullable().default(null);

const patterns = z
  .array(
    z
      .string()
      .min(1, 'must not be empty')
      .max(128, 'must have at most 128 characters')
      .superRefine((text, context) => {
        try {
          compileGlob(text);
        } catch (error) {
          context.addIssue(error instanceof Error ? error.message : 'is not a pattern');
        }
      }),
  )
  .min(1, 'must have at least one pattern')
  .max(20, 'must have at most 20 patterns')
  .meta({
    description:
      'The whole value must match one of these: * stands for any characters of one part (a label, a path segment), ** for any characters.',
    example: ['*.example.com'],
  });

const extendedKeyUsage = z
  .string()
  .max(128)
  .overwrite(extendedKeyUsageName)
  .refine(isLeafExtendedKeyUsage, 'must be the name or dotted OID of an extended key usage that a leaf may have');

const rules = z
  .strictObject({
    description: z.string().max(500).default(''),
    certificate_types: z
      .array(z.enum(CERTIFICATE_TYPES))
      .min(1)
      .max(4)
      .default([...CERTIFICATE_TYPES]),
    key_types: z
      .array(z.enum(KEY_TYPES))
      .min(1)
      .max(KEY_TYPES.length)
      .default([...KEY_TYPES])
      .meta({ description: 'An RSA key in a CSR counts as the largest of these that it reaches.' }),
    default_key_type: z
      .enum(MADE_KEY_TYPES)
      .nullable()
      .default(null)
      .meta({ description: 'null: the default of the installation, or the first key type allowed.' }),
    lifetime: z
      .strictObject({ default_days: days, default_hours: hours, max_days: days, max_hours: hours })
      .prefault({})
      .meta({
        description:
          'Days or hours, not both. Unless given: what the settings say (365 days), and no maximum but the CA’s own end.',
      }),
    key_usage: z
      .strictObject({
        allowed: z
          .array(z.enum(KEY_USAGES))
          .min(1)
          .max(KEY_USAGES.length)
          .default([...KEY_USAGES]),
        default: z
          .array(z.enum(KEY_USAGES))
          .min(1)
          .max(KEY_USAGES.length)
          .nullable()
          .default(null)
          .meta({ description: 'Those that do not fit the key are left out. null: what the key is usually for.' }),
      })
      .prefault({}),
    extended_key_usage: z
      .strictObject({
        allowed: z.array(extendedKeyUsage).min(1).max(50).nullable().default(null).meta({ description: 'null: any.' }),
        default: z
          .array(extendedKeyUsage)
          .min(1)
          .max(20)
          .nullable()
          .default(null)
          .meta({ description: 'null: serverAuth for servers, else clientAuth.' }),
      })
      .prefault({}),
    subject_alt_names: z
      .strictObject({
        kinds: z
          .array(z.enum(NAME_KINDS))
          .max(NAME_KINDS.length)
          .default([...NAME_KINDS]),
        required: z
          .array(z.enum(NAME_KINDS))
          .max(NAME_KINDS.length)
          .default([])
          .meta({ description: 'Of each kind there must be at least one.' }),
        patterns: z.partialRecord(z.enum(NAME_KINDS), patterns).default({}),
        underscores: z.boolean().default(false).meta({
          description: 'Allows underscores in dns: names, which host names must not have (RFC 1123).',
        }),
      })
      .prefault({}),
    subject: z
      .strictObject({
        required: z.array(subjectField).max(6).default([]),
        fixed: z
          .partialRecord(subjectField, z.string().min(1, 'must not be empty').max(128))
          .default({})
          .meta({ description: 'Filled in where a request leaves it out; another value is refused.' }),
        patterns: z.partialRecord(subjectField, patterns).default({}),
      })
      .prefault({}),
  })
  .superRefine(consistent);

export const profileRules = rules.meta({ id: 'ProfileRules' });

export type ProfileRules = z.output<typeof rules>;
export type ProfileRulesInput = z.input<typeof rules>;
export type KeyKind = (typeof KEY_TYPES)[number];

/** What contradicts itself would refuse every request, with no way for its sender to see why. */
function consistent(profile: ProfileRules, context: Pick<z.RefinementCtx, 'addIssue'>): void {
  const problem = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  const { default_key_type, key_types, lifetime, key_usage, extended_key_usage, subject_alt_names, subject } = profile;
  if (default_key_type !== null && !key_types.includes(default_key_type)) {
    problem(['default_key_type'], 'must be one of key_types');
  }
  for (const bound of ['default', 'max'] as const) {
    if (lifetime[`${bound}_days`] !== null && lifetime[`${bound}_hours`] !== null) {
      problem(['lifetime', `${bound}_hours`], `must not be given together with ${bound}_days`);
    }
  }
  const least = inHours(lifetime.default_days, lifetime.default_hours);
  const most = inHours(lifetime.max_days, lifetime.max_hours);
  if (least !== null && most !== null && least > most) {
    problem(
      ['lifetime', lifetime.default_days === null ? 'default_hours' : 'default_days'],
      'is more than the maximum',
    );
  }
  if (key_usage.default?.some((usage) => !key_usage.allowed.includes(usage)) === true) {
    problem(['key_usage', 'default'], 'must be among key_usage.allowed');
  }
  const { allowed } = extended_key_usage;
  const usual = profile.certificate_types.map((type) => (type === 'server' ? 'serverAuth' : 'clientAuth'));
  if (allowed !== null && (extended_key_usage.default ?? usual).some((usage) => !allowed.includes(usage))) {
    const message = 'must be among extended_key_usage.allowed (unless given: serverAuth for servers, else clientAuth)';
    problem(['extended_key_usage', 'default'], message);
  }
  const purposes = extended_key_usage.default ?? [];
  if (purposes.includes('timeStamping') && purposes.length > 1)
    problem(['extended_key_usage', 'default'], 'must not have timeStamping together with others (RFC 3161 §2.3)');
  if (subject_alt_names.required.some((kind) => !subject_alt_names.kinds.includes(kind))) {
    problem(['subject_alt_names', 'required'], 'must be among subject_alt_names.kinds');
  }
  for (const [field, value] of Object.entries(subject.fixed)) {
    const most = SUBJECT_FIELDS[field as keyof typeof SUBJECT_FIELDS];
    if ([...value].length > most) problem(['subject', 'fixed', field], `must have at most ${most} characters`);
    if (!isVisible(value))
      problem(
        ['subject', 'fixed', field],
        'must not contain control or invisible characters, and must contain a visible one',
      );
    if (field === 'country' && !/^[A-Z]{2}$/.test(value))
      problem(['subject', 'fixed', field], 'must be two capital letters');
  }
}

function inHours(days: number | null, hours: number | null): number | null {
  return days === null ? hours : days * 24;
}

export const profileResource = z
  .object({
    name: z.string(),
    origin: z.enum(['built-in', 'own']).meta({ description: 'An own profile goes before a built-in one of its name.' }),
    ...rules.shape,
  })
  .meta({ id: 'Profile' });

export const profileList = z.object({ profiles: z.array(profileResource) });

export const profileParams = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 of a-z, 0-9 and -, and must not begin with -'),
});
