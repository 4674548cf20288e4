/** What became of each thing that an import has found. */
import type { Identifier } from '../../types.js';

export interface Outcome {
  /** The file, below the directory. */
  path: string;
  /**
   * `revoked`: a certificate that is here already. `kept`: a serial number that stays revoked without its certificate.
   * `noted`: something that is otherwise than a caller may expect.
   */
  outcome: 'imported' | 'revoked' | 'kept' | 'noted' | 'skipped' | 'failed';
  /** Under which it is found now; null unless it was imported or revoked. */
  identifier: Identifier | null;
  /** Why it was not imported, or what was imported with it. */
  reason: string;
}

export function failed(path: string, reason: string): Outcome {
  return { path, outcome: 'failed', identifier: null, reason };
}

export function skipped(path: string, reason: string): Outcome {
  return { path, outcome: 'skipped', identifier: null, reason };
}

export function noted(path: string, reason: string): Outcome {
  return { path, outcome: 'noted', identifier: null, reason };
}
