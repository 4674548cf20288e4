/**
 * What a damaged `metadata.json` still tells: every pair of a name and a value that can be read of it, whether it is JSON in
 * another form than ours, cut short, or the text of a Python dictionary. In doubt it counts as revoked.
 */
import { REVOCATION_REASONS, type RevocationReason, type Timestamp } from '../types.js';
import { textOf } from './text-encoding.js';

/** A revocation as far as it can be read. */
export interface ReadableRevocation {
  revoked_at: Timestamp | null;
  reason_revoked: RevocationReason;
  invalidity_date: Timestamp | null;
}

export interface Salvage {
  /** The readings of its serial number, decimal; empty if it has none. */
  serials: string[];
  /** Null if nothing in it says that the certificate is revoked. */
  revocation: ReadableRevocation | null;
  /** By serial number: what it says of revoked certificates that a renewal replaced. */
  replaced: Map<string, ReadableRevocation>;
  /** The first value of each name outside its history, as text. */
  texts: ReadonlyMap<string, string>;
  /** What it is as JSON; null if it is not a JSON object. */
  object: Readonly<Record<string, unknown>> | null;
}

type Pair = readonly [name: string, value: string];

/** The value of an object or list is its bracket, unless it is empty. */
const PAIR =
  /["']?([A-Za-z_]\w*)["']?\s*[:=]\s*("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,{}[\]"']+|[[{](?!\s*[\]}]))/g;
const HISTORY = /["']?(?:history|previous|replaced)["']?\s*:\s*\[/i;
const STRING = /"(?:[^"\\]|\\.)*"/;
/** What stands in a row; a text that only speaks of a history is a value, or a string. */
const TOKEN = new RegExp([HISTORY, PAIR, STRING].map(({ source }) => source).join('|'), 'gi');
/** JSON that was written as a text once more, or through a table: its quotes are escaped or doubled. */
const QUOTED_TWICE = /^\s*["']?\s*\{(?:\s|\\[nrt])*(?:\\"|"")/;
/** Also cut short. */
const NOTHING = /^(?:|n|nu|nul|null|no|non|none|nil|undefined|f|fa|fal|fals|false|never|n\/a|-|0)$/i;

export function salvage(file: Buffer | string): Salvage {
  const written = typeof file === 'string' ? file : textOf(file);
  const text = QUOTED_TWICE.test(written) ? written.replace(/\\[nrt]/g, ' ').replace(/\\"|""/g, '"') : written;
  const { own, history } = apart(text);
  const pairs = pairsIn(own);
  const replaced = new Map<string, ReadableRevocation>();
  for (const entry of history.split('}')) {
    const revocation = revocationIn(pairsIn(entry));
    if (revocation !== null) for (const serial of serialsIn(entry)) replaced.set(serial, revocation);
  }
  const texts = new Map<string, string>();
  for (const [name, value] of pairs) if (!texts.has(name)) texts.set(name, value);
  return { serials: serialsIn(own), revocation: revocationIn(pairs), replaced, texts, object: objectIn(text) };
}

/** RFC 3339 in UTC with whole seconds; a time without a zone is UTC. Null if it is no time. */
export function timeIn(text: string): Timestamp | null {
  const trimmed = text.trim();
  const number = /^\d{9,13}(?:\.\d+)?$/.test(trimmed) ? Number(trimmed) : null;
  const zoned = /(?:Z|[+-]\d\d:?\d\d|GMT|UTC)$/i.test(trimmed) || !/\d:\d/.test(trimmed) ? trimmed : `${trimmed}Z`;
  const time = number === null ? Date.parse(zoned) : number * (number < 1e11 ? 1000 : 1);
  if (Number.isNaN(time) || Math.abs(time) > 8.64e15) return null;
  const iso = new Date(time).toISOString();
  return /^\d{4}-/.test(iso) ? `${iso.slice(0, 19)}Z` : null;
}

/** In any spelling; what is none of RFC 5280's reasons is `unspecified`. */
function reasonIn(text: string): RevocationReason {
  const plain = (words: string): string => words.replace(/[^a-z]/gi, '').toLowerCase();
  if (/^(?:on)?(?:held|hold|suspended)$/.test(plain(text))) return 'certificateHold';
  return REVOCATION_REASONS.find((reason) => plain(reason) === plain(text)) ?? 'unspecified';
}

/** The text without its list of replaced certificates, and that list, which may be cut short. */
function apart(text: string): { own: string; history: string } {
  const found = [...text.matchAll(TOKEN)].find(([token]) => token.search(HISTORY) === 0);
  if (found === undefined) return { own: text, history: '' };
  const start = found.index + found[0].length;
  const end = text.indexOf(']', start);
  if (end === -1) return { own: text.slice(0, found.index), history: text.slice(start) };
  return { own: `${text.slice(0, found.index)}${text.slice(end + 1)}`, history: text.slice(start, end) };
}

function pairsIn(text: string): Pair[] {
  return [...text.matchAll(PAIR)].map(([, name = '', value = '']) => [name, unquoted(value)]);
}

function unquoted(value: string): string {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return value;
  const inner = value.slice(1, value.length > 1 && value.endsWith(quote) ? -1 : undefined);
  try {
    return JSON.parse(`"${inner.replace(/(?<!\\)"/g, '\\"')}"`) as string;
  } catch {
    return inner;
  }
}

/** Null if nothing says that it is revoked. Where one thing says so and another does not, it is. */
function revocationIn(pairs: readonly Pair[]): ReadableRevocation | null {
  let revoked = false;
  let held = false;
  let revokedAt: Timestamp | null = null;
  let reason: RevocationReason | null = null;
  let invalidity: Timestamp | null = null;
  for (const [name, value] of pairs) {
    const said = !NOTHING.test(value.trim());
    if (/^(?:is_?)?revoked$/i.test(name)) revoked ||= said;
    else if (/^(?:revoked_?(?:at|on)|revocation_?(?:date|time))$/i.test(name)) {
      revoked ||= said;
      if (said) revokedAt ??= timeIn(value);
    } else if (/^(?:reason_?revoked|revocation_?reason)$/i.test(name)) {
      revoked ||= said;
      if (said) reason ??= reasonIn(value);
    } else if (/^(?:status|state|certificate_?status|revocation_?status|revocation)$/i.test(name)) {
      if (/^(?:revoked\b|true$)/i.test(value)) revoked = true;
      if (/^(?:held|on.?hold|suspended)$/i.test(value)) held = true;
    } else if (/^invalidity_?date$/i.test(name) && said) invalidity ??= timeIn(value);
  }
  if (!revoked && !held) return null;
  const what = reason ?? (held ? 'certificateHold' : 'unspecified');
  return { revoked_at: revokedAt, reason_revoked: what, invalidity_date: invalidity };
}

/** Digits alone may be decimal or hex. One that the end of the text has cut short says nothing. */
function serialsIn(text: string): string[] {
  const said = /["']?serial(?:_?number)?["']?\s*[:=]\s*["']?(?:0x)?([\dA-Fa-f:]{1,80})(?=["'\s,}])/i.exec(text);
  if (said === null) return [];
  const digits = (said[1] ?? '').replaceAll(':', '');
  const hex = digits === '' ? [] : [BigInt(`0x${digits}`).toString()];
  const isHex = /0x|:.*:/i.test(said[0].slice(said[0].search(/[:=]/) + 1));
  return /^\d+$/.test(digits) && !isHex ? [BigInt(digits).toString(), ...hex] : hex;
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === 'object' && said !== null && !Array.isArray(said) ? (said as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
