/** The quickest way out for short binary answers. */
import type { FastifyReply } from 'fastify';

/** What hooks of the whole app set on every answer. */
const CARRIED = [
  'x-request-id',
  'ratelimit-limit',
  'ratelimit-remaining',
  'ratelimit-reset',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
];

/**
 * Answers 200 past Fastify's own way of sending, which costs as much as finding the answer: no `onSend` hook runs, and no
 * header is sent but these and the ones that hooks of the whole app set.
 * @param headers names and values in turn
 * @param text one character an octet. Node writes a string in one piece with the head of the response, a Buffer apart
 *   from it
 */
export function sendOctets(reply: FastifyReply, headers: string[], text: string): void {
  headers.push('content-length', String(text.length));
  for (const name of CARRIED) {
    const value = reply.getHeader(name);
    if (value !== undefined) headers.push(name, String(value));
  }
  reply.hijack();
  reply.raw.writeHead(200, headers);
  reply.raw.end(text, 'latin1');
}
