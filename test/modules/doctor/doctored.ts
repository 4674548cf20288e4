// A data directory that a real server has filled and left, and the doctor's nouns on it.
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { STORED_KINDS } from '../../../src/cli/stored-kinds.js';
import { systemClock } from '../../../src/clock.js';
import type { Config } from '../../../src/config.js';
import { KeySealer } from '../../../src/crypto/key-sealer.js';
import { verifyStored } from '../../../src/modules/audit/stored.js';
import { type Examination, examine } from '../../../src/modules/doctor/examine.js';
import { repair } from '../../../src/modules/doctor/repair.js';
import { openStore } from '../../../src/modules/foundation/open-store.js';
import { Folder } from '../../../src/store/folder.js';
import { build, testConfig } from '../../build.js';
import { recordingLog } from '../../store/records.js';

export const USAGE = 'certs/client/api-mtls';

export interface Filled {
  config: Config;
  /** Path below the data directory → path. */
  at: (path: string) => string;
  /** Serial numbers of three certificates: in use, revoked, renewed (the serial number it had before, too). */
  serials: { alice: string; bob: string; carol: string; carolBefore: string };
}

/** Alice has a certificate, Bob's is revoked, Carol's has been renewed. */
export async function filled(t: TestContext): Promise<Filled> {
  const config = await testConfig(t);
  const { app, issue, call } = await build(t, { config });
  const named = (identifier: string) => issue({ identifier, common_name: `${identifier}@example.com` });
  const [alice, bob, carol] = [await named('alice'), await named('bob'), await named('carol')];
  await call('admin', {
    method: 'POST',
    url: '/api/client-certs/bob/revoke',
    payload: { reason: 'keyCompromise' },
  });
  const renewed = await call('operator', { method: 'POST', url: '/api/client-certs/carol/renew', payload: {} });
  await app.close();
  return {
    config,
    at: (path) => join(config.dataDir, path),
    serials: {
      alice: alice['serial_number'] as string,
      bob: bob['serial_number'] as string,
      carol: renewed.json().serial_number,
      carolBefore: carol['serial_number'] as string,
    },
  };
}

/** Where to look. */
type Examined = Pick<Config, 'dataDir' | 'logDir' | 'caPassphrase'> & Partial<Pick<Config, 'keyEncryption'>>;

export function examined(
  { dataDir, logDir, caPassphrase, keyEncryption = null }: Examined,
  now: Date = systemClock.now(),
): Promise<Examination> {
  return examine({
    dataDir,
    logDir,
    caPassphrase,
    sealer: new KeySealer(keyEncryption),
    kinds: STORED_KINDS,
    now,
    verifyAudit: async () => {
      try {
        const result = await verifyStored(new Folder(join(logDir, 'audit')), new Folder(join(dataDir, 'audit')));
        return { lines: result?.lines ?? 0, problem: result?.first_bad ? `broken at ${result.first_bad.seq}` : null };
      } catch (error) {
        return { lines: 0, problem: (error as Error).message };
      }
    },
  });
}

/** `path: problem` of every finding. */
export async function complaints(config: Examined): Promise<string[]> {
  return (await examined(config)).findings.map(({ path, problem }) => `${path}: ${problem}`);
}

export async function repaired(config: Config): Promise<void> {
  const { dataDir, logDir } = config;
  const store = () => openStore(dataDir, systemClock, recordingLog());
  const sealer = new KeySealer(config.keyEncryption);
  await repair({ dataDir, logDir, openStore: store, sealer, now: systemClock.now() }, () => examined(config));
}
