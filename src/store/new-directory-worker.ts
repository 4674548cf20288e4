/** Runs in a worker thread: makes the directories of new certificates. */
import type { Work } from '../worker-thread.js';
import { makeDirectories, type NewDirectory, type Refusal } from './new-directory.js';

const work: Work<NewDirectory, null, Refusal> = async (orders) => {
  const refusals = await makeDirectories(orders);
  return refusals.map((refusal) => (refusal === null ? { done: null } : { failed: refusal }));
};

export default work;
