/** How a route that answers with a file describes it. */
import { Readable } from 'node:stream';
import { z } from 'zod';

// A Buffer or a stream is sent as it is, past every serializer: the schema is there for the API's description.
const file = z
  .custom<Buffer | Readable>((value) => Buffer.isBuffer(value) || value instanceof Readable)
  .meta({ type: 'string', format: 'binary' });

/** The response schema of a file that comes in one of these media types. */
export function binary(...mediaTypes: string[]) {
  return {
    description: 'The file',
    content: Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema: file }])),
  };
}
