// Writes three files, each with more care than the one before. Its argument: the directory.
import { mkdirSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { note } from './recording.js';

const [directory = '', into = ''] = process.argv.slice(2);

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

const careless = await open(join(directory, 'careless'), 'wx');
await careless.write('written, not synced');
await careless.close();
note(into, 'careless');

const nameless = await open(join(directory, 'nameless'), 'wx');
await nameless.write('synced ');
await nameless.datasync();
await nameless.write('and more');
note(into, 'nameless');
await nameless.datasync();
await nameless.close();

mkdirSync(join(directory, 'inner'));
const careful = await open(join(directory, 'inner', '.new'), 'wx');
await careful.write('there');
await careful.datasync();
await careful.close();
await rename(join(directory, 'inner', '.new'), join(directory, 'inner', 'careful'));
await sync(join(directory, 'inner'));
note(into, 'unreachable');
await sync(directory);
note(into, 'careful');
