// Locks the directory it is given and holds it until it is killed.
import { lockDirectory } from '../../src/store/lock.js';

await lockDirectory(process.argv[2] as string);
console.log('locked');
setInterval(() => undefined, 60_000);
