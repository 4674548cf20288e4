/** Bodies in multipart/form-data (RFC 7578), as forms and `curl -F` send them: one file and fields beside it. */
import { CertMateError } from '../errors.js';

/**
 * Reads a whole body.
 * @param contentType with the boundary
 * @returns the fields by name; the file, whatever its field is called, as `file`
 * @throws CertMateError VALIDATION_FAILED it is malformed, has no file or several, or a field twice
 */
export async function readMultipart(body: Buffer, contentType: string): Promise<Record<string, Buffer | string>> {
  const parts = await partsOf(body, contentType);
  const found = new Map<string, Buffer | string>();
  for (const [field, value] of parts) {
    const name = typeof value === 'string' ? field : 'file';
    if (found.has(name)) throw invalid(name === 'file' ? 'Send one file.' : `Send the field "${field}" once.`);
    found.set(name, typeof value === 'string' ? value : Buffer.from(await value.arrayBuffer()));
  }
  const file = found.get('file');
  if (file === undefined) throw invalid('There is no file in the body. Send one: curl -F file=@table.csv');
  found.set('file', Buffer.from(file));
  return Object.fromEntries(found);
}

async function partsOf(body: Buffer, contentType: string): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': contentType } }).formData();
  } catch {
    throw invalid('The body is not well-formed multipart/form-data.');
  }
}

function invalid(message: string): CertMateError {
  return new CertMateError('VALIDATION_FAILED', message, { details: [{ path: 'body', message }] });
}
