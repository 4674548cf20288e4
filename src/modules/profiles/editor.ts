/** Changes profiles of the operator's own, and has the audit trail tell who did it. */
import { type RecordingParts, recordSaved } from '../../arrears.js';
import { CertMateError } from '../../errors.js';
import type { Actor, AuditEvent } from '../../types.js';
import type { Profile } from './profile.js';
import { type ProfileRules, profileParams, profileRules } from './schema.js';

export interface EditorParts extends RecordingParts {
  profiles: {
    put(name: string, rules: ProfileRules): Promise<{ profile: Profile; created: boolean }>;
    remove(name: string): Promise<void>;
  };
}

export class ProfileEditor {
  readonly #parts: EditorParts;

  constructor(parts: EditorParts) {
    this.#parts = parts;
  }

  /**
   * Makes or replaces a profile; it is in effect, and in the audit trail, when this resolves.
   * @param rules as they are sent; what is left out has its default
   * @throws CertMateError VALIDATION_FAILED with the path of each rule that is wrong, `name` for the name
   */
  async save(name: string, rules: unknown, actor: Actor): Promise<{ profile: Profile; created: boolean }> {
    const checked = profileRules.safeParse(rules);
    const wrong = [
      ...(profileParams.safeParse({ name }).error?.issues ?? []),
      ...(checked.error?.issues ?? []),
    ].flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'there is no such rule' }))
        : [{ path: issue.path.join('.'), message: issue.message }],
    );
    if (!checked.success || wrong.length > 0) {
      const [first] = wrong;
      throw new CertMateError('VALIDATION_FAILED', `${first?.path}: ${first?.message}`, { details: wrong });
    }
    const result = await this.#parts.profiles.put(name, checked.data);
    const details = { action: result.created ? 'create' : 'replace', rules: checked.data };
    await this.#record(name, actor, details, `The profile ${name} is saved`);
    return result;
  }

  /** Removes one. @throws CertMateError NOT_FOUND; CONFLICT a built-in one stays */
  async remove(name: string, actor: Actor): Promise<void> {
    await this.#parts.profiles.remove(name);
    await this.#record(name, actor, { action: 'remove' }, `The profile ${name} is removed`);
  }

  #record(name: string, actor: Actor, details: Record<string, unknown>, saved: string): Promise<void> {
    const line: AuditEvent = {
      operation: 'settings_update',
      resource_type: 'settings',
      resource_id: `profile:${name}`,
      status: 'success',
      actor,
      details,
    };
    return recordSaved(this.#parts, [line], saved);
  }
}
