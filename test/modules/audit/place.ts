// An audit trail on a temporary directory, and its files.
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openTrail } from '../../../src/modules/audit/open-trail.js';
import type { Limits } from '../../../src/modules/audit/segment.js';
import type { AuditTrail } from '../../../src/modules/audit/trail.js';
import type { AuditEvent, Log } from '../../../src/types.js';
import { makeAuditKey, TestClock, temporaryDirectory } from '../../http/small-app.js';

export const silent = { info() {}, warn() {}, error() {} };

export const LIVE = 'certificate_audit.log';

export interface Place {
  directory: string;
  /** The directory of the log, and of the key. */
  logs: string;
  data: string;
  log: string;
  checkpoints: string;
  head: string;
  key: string;
}

export function placeIn(directory: string): Place {
  const logs = join(directory, 'logs', 'audit');
  const data = join(directory, 'data', 'audit');
  return {
    directory,
    logs,
    data,
    log: join(logs, LIVE),
    checkpoints: join(logs, 'certificate_audit.checkpoints'),
    head: join(data, 'head.json'),
    key: join(data, 'audit.key'),
  };
}

export function place(t: TestContext): Place {
  return placeIn(temporaryDirectory(t));
}

export async function open(
  t: TestContext,
  { directory, logs }: Place,
  options: { clock?: TestClock; limits?: Limits; log?: Log } = {},
): Promise<AuditTrail> {
  const trail = await openTrail({
    dataDir: join(directory, 'data'),
    auditLogDir: logs,
    limits: options.limits,
    generateKey: makeAuditKey,
    clock: options.clock ?? new TestClock(),
    log: options.log ?? silent,
  });
  t.after(() => trail.close());
  return trail;
}

export function event(resource: string, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    operation: 'create',
    resource_type: 'certificate',
    resource_id: resource,
    status: 'success',
    actor: { user: 'alice', ip_address: '192.0.2.1', request_id: 'r-1' },
    ...more,
  };
}

/** Records `cert-<from>` to `cert-<to>`, as fast as it goes. */
export async function recordMany(trail: AuditTrail, from: number, to: number): Promise<void> {
  await Promise.all(Array.from({ length: to - from + 1 }, (_, index) => trail.record(event(`cert-${from + index}`))));
}

export const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);
export const rewrite = (path: string, lines: string[]) =>
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));

/** Names of the files of the log, oldest first. */
export function logFilesOf({ logs }: Place): string[] {
  return readdirSync(logs)
    .filter((name) => name.endsWith('.log'))
    .sort();
}

/** All lines, over all files. */
export const allLines = (where: Place) => logFilesOf(where).flatMap((name) => linesOf(join(where.logs, name)));

/** The same directories in another place, as a kill would leave them now. */
export function copied(t: TestContext, from: Place): Place {
  const to = place(t);
  cpSync(from.directory, to.directory, { recursive: true });
  return to;
}

/** The same line with a hash that fits its new text. */
export function forge(line: string, change: (text: string) => string): string {
  const body = `${change(line.replace(/,"hash":"[0-9a-f]{64}"\}$/, ''))}}`;
  return `${body.slice(0, -1)},"hash":"${createHash('sha256').update(body).digest('hex')}"}`;
}
