/** The main navigation: for each visitor the entries that lead somewhere. */
import type { FastifyInstance } from 'fastify';
import type { Role } from '../types.js';

export interface NavigationEntry {
  /** What a page names as its `section` to have this entry marked. */
  section: string;
  href: string;
  label: string;
  icon: string;
  /** The letter after `g` that leads here; empty for none. */
  key: string;
}

const ENTRIES: readonly (NavigationEntry & { roles: readonly Role[] })[] = [
  entry('certificates', '/client-certificates', 'Certificates', 'certificate', 'l', ['viewer', 'operator', 'admin']),
  entry('batch', '/client-certificates/batch', 'Batch', 'batch', 'b', ['operator', 'admin']),
  entry('authority', '/ca', 'Authority', 'authority', 'c', ['viewer', 'operator', 'admin']),
  entry('audit', '/audit', 'Audit', 'audit', 'a', ['admin']),
  entry('settings', '/settings', 'Settings', 'settings', 's', ['admin']),
  entry('help', '/help', 'Help', 'help', 'h', ['viewer', 'operator', 'admin']),
  entry('api', '/docs', 'API', 'api', '', ['viewer', 'operator', 'admin']),
];

/** The entries for a role; none for a page that this server does not have. */
export function navigationFor(app: FastifyInstance, role: Role): NavigationEntry[] {
  return ENTRIES.filter(({ roles, href }) => roles.includes(role) && hasPage(app, href));
}

function hasPage(app: FastifyInstance, url: string): boolean {
  return app.hasRoute({ method: 'GET', url }) || app.hasRoute({ method: 'GET', url: `${url}/` });
}

function entry(
  section: string,
  href: string,
  label: string,
  icon: string,
  key: string,
  roles: readonly Role[],
): NavigationEntry & { roles: readonly Role[] } {
  return { section, href, label, icon, key, roles };
}
