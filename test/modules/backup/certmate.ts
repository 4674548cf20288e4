// The command, run as a program.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../../src/config.js';

const cli = fileURLToPath(new URL('../../../src/cli.js', import.meta.url));

/** Runs `certmate` on the directories of these settings. */
export async function certmate(
  {
    dataDir,
    logDir,
    keyEncryption = null,
  }: Pick<Config, 'dataDir' | 'logDir'> & Partial<Pick<Config, 'keyEncryption'>>,
  ...args: string[]
): Promise<{ status: number | null; output: string }> {
  const child = spawn(process.execPath, [cli, ...args], {
    env: {
      ...process.env,
      CERTMATE_DATA_DIR: dataDir,
      CERTMATE_LOG_DIR: logDir,
      CERTMATE_CA_KEY_TYPE: 'ec-p256',
      ...(keyEncryption !== null && { CERTMATE_KEY_ENCRYPTION: keyEncryption }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { status, output };
}
