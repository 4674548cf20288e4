/** Labels with a bounded number of values, whatever callers make up. */

/** Whatever is not counted by its own name. No usage can be called so: those begin with a letter or a digit. */
const OTHER = '_other';

/**
 * A reading for each of the values that are named, and one for all others together, if there are any.
 * @param total over all values
 */
export function bounded(
  label: string,
  counts: ReadonlyMap<string, number>,
  named: readonly string[],
  total: number,
): { labels: Record<string, string>; value: number }[] {
  const readings = named.map((name) => ({ labels: { [label]: name }, value: counts.get(name) ?? 0 }));
  const rest = total - readings.reduce((sum, { value }) => sum + value, 0);
  return rest > 0 ? [...readings, { labels: { [label]: OTHER }, value: rest }] : readings;
}
