/** What the help page tells that depends on something: who may do what, and where things are. */
import type { Role } from '../../types.js';

/** What people do, and the route of the API that does it: its row of the access table says who may. */
const ABILITIES: readonly (readonly [string, string])[] = [
  ['Look at certificates, the CA and profiles', 'GET /api/client-certs'],
  ['Download certificates and chains, without private keys', 'GET /api/client-certs/:id/download/:type'],
  ['Issue, for a new key or for a CSR', 'POST /api/client-certs'],
  ['Issue many from a table', 'POST /api/client-certs/batch'],
  ['Fetch private keys, PKCS#12 and ZIP files', 'POST /api/client-certs/:id/download/p12'],
  ['Renew', 'POST /api/client-certs/:id/renew'],
  ['Change notes, tags and renewal', 'PATCH /api/client-certs/:id'],
  ['Revoke, suspend and release', 'POST /api/client-certs/:id/revoke'],
  ['Delete', 'DELETE /api/client-certs/:id'],
  ['Write profiles', 'PUT /api/profiles/:name'],
  ['Change rate limits, renewal and appearance', 'PATCH /api/settings'],
  ['Make and remove users and API keys', 'POST /api/keys'],
  ['Read and verify the audit trail', 'GET /api/audit'],
  ['Back up everything', 'POST /api/ca/backup'],
];

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];

/** By section of the navigation. */
const PLACES: Record<string, string> = {
  certificates: 'Every certificate: search, filter, open, renew, revoke.',
  batch: 'Issue up to 30 000 at once from a table.',
  authority: 'The CA, its revocation list, and how servers are made to check certificates.',
  audit: 'Who did what and when, in lines that cannot be changed unseen.',
  settings: 'Users, API keys, rate limits, renewal, profiles, appearance.',
  api: 'Every call that programs can make, to try out.',
};

export interface HelpPage {
  /** Each with whether viewers, operators, administrators may. */
  abilities: { what: string; may: boolean[] }[];
  roles: { label: string; own: boolean }[];
  places: { href: string; label: string; icon: string; says: string }[];
}

/**
 * @param leastRole the least role that may call a route of the API
 * @param navigation the entries that the visitor has
 */
export function helpPage(
  role: Role,
  leastRole: (route: string) => Role | 'public',
  navigation: readonly { section: string; href: string; label: string; icon: string }[],
): HelpPage {
  return {
    abilities: ABILITIES.map(([what, route]) => {
      const least = leastRole(route);
      return { what, may: ROLES.map((each) => least === 'public' || ROLES.indexOf(each) >= ROLES.indexOf(least)) };
    }),
    roles: ROLES.map((each) => ({ label: each === 'admin' ? 'Administrator' : capital(each), own: each === role })),
    places: navigation.flatMap(({ section, ...entry }) => {
      const says = PLACES[section];
      return says === undefined ? [] : { ...entry, says };
    }),
  };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
