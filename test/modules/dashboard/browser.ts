/** A browser without scripts: keeps cookies, sends forms with the hidden fields of the page it is on. */
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';

export class Browser {
  readonly cookies = new Map<string, string>();
  readonly #app: FastifyInstance;
  #page = '';

  constructor(app: FastifyInstance) {
    this.#app = app;
  }

  /** Opens a page; redirects are not followed. */
  async open(url: string): Promise<LightMyRequestResponse> {
    return this.#keep(await this.#app.inject({ url, headers: { accept: 'text/html', cookie: this.#cookieHeader() } }));
  }

  /** As `post`; an answer that is shown at an address of its own is opened, as browsers do. */
  async send(url: string, fields: Record<string, string | string[]> = {}): Promise<LightMyRequestResponse> {
    const answer = await this.post(url, fields);
    const { location } = answer.headers;
    if (answer.statusCode !== 303 || location?.startsWith('/shown/') !== true) return answer;
    const shown = await this.open(location);
    // The request that counts is the one that was sent, not the one that fetches its answer.
    shown.headers['x-request-id'] = answer.headers['x-request-id'];
    return shown;
  }

  /** Sends a form with the CSRF token of the last page, unless `fields` says otherwise. */
  async post(url: string, fields: Record<string, string | string[]> = {}): Promise<LightMyRequestResponse> {
    const pairs = Object.entries({ _csrf: this.hidden('_csrf'), ...fields });
    const payload = new URLSearchParams(
      pairs.flatMap(([name, values]) => [values].flat().map((value): [string, string] => [name, value])),
    ).toString();
    return this.#keep(
      await this.#app.inject({
        method: 'POST',
        url,
        headers: {
          accept: 'text/html',
          cookie: this.#cookieHeader(),
          'content-type': 'application/x-www-form-urlencoded',
        },
        payload,
      }),
    );
  }

  /** The value of a hidden field of the last page. */
  hidden(name: string): string {
    const value = new RegExp(`name="${name}" value="([^"]*)"`).exec(this.#page)?.[1] ?? '';
    return value.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
  }

  async signIn(token: string): Promise<LightMyRequestResponse> {
    await this.open('/login');
    const answer = await this.send('/login', { token });
    await this.open('/help');
    return answer;
  }

  #keep(answer: LightMyRequestResponse): LightMyRequestResponse {
    for (const { name, value, expires } of answer.cookies as { name: string; value: string; expires?: Date }[]) {
      if (expires !== undefined && expires.getTime() <= 0) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    if (String(answer.headers['content-type']).startsWith('text/html') && answer.body !== '') this.#page = answer.body;
    return answer;
  }

  #cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }
}
