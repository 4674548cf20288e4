/** Work on many things, a few at a time. */

/**
 * Calls `work` for each item, in order, at most `most` at once.
 * @throws what `work` throws, once those that had begun are done; no further item is begun
 */
export async function concurrently<Item>(
  items: Iterable<Item>,
  most: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const take = async (): Promise<void> => {
    for (let next = queue.next(); !next.done && failures.length === 0; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: most }, take));
  if (failures.length > 0) throw failures[0];
}
