/** Keeps secrets, and floods of text, out of the audit log, whatever a caller puts into an event. */

const SECRET_NAME = /^(.*_)?(password|passphrase|secret|token|authorization|cookie|private_key(_pem)?|csrf)$/i;
const SECRET_TEXT =
  /cm_[A-Za-z0-9_-]{43}|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const REDACTED = '[redacted]';

const MAX_TEXT = 500;
const MAX_ITEMS = 50;
const MAX_DEPTH = 4;

/** The details of an event without values under secret names, tokens and private keys; long or deep ones are cut. */
export function redact(details: Record<string, unknown>): Record<string, unknown> {
  return redactValue(details, 0) as Record<string, unknown>;
}

/** Text without tokens and private keys, at most 500 characters of it. */
export function redactText(text: string): string {
  const clean = text.replace(SECRET_TEXT, REDACTED);
  return clean.length > MAX_TEXT ? `${clean.slice(0, MAX_TEXT)}…` : clean;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return REDACTED;
  if (typeof value !== 'object' || value === null) return value;
  if (depth === MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redactValue(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MAX_ITEMS)
      .map(([name, item]) => [
        redactText(name),
        SECRET_NAME.test(name) && holdsText(item) ? REDACTED : redactValue(item, depth + 1),
      ]),
  );
}

/** Numbers, booleans and null say only whether there is a secret. */
function holdsText(value: unknown): boolean {
  return typeof value === 'string' || (typeof value === 'object' && value !== null);
}
