/**
 * Forms that were sent after their session had ended, kept for minutes until their sender has signed in again. In memory only,
 * without passwords, tokens and keys; bounded, and so many for each address, so that visitors without an account fill nothing.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../types.js';

export interface KeptForm {
  /** Where it was sent. */
  action: string;
  fields: [name: string, value: string][];
}

const MINUTES = 15;
const MOST = 64;
const MOST_OF_ONE_ADDRESS = 4;
/** Octets of one form. */
const LARGEST = 128 * 1024;
const COOKIE = 'certmate-form-kept';

const SECRET_NAME = /pass|token|secret|again|^_csrf$/i;
const SECRET_VALUE = /PRIVATE KEY/;

export class KeptForms {
  readonly #clock: Clock;
  readonly #forms = new Map<string, KeptForm & { address: string; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps the form of a request whose body nothing has read yet; one of another site, or one that is too large, is left. */
  async keep(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const body = isOwn(request) ? await bodyOf(request) : null;
    if (body === null) return false;
    const fields = [...new URLSearchParams(body)].filter(
      ([name, value]) => !SECRET_NAME.test(name) && !SECRET_VALUE.test(value),
    );
    this.sweep();
    const { ip: address } = request;
    const own = [...this.#forms].filter(([, form]) => form.address === address);
    if (own.length >= MOST_OF_ONE_ADDRESS) this.#forms.delete(own[0]?.[0] ?? '');
    for (const oldest of this.#forms.keys()) if (this.#forms.size >= MOST) this.#forms.delete(oldest);
    const name = randomBytes(16).toString('base64url');
    const until = this.#clock.now().getTime() + MINUTES * 60_000;
    this.#forms.set(name, { action: request.url, fields, address, until });
    reply.setCookie(COOKIE, name, { path: '/', httpOnly: true, sameSite: 'strict' });
    return true;
  }

  /** The form that this browser sent; null for none, or none any more. */
  find({ cookies }: FastifyRequest): KeptForm | null {
    this.sweep();
    return this.#forms.get(cookies?.[COOKIE] ?? '') ?? null;
  }

  /** Forgets the form of this browser. */
  drop({ cookies }: FastifyRequest, reply: FastifyReply): void {
    this.#forms.delete(cookies?.[COOKIE] ?? '');
    reply.clearCookie(COOKIE, { path: '/' });
  }

  sweep(): void {
    const now = this.#clock.now().getTime();
    for (const [name, { until }] of this.#forms) if (until <= now) this.#forms.delete(name);
  }
}

/** Whether a page of ours sent it: browsers say whose page did. */
function isOwn({ headers }: FastifyRequest): boolean {
  const { origin, host } = headers;
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return isForm && (origin === undefined || (URL.canParse(origin) && new URL(origin).host === host));
}

/** Null for a body that is too large. */
async function bodyOf({ raw }: FastifyRequest): Promise<string | null> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of raw as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > LARGEST) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
