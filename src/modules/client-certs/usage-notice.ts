/** Tells of a usage that is used for the first time: it may be a new one, or a slip of the keyboard. */

/** So many letters may differ for a usage to be suggested in place of another. */
const MOST_DIFFERENCES = 2;

/**
 * Whether no profile and no certificate has a usage yet, and the known usage that is likely meant; null where it is known.
 * @param known the usages of profiles and certificates
 */
export function newUsage(usage: string, known: Iterable<string>): { likely: string | null } | null {
  const names = new Set(known);
  return names.has(usage) ? null : { likely: closest(usage, names) };
}

/** What to say of a usage that no profile and no certificate has yet; null where it is known. See newUsage. */
export function newUsageNotice(usage: string, known: Iterable<string>): string | null {
  const found = newUsage(usage, known);
  if (found === null) return null;
  const question = found.likely === null ? '' : ` Did you mean "${found.likely}"?`;
  return `"${usage}" is a new usage: no profile and no other certificate has it.${question}`;
}

/** The known usage that differs least from this one, by two letters at most and by less than half of them; null if none is near. */
function closest(usage: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let least = Math.min(MOST_DIFFERENCES, Math.floor(usage.length / 2)) + 1;
  for (const name of known) {
    const distance = differences(usage, name);
    if (distance >= least) continue;
    [best, least] = [name, distance];
  }
  return best;
}

/** How many letters are to be changed, added or removed to make one text of the other (Levenshtein's distance). */
function differences(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...from].entries()) {
    const current = [row + 1];
    for (let column = 0; column < to.length; column += 1) {
      const changed = (previous[column] ?? 0) + (letter === to[column] ? 0 : 1);
      current.push(Math.min(changed, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}
