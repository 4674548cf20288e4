// The far end of worker-thread.test.ts: tells with whom an order came, and dies when asked to.
import { setTimeout as delay } from 'node:timers/promises';
import type { Work } from '../src/worker-thread.js';

const work: Work<string, string, string> = async (orders) => {
  if (orders.includes('die')) process.exit(7);
  if (orders.includes('throw')) throw new Error('a fault of the work itself');
  await delay(20);
  return orders.map((order) => (order === 'refuse' ? { failed: order } : { done: orders.join('+') }));
};

export default work;
