/** Every command by its name. Each is loaded when it is needed: a question to a server needs nothing of the server. */
import type { Command } from './command.js';

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  issue: async () => (await import('./issue.js')).issueCommand,
  list: async () => (await import('./list.js')).listCommand,
  show: async () => (await import('./show.js')).showCommand,
  download: async () => (await import('./download.js')).downloadCommand,
  renew: async () => (await import('./renew.js')).renewCommand,
  edit: async () => (await import('./edit.js')).editCommand,
  revoke: async () => (await import('./revoke.js')).revokeCommand,
  unhold: async () => (await import('./unhold.js')).unholdCommand,
  delete: async () => (await import('./delete.js')).deleteCommand,
  stats: async () => (await import('./stats.js')).statsCommand,
  'batch show': async () => (await import('./batch-job.js')).batchShowCommand,
  'batch cancel': async () => (await import('./batch-job.js')).batchCancelCommand,
  'csr create': async () => (await import('./csr.js')).csrCreateCommand,
  'csr inspect': async () => (await import('./csr.js')).csrInspectCommand,
  renewals: async () => (await import('./renewals.js')).renewalsCommand,
  'renewals run': async () => (await import('./renewals.js')).renewalsRunCommand,
  'key create': async () => (await import('./accounts.js')).keyCommand,
  'key rotate': async () => (await import('./accounts.js')).keyRotateCommand,
  'blocked-keys list': async () => (await import('./blocked-keys.js')).blockedKeysListCommand,
  'blocked-keys add': async () => (await import('./blocked-keys.js')).blockedKeysAddCommand,
  'blocked-keys remove': async () => (await import('./blocked-keys.js')).blockedKeysRemoveCommand,
  'user create': async () => (await import('./accounts.js')).userCommand,
  backup: async () => (await import('./backup.js')).backupCommand,
  serve: async () => (await import('./serve.js')).serveCommand,
  init: async () => (await import('./init.js')).initCommand,
  'import-ca': async () => (await import('./import-ca.js')).importCaCommand,
  'import-certs': async () => (await import('./import-certs.js')).importCertsCommand,
  restore: async () => (await import('./restore.js')).restoreCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  'reseal-keys': async () => (await import('./reseal-keys.js')).resealKeysCommand,
  reindex: async () => (await import('./reindex.js')).reindexCommand,
  'verify-audit': async () => (await import('./verify-audit.js')).verifyAuditCommand,
};

/** The name that these words begin with; null if there is no such command. */
export function nameIn(words: readonly string[]): string | null {
  const [first = '', second = ''] = words;
  return [`${first} ${second}`, first].find((name) => Object.hasOwn(COMMANDS, name)) ?? null;
}
