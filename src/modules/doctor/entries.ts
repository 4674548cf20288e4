/** What a file or directory shows without being read: who may read it, and whether it is a left-over. */
import { type Entry, isUnfinished } from '../../store/walk.js';
import type { Finding } from './finding.js';

/** Private keys, hashes of tokens, and answers that may hold either. */
const SECRET = /\.key$|^auth\/|^idempotency\//;

/**
 * @param entry its path below the data directory, or with `logs/` in front
 * @param secret whether nobody but the owner may read it, beside those that are known here
 */
export function checkEntry({ path, kind, mode }: Entry, secret = false): Finding[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (isUnfinished(name)) return [leftOver(path, name)];
  // Windows has no such permissions.
  if (process.platform === 'win32') return [];
  if (kind === 'directory' && (mode & 0o300) !== 0o300)
    return [wrongMode(path, mode, 0o700, 'CertMate may not write here')];
  const closed = secret || SECRET.test(path);
  if (kind === 'file' && (mode & 0o400) === 0) {
    return [wrongMode(path, mode, closed ? 0o600 : mode | 0o600, 'CertMate may not read this')];
  }
  if ((mode & 0o077) === 0) return [];
  const wanted = kind === 'directory' ? 0o700 : kind === 'file' && closed ? 0o600 : null;
  return wanted === null ? [] : [wrongMode(path, mode, wanted, 'Others may use it')];
}

function wrongMode(path: string, mode: number, wanted: number, problem: string): Finding {
  return {
    path,
    identifier: null,
    problem: `${problem} (mode ${octal(mode)}).`,
    advice: `Its mode becomes ${octal(wanted)}.`,
    remedy: { kind: 'mode', mode: wanted },
  };
}

function leftOver(path: string, name: string): Finding {
  const ofCertificate = /^\.(?:new|next)-/.test(name);
  return {
    path,
    identifier: null,
    problem: 'A crash has left this unfinished.',
    advice: ofCertificate ? 'It is finished if the journal has it, else removed.' : 'It is removed.',
    remedy: { kind: ofCertificate ? 'start' : 'unfinished' },
  };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
