/** Calls a server over TLS and remembers every answer, with the secrets that it had to show. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';

export interface Call {
  body?: unknown;
  /** Sent as a form of a page. */
  form?: Record<string, string>;
  token?: string;
  cookie?: string;
  headers?: Record<string, string>;
}

export interface Answered {
  call: string;
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** Names of secrets that belong into this answer. */
  shows: string[];
}

export class Caller {
  readonly answers: Answered[] = [];
  readonly #port: number;
  readonly #ca: Buffer;

  constructor({ port, ca }: { port: number; ca: string }) {
    this.#port = port;
    this.#ca = readFileSync(ca);
  }

  async call(method: string, path: string, { body, form, token, cookie, headers = {} }: Call = {}): Promise<Answered> {
    const sent =
      form === undefined
        ? body && (typeof body === 'string' ? body : JSON.stringify(body))
        : new URLSearchParams(form).toString();
    const type = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded';
    const asked = request({
      host: '127.0.0.1',
      port: this.#port,
      servername: 'localhost',
      ca: this.#ca,
      agent: false,
      method,
      path,
      headers: {
        ...(sent === undefined ? {} : { 'content-type': type }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(cookie === undefined ? {} : { cookie }),
        ...headers,
      },
    });
    asked.end(sent);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const answered = {
      call: `${method} ${path}`,
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: await buffer(response),
      shows: [] as string[],
    };
    this.answers.push(answered);
    return answered;
  }
}

export function json(answered: Answered): Record<string, string> {
  return JSON.parse(answered.body.toString()) as Record<string, string>;
}

/** What a browser would send back. */
export function cookieOf({ headers }: Answered): string {
  return (headers['set-cookie'] ?? []).map((text) => text.split(';', 1)[0]).join('; ');
}
