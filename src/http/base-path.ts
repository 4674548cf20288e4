/**
 * CertMate below a path of its host, such as https://host/certmate: routes know nothing of it. A proxy may take the path off or
 * pass it on; whatever a browser gets to see has it in front.
 */
import type { FastifyReply } from 'fastify';
import fastifyPlugin from 'fastify-plugin';
import { ACCESS } from './access.js';

/** The path of the public URL, without a slash at its end: `/certmate`; empty for none. */
export function basePathOf(publicUrl: string): string {
  return new URL(publicUrl).pathname.replace(/\/$/, '');
}

/** First parts of our own paths: a base of such a name has to be taken off by the proxy, because nothing tells it from ours. */
const OWN = new Set(Object.keys(ACCESS).map((route) => route.split('/')[1] ?? ''));

/** The URL of a request without the base that a proxy has passed on. @param url path and query */
export function withoutBase(url: string, base: string): string {
  if (base === '' || !url.startsWith(base) || OWN.has(base.split('/')[1] ?? '')) return url;
  const rest = url.slice(base.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : url;
}

/** Puts the base in front of the address of every redirect, and of every link of a page. Register it before all routes. */
export const basePath = fastifyPlugin(
  async (app, { base }: { base: string }) => {
    if (base === '') return;
    app.addHook('onSend', async (_request, reply, payload) => {
      const location = reply.getHeader('location');
      if (typeof location === 'string' && /^\/(?!\/)/.test(location)) reply.header('location', base + location);
      return typeof payload === 'string' && isHtml(reply) ? payload.replace(LINKS, `$1${base}/`) : payload;
    });
  },
  { name: 'base-path', fastify: '5.x' },
);

/** Attributes with a path on this host. In texts of pages a quote is written as `&quot;`, so nothing else looks like one. */
const LINKS = /(\s(?:href|src|action|formaction|data-events|data-new)=")\/(?!\/)/g;

function isHtml(reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type')).startsWith('text/html');
}
