/** The servers of this process that speak TLS, and the certificate that all of them show: it changes while they serve. */
import type { RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';

/** A certificate with its chain and its private key, each in PEM. */
export interface TlsPair {
  cert: string;
  key: string;
}

/** Nothing older than TLS 1.2 (RFC 8996), and HTTP/1.1 only. */
const PROTOCOL = { minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } as const;

export class SecureServers {
  readonly #servers = new Set<Server>();
  #pair: TlsPair | null = null;

  /** A server that shows the present pair; until there is one, no handshake succeeds. */
  create(options: ServerOptions, listener: RequestListener): Server {
    const server = createServer({ ...options, ...PROTOCOL, ...this.#pair }, listener);
    // Whoever fails in the handshake, or never begins it, cannot be told so: an answer would wait for the handshake.
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
    return server;
  }

  /**
   * Handshakes from now on show this pair; connections that are there stay as they are.
   * @throws Error if OpenSSL refuses it: then the present pair stays
   */
  show(pair: TlsPair): void {
    // Refused before any server has taken it, or some would show one pair and some another.
    createSecureContext({ ...pair, ...PROTOCOL });
    for (const server of this.#servers) server.setSecureContext({ ...pair, ...PROTOCOL });
    this.#pair = pair;
  }
}
