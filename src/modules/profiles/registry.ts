/** All profiles: those built in, and the operator's own as files. */
import { CertMateError, StartupError } from '../../errors.js';
import type { Folder } from '../../store/folder.js';
import { KeyedLock } from '../../store/keyed-lock.js';
import { onlyUnnumbered, VersionedFile } from '../../store/versioned-file.js';
import { BUILT_IN, FALLBACK } from './built-in.js';
import { Profile } from './profile.js';
import { type ProfileRules, profileParams, profileRules } from './schema.js';

type ProfileFiles = Pick<Folder, 'list' | 'read' | 'write' | 'remove'>;

const SUFFIX = '.json';
/** What the lock guards: one change of them at a time, and none while all are read. */
const FILES = 'profiles';

export class Profiles {
  readonly #files: ProfileFiles;
  readonly #builtIn = new Map<string, Profile>();
  #own = new Map<string, Profile>();
  readonly #lock = new KeyedLock();

  private constructor(files: ProfileFiles) {
    this.#files = files;
    for (const [name, rules] of Object.entries(BUILT_IN)) {
      this.#builtIn.set(name, new Profile(name, 'built-in', profileRules.parse(rules)));
    }
  }

  /**
   * Reads the operator's own profiles.
   * @throws StartupError one is damaged: without its rules, certificates that it forbids would be issued
   */
  static async open(files: ProfileFiles): Promise<Profiles> {
    const profiles = new Profiles(files);
    await profiles.reload();
    return profiles;
  }

  /**
   * Reads the operator's own profiles again, after somebody has changed their files.
   * @throws StartupError one is damaged: then all stay as they were
   */
  reload(): Promise<void> {
    return this.#lock.run(FILES, async () => {
      this.#own = await this.#read();
    });
  }

  async #read(): Promise<Map<string, Profile>> {
    const own = new Map<string, Profile>();
    for (const file of await this.#files.list()) {
      if (!file.endsWith(SUFFIX)) continue;
      const name = file.slice(0, -SUFFIX.length);
      if (!profileParams.safeParse({ name }).success) {
        throw new StartupError(`profiles/${file} has a name that no cert_usage can have. Rename or remove it.`);
      }
      const contents = await this.#files.read(file);
      if (contents !== null) own.set(name, new Profile(name, 'own', profileFile.decode(contents, `profiles/${file}`)));
    }
    return own;
  }

  /** The profile that a `cert_usage` picks: the one of that name, the operator's before ours, else the fallback. */
  forUsage(usage: string): Profile {
    const profile = this.#find(usage) ?? this.#find(FALLBACK);
    if (profile === undefined) throw new Error('the fallback profile is missing');
    return profile;
  }

  /** All, by name. */
  list(): Profile[] {
    const all = new Map([...this.#builtIn, ...this.#own]);
    return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws CertMateError NOT_FOUND */
  get(name: string): Profile {
    const profile = this.#find(name);
    if (profile === undefined) {
      throw new CertMateError('NOT_FOUND', `There is no profile "${name}"; that usage has the profile "${FALLBACK}".`);
    }
    return profile;
  }

  /** Makes or replaces an own profile; it is on disk, and in effect, when this resolves. */
  put(name: string, rules: ProfileRules): Promise<{ profile: Profile; created: boolean }> {
    return this.#lock.run(FILES, async () => {
      const profile = new Profile(name, 'own', rules);
      await profileFile.write(this.#files, `${name}${SUFFIX}`, rules);
      const created = !this.#own.has(name);
      this.#own.set(name, profile);
      return { profile, created };
    });
  }

  /**
   * Removes an own profile; the built-in one of its name, if there is one, is in effect again.
   * @throws CertMateError NOT_FOUND; CONFLICT a built-in one stays
   */
  remove(name: string): Promise<void> {
    return this.#lock.run(FILES, async () => {
      if (!this.#own.has(name)) {
        if (this.#builtIn.has(name)) {
          throw new CertMateError(
            'CONFLICT',
            `The profile "${name}" is built in. Put one of your own over it instead.`,
          );
        }
        this.get(name);
      }
      await this.#files.remove(`${name}${SUFFIX}`);
      this.#own.delete(name);
    });
  }

  #find(name: string): Profile | undefined {
    return this.#own.get(name) ?? this.#builtIn.get(name);
  }
}

/**
 * An own profile: its rules, as the API takes them. People write such files too, with no `schema_version` and in places where
 * we may not write; so one of an older form stays as it is until the API replaces it.
 */
export const profileFile = new VersionedFile<ProfileRules>({
  upgrades: [onlyUnnumbered],
  parse: (contents) => {
    const { success, data, error } = profileRules.safeParse(contents);
    if (success) return data;
    const [issue] = error.issues;
    throw new Error(`${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
  },
  remedy: 'Mend or remove it.',
});
