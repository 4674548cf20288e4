/** Several certificates one after another: what is refused to one does not stop the others. */
import { failureOf, Refused, wording } from './failure.js';

/** Exit code 1 if one was refused. @throws what concerns all, such as a server that is gone */
export async function eachOf<Item>(
  items: readonly Item[],
  json: boolean,
  step: (item: Item) => Promise<void>,
): Promise<void> {
  if (items.length === 1) {
    for (const item of items) await step(item);
    return;
  }
  for (const item of items) {
    try {
      await step(item);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const failure = failureOf(error, false);
      process.stderr.write(`${wording(error, failure, json)}\n`);
      process.exitCode = failure.exitCode;
    }
  }
}
