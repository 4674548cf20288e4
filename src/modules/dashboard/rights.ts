/** Which buttons a role gets. The server refuses the rest in any case: the access table decides. */
import type { Role } from '../../types.js';

export interface Rights {
  /** Issue and renew certificates and fetch private keys. */
  issue: boolean;
  /** Revoke, release from hold and delete. */
  revoke: boolean;
}

function rightsOfRole(role: Role): Rights {
  return { issue: role !== 'viewer', revoke: role === 'admin' };
}

/** What the visitor may do. */
export function rightsOf({ principal }: { principal: { role: Role } | null }): Rights {
  return rightsOfRole(principal?.role ?? 'viewer');
}
