/** `show`: everything about one certificate. */
import { serialHex } from '../pki/serial.js';
import { ANY_NAME, findCertificate, NAMES_EXPLAINED, type Resource, statusColour } from './certificates.js';
import { type Command, JSON_FLAG, REMOTE } from './command.js';
import { withApi } from './connection.js';
import { print, printJson } from './place.js';
import { harmless, paint } from './terminal.js';

export const showCommand: Command = {
  summary: 'show one certificate, with its history',
  details: [NAMES_EXPLAINED],
  operands: { name: ANY_NAME, least: 1, most: 1 },
  options: { ...JSON_FLAG, ...REMOTE },
  examples: ['show alice-example-com-3f9c21ab', 'show ./alice.crt --json | jq .revocation', 'show 0x41AF09C2D7'],
  remote: true,
  run: (args) =>
    withApi(args, async (api) => {
      const { resource, serial } = await findCertificate(api, args.operand);
      if (args.flag('json')) printJson(resource);
      else print(...describe(resource, serial));
    }),
};

const WIDTH = 16;

function describe(resource: Resource, serial: string): string[] {
  const { revocation, history } = resource;
  const subject = [resource.organizational_unit, resource.organization, resource.locality, resource.state];
  const names = [...subject, resource.country].filter((part) => part !== null);
  const key = `${resource.key_algorithm} ${resource.key_size}, ${keyPlace(resource)}`;
  const rows: [string, string][] = [
    ['identifier', resource.identifier],
    ['status', paint(resource.status, statusColour(resource))],
    ['common name', resource.common_name],
    ['e-mail', resource.email ?? ''],
    ['subject', names.join(', ')],
    ['names', resource.subject_alt_names.join(', ')],
    ['usage', `${resource.cert_usage} (${resource.certificate_type})`],
    ['for', [...resource.key_usage, ...resource.extended_key_usage].join(', ')],
    ['key', key],
    ['serial number', `${resource.serial_number} (0x${serialHex(resource.serial_number)})`],
    ['SHA-256', resource.fingerprint_sha256],
    ['valid', `${resource.not_before} to ${resource.expires_at}`],
    ['revoked', revocation.revoked ? `${revocation.revoked_at}, ${revocation.reason_revoked}` : ''],
    ['renewed', revocation.revoked ? '' : renewalPlan(resource)],
    ['tags', resource.tags.join(', ')],
    ['notes', resource.notes],
  ];
  for (const replaced of history) {
    const end = replaced.revoked_at === null ? `expires ${replaced.expires_at}` : `revoked ${replaced.revoked_at}`;
    const mark = replaced.serial_number === serial ? ' (the one that was asked for)' : '';
    rows.push(['replaced', `${replaced.serial_number}, ${end}${mark}`]);
  }
  return rows
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(WIDTH)}${name === 'status' ? value : harmless(value)}`);
}

function keyPlace({ has_private_key, issuance_method }: Resource): string {
  if (has_private_key) return 'kept here';
  return issuance_method === 'csr' ? 'made by its holder' : 'not kept here';
}

function renewalPlan({ renewal }: Resource): string {
  if (!renewal.renewal_enabled) return 'not by itself';
  return `by itself, at most ${renewal.renewal_threshold_days} days before it expires`;
}
