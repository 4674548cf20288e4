// What the test of every route needs: a server, an administrator's browser, and things to do something to.
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { AuditEvent } from '../../../src/types.js';
import type { Built } from '../../build.js';
import { Visitor } from '../auth/accounts.js';
import { Browser } from '../dashboard/browser.js';

/** What a call must have left behind. */
export interface Left {
  answer: LightMyRequestResponse;
  operation: AuditEvent['operation'];
  resource_type: AuditEvent['resource_type'];
  /** Null where the line is about no single one. */
  resource_id: string | null;
  /** Who did it, if not the administrator of the stage. */
  user?: string;
}

export type Step = (stage: Stage) => Promise<Left>;

export const PASSPHRASE = 'correct horse battery staple';
export const NEW_PASSWORD = 'gravel otter basket';
const ACTOR = { user: 'system', ip_address: null, request_id: null };
const SYSTEM = { name: 'system', role: 'admin' } as const;

export class Stage {
  readonly built: Built;
  readonly browser: Browser;
  #count = 0;

  constructor(built: Built, browser: Browser) {
    this.built = built;
    this.browser = browser;
  }

  static async set(built: Built): Promise<Stage> {
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.admin);
    return new Stage(built, browser);
  }

  /** The name of the administrator who does everything, unless a step says otherwise. */
  get admin(): string {
    return this.built.app.auth.authenticate(this.built.tokens.admin)?.name ?? '';
  }

  name(prefix: string): string {
    this.#count += 1;
    return `${prefix}-${this.#count}`;
  }

  /** A call of the API by the administrator. */
  call(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object): Promise<LightMyRequestResponse> {
    const options: InjectOptions = { method, url, ...(payload !== undefined && { payload }) };
    return this.built.call('admin', options);
  }

  /** A form of a page. */
  form(url: string, fields: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return this.browser.send(url, fields);
  }

  /** Another certificate. */
  async certificate(more: Record<string, unknown> = {}): Promise<string> {
    const identifier = this.name('holder');
    await this.built.issue({ identifier, common_name: `${identifier}@example.com`, ...more });
    return identifier;
  }

  async held(): Promise<string> {
    const identifier = await this.certificate();
    await this.call('POST', `/api/client-certs/${identifier}/revoke`, { reason: 'certificateHold' });
    return identifier;
  }

  async user(): Promise<{ id: string; name: string; password: string }> {
    const name = this.name('person');
    const { user, password } = await this.built.app.users.create({ name, role: 'operator' }, SYSTEM, ACTOR);
    return { id: user.id, name, password: password ?? '' };
  }

  /** Somebody who has signed in to the API, with a session of their own. */
  async visitor(): Promise<{ name: string; password: string; visitor: Visitor }> {
    const { name, password } = await this.user();
    const visitor = new Visitor(this.built);
    await visitor.login(name, password);
    return { name, password, visitor };
  }

  async key(): Promise<string> {
    const { key } = await this.built.app.auth.create(
      { name: this.name('key'), role: 'viewer', expires_at: null },
      SYSTEM,
    );
    return key.id;
  }

  async profile(): Promise<string> {
    const name = this.name('profile');
    const { statusCode, body } = await this.call('PUT', `/api/profiles/${name}`, {});
    if (statusCode >= 300) throw new Error(`no profile: ${body}`);
    return name;
  }

  /** A batch in the background. */
  async batch(): Promise<string> {
    const rows = Array.from({ length: 3 }, () => [`${this.name('row')}@example.com`]);
    const answer = await this.built.call('admin', {
      method: 'POST',
      url: '/api/client-certs/batch',
      headers: { prefer: 'respond-async' },
      payload: { headers: ['common_name'], rows, defaults: { key_type: 'rsa-4096' } },
    });
    const id = String(answer.headers.location).split('/').at(-1);
    if (answer.statusCode !== 202 || id === undefined) throw new Error(`no batch: ${answer.body}`);
    return id;
  }

  async csr(): Promise<string> {
    const answer = await this.call('POST', '/api/client-certs/csr/create', {
      common_name: `${this.name('asker')}@example.com`,
      key_type: 'ec-p256',
    });
    return answer.json().csr_pem;
  }
}
