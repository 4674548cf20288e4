/** What an action has to say, on the page that follows it: kept in the visitor's session until a page has shown it. */
import type { FastifyInstance, FastifyRequest } from 'fastify';

export interface Flash {
  tone: 'good' | 'warn' | 'bad';
  text: string;
  /** A page that tells more. */
  more?: { href: string; label: string };
}

declare module 'fastify' {
  interface Session {
    flash?: Flash;
  }
  interface FastifyReply {
    /** Has the next page of this visitor say this, once. A second message before that page replaces the first. */
    flash(flash: Flash): FastifyReply;
  }
}

/** Lets every reply of a scope with sessions leave a message. */
export function addFlash(app: FastifyInstance): void {
  app.decorateReply('flash', function (flash) {
    this.request.session.flash = flash;
    return this;
  });
}

/** What there is to say, and that it has been said. */
export function takeFlash({ session }: FastifyRequest): Flash | null {
  // Absent where a request was refused before its session was looked up.
  const flash = session?.flash ?? null;
  if (flash !== null) delete session.flash;
  return flash;
}
