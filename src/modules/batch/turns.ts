/** The order in which waiting batches get their turn: by caller, so that many batches of one caller do not hold up another caller's. */

interface Waiting {
  readonly description: { readonly owner: { readonly id: string } };
}

/**
 * The batches in the order of their turns: one of each owner after the other, each owner's in the order in which they came.
 * @param waiting in the order in which they came
 * @param served when each owner had a turn last, as a number that grows; those without one come first
 */
export function inTurn<Job extends Waiting>(waiting: readonly Job[], served: ReadonlyMap<string, number>): Job[] {
  const byOwner = new Map<string, Job[]>();
  for (const job of waiting) {
    const { id } = job.description.owner;
    byOwner.set(id, [...(byOwner.get(id) ?? []), job]);
  }
  const queues = [...byOwner]
    .sort(([a], [b]) => (served.get(a) ?? -1) - (served.get(b) ?? -1))
    .map(([, queue]) => queue);
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  return Array.from({ length: longest }, (_, round) => queues.flatMap((queue) => queue[round] ?? [])).flat();
}
