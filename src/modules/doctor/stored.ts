/** Holds the files that a start reads, other than those of certificates, against what they should say. */
import type { Folder } from '../../store/folder.js';
import type { Entry } from '../../store/walk.js';
import type { Finding } from './finding.js';

/** A kind of file below the data directory. */
export interface StoredKind {
  /** Of its path. */
  pattern: RegExp;
  file: {
    readonly mode: number;
    complaint(text: Buffer): { problem: string; advice: string } | null;
  };
  /** People write such files too, and give them the permissions that they like. */
  byHand?: true;
  /** That there is one is a fault by itself. */
  unwanted?: { problem: string; advice: string };
}

/** The kind of a file; null for those that others look at. */
export function kindOf(path: string, kinds: readonly StoredKind[]): StoredKind | null {
  return kinds.find(({ pattern }) => pattern.test(path)) ?? null;
}

/** What is wrong with what a file says. @param data the data directory */
export async function checkStored({ path, kind }: Entry, data: Folder, stored: StoredKind): Promise<Finding[]> {
  const report = ({ problem, advice }: { problem: string; advice: string }): Finding[] => [
    { path, identifier: null, problem, advice, remedy: null },
  ];
  if (kind !== 'file') {
    return report({
      problem: 'It is not a file.',
      advice: 'Move it to another place, and restore the file from a backup.',
    });
  }
  const names = path.split('/');
  const name = names.pop() ?? '';
  const content = await names.reduce((folder, below) => folder.folder(below), data).read(name);
  const complaint = content === null ? null : stored.file.complaint(content);
  return [
    ...(complaint === null ? [] : report(complaint)),
    ...(stored.unwanted === undefined ? [] : report(stored.unwanted)),
  ];
}
