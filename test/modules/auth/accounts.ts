/** Calls of the API by people: signing in, and what goes with their session from then on. */
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Role } from '../../../src/types.js';
import type { Built } from '../../build.js';

export const PASSWORD = 'gravel otter basket';
const SYSTEM = { name: 'system', role: 'admin' } as const;
const ACTOR = { user: 'system', ip_address: null, request_id: null };

/** A browser's end of a session, as far as the API is concerned. */
export class Visitor {
  readonly #built: Pick<Built, 'app'>;
  readonly #address: string;
  cookie = '';
  csrf = '';

  constructor(built: Pick<Built, 'app'>, address = '127.0.0.1') {
    this.#built = built;
    this.#address = address;
  }

  async login(username: string, password: string): Promise<LightMyRequestResponse> {
    const payload = { username, password };
    const answer = await this.send({ method: 'POST', url: '/api/auth/login', payload });
    if (answer.statusCode === 200) this.csrf = answer.json().csrf_token;
    return answer;
  }

  /** With the cookie, and with the CSRF token unless `headers` say otherwise. */
  async send(options: InjectOptions): Promise<LightMyRequestResponse> {
    const headers = {
      ...(this.cookie !== '' && { cookie: this.cookie }),
      'x-csrf-token': this.csrf,
      ...options.headers,
    };
    const answer = await this.#built.app.inject({ remoteAddress: this.#address, ...options, headers });
    const [cookie] = answer.cookies as { name: string; value: string }[];
    if (cookie !== undefined) this.cookie = `${cookie.name}=${cookie.value}`;
    return answer;
  }
}

/** A user who has a password of their own already, and a visitor who has signed in with it. */
export async function signedIn(built: Built, name: string, role: Role): Promise<{ id: string; visitor: Visitor }> {
  const { id, password } = await newUser(built, name, role);
  const visitor = new Visitor(built);
  await visitor.login(name, password);
  const payload = { current_password: password, new_password: PASSWORD };
  const changed = await visitor.send({ method: 'POST', url: '/api/auth/password', payload });
  if (changed.statusCode !== 204) throw new Error(`the password was not changed: ${changed.body}`);
  return { id, visitor };
}

/** A user with a password that was made for them. */
export async function newUser({ app }: Built, name: string, role: Role): Promise<{ id: string; password: string }> {
  const { user, password } = await app.users.create({ name, role }, SYSTEM, ACTOR);
  return { id: user.id, password: password ?? '' };
}
