/**
 * A way past Node's HTTP and Fastify for requests that come by the thousand and are all alike. Parsing them in full, finding
 * their route, running its hooks and writing header after header costs ten times as much as the answer itself; who asks as
 * everybody does gets it straight from the connection.
 *
 * Each connection begins here, and stays here for as long as nothing comes on it but plain requests that somebody takes.
 * With the first other octet it is Node's for good, that octet included: the routes are there for every request that is
 * unusual in any way, and for the API's description. Whoever takes requests here keeps to what the routes do: the same
 * limits, the same headers, the same answer.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../types.js';
import { type PlainRequest, PlainRequestReader } from './plain-request.js';
import { requestId } from './request.js';

/** An answer of status 200. */
export interface LaneAnswer {
  /** Header lines, each with its CRLF; the lane adds those that every answer has. */
  readonly headers: string;
  /** One character an octet: Node writes a string in one piece with the head. */
  readonly body: string;
}

/**
 * Answers a request; or gives null, and has touched nothing.
 * @param body one character an octet
 */
export type Taker = (request: PlainRequest, body: string, address: string) => LaneAnswer | Promise<LaneAnswer> | null;

declare module 'fastify' {
  interface FastifyInstance {
    lane: Lane;
  }
}

/** How long connections may be silent (ms). */
export interface LanePatience {
  /** Before the first request. */
  readonly headers: number;
  /** Between two. */
  readonly keepAlive: number;
}

/** Octets of answers that a client has not read, or of requests that it sent before the last was answered. */
const MOST_WAITING = 64 * 1024;

export class Lane {
  /** Who answers; nobody, to begin with. */
  take: Taker = () => null;
  readonly #clock: Clock;
  readonly #reader = new PlainRequestReader();
  readonly #connections = new Set<Connection>();
  #closing = false;
  #second = 0;
  #date = '';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on connections of this server begin here. @param event the one by which it tells of a new connection */
  attachTo(server: Server, event: 'connection' | 'secureConnection', patience: LanePatience): void {
    const toNode = server.listeners(event) as ((socket: Socket) => void)[];
    server.removeAllListeners(event);
    server.on(event, (socket: Socket) => {
      const handOver = () => {
        for (const listener of toNode) listener.call(server, socket);
      };
      if (this.#closing) return handOver();
      const connection = new Connection(this, socket, patience, handOver);
      this.#connections.add(connection);
      socket.once('close', () => this.forget(connection));
    });
  }

  /** Ends connections as soon as nothing is being answered on them; whoever asks meanwhile hears from Fastify. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#connections) connection.endWhenIdle();
  }

  /** Whether `close` was called. */
  get closing(): boolean {
    return this.#closing;
  }

  /** To be called when a connection has ended, or has become Node's. */
  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  /** See PlainRequestReader (RFC 9112). */
  read(text: string, from: number): PlainRequest | null {
    return this.#reader.read(text, from);
  }

  /** A whole response, as Node would write it. @param keepAlive seconds that the client is promised */
  response({ headers, body }: LaneAnswer, id: string | null, keepAlive: number): string {
    return (
      `HTTP/1.1 200 OK\r\n${headers}content-length: ${body.length}\r\nx-request-id: ${requestId(id)}\r\n` +
      `Date: ${this.#now()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAlive}\r\n\r\n${body}`
    );
  }

  /** The present second as HTTP writes it (RFC 9110 §5.6.7). */
  #now(): string {
    const now = this.#clock.now();
    const second = Math.floor(now.getTime() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = now.toUTCString();
    }
    return this.#date;
  }
}

class Connection {
  readonly #lane: Lane;
  readonly #socket: Socket;
  readonly #address: string;
  readonly #patience: LanePatience;
  readonly #toNode: () => void;
  readonly #keepAlive: number;
  /** What came while an answer is being made; null while none is. */
  #waiting: Buffer[] | null = null;
  #waitingOctets = 0;
  #ended = false;
  #answered = false;

  constructor(lane: Lane, socket: Socket, patience: LanePatience, toNode: () => void) {
    this.#lane = lane;
    this.#socket = socket;
    this.#address = socket.remoteAddress ?? '';
    this.#patience = patience;
    this.#toNode = toNode;
    this.#keepAlive = Math.floor(patience.keepAlive / 1000);
    socket.setTimeout(patience.headers);
    socket.on('timeout', this.#drop);
    socket.on('error', this.#drop);
    socket.on('end', this.#end);
    socket.on('data', this.#data);
  }

  endWhenIdle(): void {
    if (this.#waiting === null) this.#socket.destroySoon();
  }

  readonly #drop = (): void => {
    this.#socket.destroy();
  };

  readonly #end = (): void => {
    this.#ended = true;
    if (this.#waiting === null) this.#socket.end();
  };

  readonly #data = (chunk: Buffer): void => {
    if (this.#waiting === null) return this.#serve(chunk);
    this.#waiting.push(chunk);
    this.#waitingOctets += chunk.length;
    if (this.#waitingOctets > MOST_WAITING) this.#socket.pause();
  };

  #serve(chunk: Buffer): void {
    const lane = this.#lane;
    const text = chunk.toString('latin1');
    for (let from = 0; from < text.length; ) {
      const request = lane.closing ? null : lane.read(text, from);
      const body = request === null ? '' : text.slice(request.bodyAt, request.end);
      const answer = request === null ? null : lane.take(request, body, this.#address);
      if (request === null || answer === null) return this.#handOver(chunk.subarray(from));
      from = request.end;
      if (answer instanceof Promise) {
        this.#waiting = from < text.length ? [chunk.subarray(from)] : [];
        this.#waitingOctets = text.length - from;
        answer.then((made) => this.#goOn(made, request), this.#drop);
        return;
      }
      this.#write(answer, request);
    }
    if (this.#socket.writableLength > MOST_WAITING) {
      this.#socket.pause();
      this.#socket.once('drain', () => this.#socket.resume());
    }
  }

  #write(answer: LaneAnswer, { requestId: id }: PlainRequest): void {
    if (!this.#answered) {
      this.#answered = true;
      this.#socket.setTimeout(this.#patience.keepAlive);
    }
    this.#socket.write(this.#lane.response(answer, id, this.#keepAlive), 'latin1');
  }

  /** An answer is there: it goes out, then it is the turn of what has come meanwhile. */
  #goOn(answer: LaneAnswer, request: PlainRequest): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    this.#write(answer, request);
    const came = this.#waiting ?? [];
    this.#waiting = null;
    if (this.#waitingOctets > MOST_WAITING) socket.resume();
    this.#waitingOctets = 0;
    if (came.length > 0) this.#serve(Buffer.concat(came));
    if (this.#waiting === null && (this.#ended || this.#lane.closing)) socket.destroySoon();
  }

  #handOver(unread: Buffer): void {
    const socket = this.#socket;
    this.#lane.forget(this);
    // Nothing can be put back into a stream that has ended; what follows was not a whole request either.
    if (this.#ended) return socket.destroySoon();
    socket.pause();
    socket.setTimeout(0);
    socket.off('timeout', this.#drop).off('error', this.#drop).off('end', this.#end).off('data', this.#data);
    this.#toNode();
    socket.unshift(unread);
    socket.resume();
  }
}
