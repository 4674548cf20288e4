/** The text of a CSR as people send it: found within what editors, shells, spreadsheets and forms have made of it. */
import { CertMateError } from '../errors.js';
import { decodeBase64, decodePem } from './pem.js';

/** Both labels are in use; the second comes from older servers (RFC 7468 §7). */
const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];

/** The first octet of anything in DER that we read. */
const SEQUENCE = 0x30;

const NO_CSR = 'This is not a CSR in PEM: it begins with -----BEGIN CERTIFICATE REQUEST-----';

/**
 * The DER of the one CSR in a text: PEM under either label, base64 of DER or of PEM, in UTF-8 or UTF-16, with or without a
 * byte order mark, in quotes, indented, with line ends written as `\n`. A Buffer may be DER as well.
 * @throws CertMateError INVALID_CSR, VALIDATION_FAILED what the text is instead; never with a part of it
 */
export function requestDer(input: string | Buffer): Buffer {
  if (typeof input !== 'string' && input[0] === SEQUENCE) return input;
  const text = plainText(typeof input === 'string' ? input : input.toString('utf8'));
  if (text === '')
    throw invalid('The CSR is empty. Send it in PEM: it begins with -----BEGIN CERTIFICATE REQUEST-----.');
  if (text.includes('-----BEGIN ')) return derInPem(text);
  const decoded = derInBase64(text);
  const inner = plainText(decoded.toString('utf8'));
  if (inner.startsWith('-----BEGIN ')) return derInPem(inner);
  if (decoded[0] !== SEQUENCE) throw invalid(`${NO_CSR}.`);
  return decoded;
}

/** Without what carried it: NULs and marks of UTF-16 and UTF-8, quotes and blanks around lines, escaped line ends. */
function plainText(text: string): string {
  return text
    .replace(/\0|^[\s\uFEFF\uFFFD]*(?:ÿþ|þÿ|ï»¿)?/g, '')
    .replace(/\\r|\r/g, '\n')
    .replace(/\\n/g, '\n')
    .replace(
      /^[ \t"'`>,;\u00A0\u200B-\u200F\u2018-\u201F\uFEFF]+|[ \t"'`,;\\\u00A0\u200B-\u200F\u2018-\u201F\uFEFF]+$/gm,
      '',
    )
    .trim();
}

function derInPem(text: string): Buffer {
  const labels = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,40})-----/g)].map(([, label]) => label as string);
  if (labels.some((label) => label.includes('PRIVATE KEY'))) throw keyInText();
  const other = labels.find((label) => !LABELS.includes(label));
  if (other !== undefined && labels.length > 1)
    throw invalid(`Send the CSR alone: there is also a block labelled ${other} in this text.`);
  if (other !== undefined)
    throw invalid(
      `${other.endsWith('CERTIFICATE') ? 'This is a certificate, not a CSR' : `This is a block labelled ${other}, not a CSR`}. A CSR begins with -----BEGIN CERTIFICATE REQUEST-----.`,
    );
  const [der, second] = decodePem(text, LABELS);
  if (der === undefined || second !== undefined) throw invalid('Send one CSR at a time.');
  return der;
}

/** Text that begins as base64 of DER does is taken for that, and is damaged if it cannot be read. */
function derInBase64(text: string): Buffer {
  const packed = text.replace(/\s+/g, '');
  const isBase64 = /^[A-Za-z\d+/]+={0,2}$/.test(packed) && packed.length % 4 === 0;
  if (!isBase64 && !/^M[A-P][A-Za-z\d+/]{30}/.test(packed)) throw invalid(`${NO_CSR}.`);
  return decodeBase64(packed);
}

/** What is said of a private key that was sent; nothing of it is kept or repeated. */
export function keyInText(): CertMateError {
  return invalid(
    'There is a private key in this text. A private key must never leave its holder: treat this one as exposed, make a new key and a CSR for it, and send the CSR alone.',
  );
}

function invalid(message: string): CertMateError {
  return new CertMateError('INVALID_CSR', message);
}
