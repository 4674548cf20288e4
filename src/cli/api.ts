/** The API as commands call it, be the server elsewhere or in this process. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorBody } from '../errors.js';
import { Refused, Unreachable, withDetails } from './failure.js';

/** One request as it goes out. */
export interface OutgoingRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With the query. */
  path: string;
  headers: Record<string, string>;
  body: Buffer | null;
}

export interface IncomingAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | number | undefined>>;
  body: AsyncIterable<Buffer | string>;
}

/** How requests get to CertMate: see local.ts and remote.ts. */
export interface Transport {
  /** Whether the server is in this process, and what it does ends with it. */
  readonly local: boolean;
  /** @throws Unreachable */
  send(request: OutgoingRequest): Promise<IncomingAnswer>;
  close(): Promise<void>;
}

export interface RequestOptions {
  /** What is undefined is left out, here and in `json`. */
  query?: Record<string, string | number | undefined>;
  json?: Record<string, unknown>;
  csv?: Buffer;
  headers?: Record<string, string>;
}

export interface ReceivedFile {
  filename: string;
  mediaType: string;
  body: Buffer;
}

type Method = OutgoingRequest['method'];

/** The longest wait (seconds) that a refusal for calling too often is met with; limits are by the minute. */
const MOST_PATIENCE = 61;

export class Api {
  readonly #transport: Transport;
  readonly #notice: (text: string) => void;

  /** @param notice takes what the caller should know while waiting */
  constructor(transport: Transport, notice: (text: string) => void) {
    this.#transport = transport;
    this.#notice = notice;
  }

  get local(): boolean {
    return this.#transport.local;
  }

  /** @throws Refused what the server does not do; Unreachable */
  async json<Answer>(method: Method, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body } = await this.#ask(method, path, options);
    return JSON.parse((await bytesOf(body)).toString('utf8')) as Answer;
  }

  /** @throws as json */
  async file(method: Method, path: string, options: RequestOptions = {}): Promise<ReceivedFile> {
    const { headers, body } = await this.#ask(method, path, options);
    const filename = /filename="([^"/\\]+)"/.exec(String(headers['content-disposition']))?.[1] ?? 'download';
    return { filename, mediaType: String(headers['content-type']), body: await bytesOf(body) };
  }

  /** What is too long to be held in memory. @throws as json, and Unreachable while it is read */
  async stream(method: Method, path: string, options: RequestOptions = {}): Promise<AsyncIterable<Buffer>> {
    const { body } = await this.#ask(method, path, options);
    return piecesOf(body);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  async #ask(method: Method, path: string, { query = {}, json, csv, headers = {} }: RequestOptions) {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    );
    const search = given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
    const body = json === undefined ? (csv ?? null) : Buffer.from(JSON.stringify(json));
    const type = body === null ? {} : { 'content-type': json === undefined ? 'text/csv' : 'application/json' };
    const request = { method, path: `${path}${search}`, headers: { ...type, ...headers }, body };
    for (;;) {
      const answer = await this.#transport.send(request);
      if (answer.status >= 200 && answer.status < 300) return answer;
      const refusal = refusalOf(answer.status, (await bytesOf(answer.body)).toString('utf8'));
      const wait = refusal.status === 429 ? (refusal.body?.retry_after ?? null) : null;
      if (wait === null || wait > MOST_PATIENCE) throw refusal;
      // It was refused before anything was done, so that it can be asked again.
      this.#notice(`too many calls a minute; going on in ${wait} s`);
      await delay(wait * 1000);
    }
  }
}

function refusalOf(status: number, text: string): Refused {
  try {
    const body = JSON.parse(text) as Partial<ErrorBody> | null;
    if (typeof body?.message === 'string' && typeof body.code === 'string') {
      return new Refused(status, body as ErrorBody, withDetails(body as ErrorBody));
    }
  } catch {
    // Something in between has answered, such as a reverse proxy.
  }
  return new Refused(status, null, `the answer is HTTP ${status}, and not as CertMate gives it: is the URL right?`);
}

async function bytesOf(body: IncomingAnswer['body']): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of piecesOf(body)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function* piecesOf(body: IncomingAnswer['body']): AsyncGenerator<Buffer> {
  try {
    for await (const piece of body) yield Buffer.from(piece);
  } catch (cause) {
    throw new Unreachable(`the answer broke off: ${(cause as Error).message}`, { cause });
  }
}
