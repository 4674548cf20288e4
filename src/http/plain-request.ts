/**
 * Reads HTTP requests of the plainest kind (RFC 9112): complete, with nothing in them that asks for more than an answer. It
 * has no opinion on others: they are for a full parser.
 *
 * It must never take for complete, or for harmless, what that parser would read otherwise. So it knows one spelling of
 * everything that counts, and gives up at any other.
 */

/** The longest head that is looked at. */
const MOST_HEAD = 4096;
/** Different heads that are remembered; a client sends the same one with every request. */
const MOST_KNOWN = 1000;

/** A field that makes a request more than plain: it asks for a condition, another framing, another protocol, somebody's rights. */
const UNUSUAL = new Set([
  'authorization',
  'cookie',
  'expect',
  'forwarded',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
]);

/** Fields that tell something here: more than one of them could be read in more than one way. */
const SINGLE = new Set(['connection', 'content-length', 'content-type', 'host', 'x-request-id']);

/** `name: value` (RFC 9110 §5.5) without obs-text, folding, or any white space but one space after the colon. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/;
/** A path as URLs may have it (RFC 3986), with or without a query. */
const PATH = /^\/[A-Za-z0-9/%+=._~:@!$&'()*,;?-]*$/;

/** What the fields of a head say. */
interface Fields {
  readonly length: number | null;
  readonly contentType: string | null;
  readonly requestId: string | null;
}

export interface PlainRequest extends Fields {
  readonly method: 'GET' | 'POST';
  /** With its query, as it was sent. */
  readonly path: string;
  /** Where the body begins in the text, one character an octet; of a GET it is empty. */
  readonly bodyAt: number;
  /** Where the next request begins. */
  readonly end: number;
}

export class PlainRequestReader {
  readonly #known = new Map<string, Fields>();

  /**
   * @param text octets as they came, one character each
   * @param from where the request begins
   * @returns null unless it is plain and complete
   */
  read(text: string, from: number): PlainRequest | null {
    const method = text.startsWith('POST ', from) ? 'POST' : text.startsWith('GET ', from) ? 'GET' : null;
    if (method === null) return null;
    const line = text.indexOf('\r\n', from);
    if (line === -1 || !text.startsWith(' HTTP/1.1', line - 9)) return null;
    const head = text.indexOf('\r\n\r\n', line);
    if (head === -1 || head - from > MOST_HEAD) return null;
    const path = text.slice(from + method.length + 1, line - 9);
    if (!PATH.test(path)) return null;
    const fields = this.#fields(text.slice(line + 2, head));
    if (fields === null) return null;
    const { length, contentType, requestId } = fields;
    if ((length === null) !== (method === 'GET')) return null;
    const bodyAt = head + 4;
    const end = bodyAt + (length ?? 0);
    return end > text.length ? null : { method, path, length, contentType, requestId, bodyAt, end };
  }

  #fields(lines: string): Fields | null {
    const known = this.#known.get(lines);
    if (known !== undefined) return known;
    // A copy: the lines are a piece of all that came with them, and would keep that in memory.
    const copy = Buffer.from(lines, 'latin1').toString('latin1');
    const fields = fieldsIn(copy);
    // A head with an id of its own does not come twice; an unusual one is the full parser's from then on.
    if (fields === null || fields.requestId !== null) return fields;
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(copy, fields);
    return fields;
  }
}

/** @param lines without the CRLF of the last one; null if there is anything unusual in them */
function fieldsIn(lines: string): Fields | null {
  const told = new Map<string, string>();
  for (const line of lines.split('\r\n')) {
    const [, spelled = '', value = ''] = FIELD.exec(line) ?? [];
    const name = spelled.toLowerCase();
    if (name === '' || UNUSUAL.has(name)) return null;
    if (!SINGLE.has(name)) continue;
    if (told.has(name)) return null;
    told.set(name, value);
  }
  const length = told.get('content-length') ?? null;
  if (!told.has('host') || !/^keep-alive$/i.test(told.get('connection') ?? 'keep-alive')) return null;
  if (length !== null && !/^(?:0|[1-9]\d{0,5})$/.test(length)) return null;
  return {
    length: length === null ? null : Number(length),
    contentType: told.get('content-type') ?? null,
    requestId: told.get('x-request-id') ?? null,
  };
}
