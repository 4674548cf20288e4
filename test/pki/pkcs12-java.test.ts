import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { files, PASSWORD, WRONG } from './pkcs12-files.js';
import { scratch, without } from './programs.js';

const forEach = files(scratch());

describe('Java finds key, certificate and chain in it', { skip: without('keytool'), concurrency: 2 }, () => {
  const keytool = (file: string, password: string) =>
    new Promise<string>((resolve) => {
      const args = ['-J-XX:+UseSerialGC', '-J-XX:TieredStopAtLevel=1', '-J-Duser.language=en'];
      const list = ['-list', '-v', '-storetype', 'PKCS12', '-keystore', file, '-storepass', password];
      execFile('keytool', [...args, ...list], (_, stdout, stderr) => resolve(stdout + stderr));
    });

  forEach((title, one, _, key) => {
    it(title, async () => {
      const { file } = one();
      assert.match(await keytool(file, PASSWORD), /Entry type: PrivateKeyEntry\s+Certificate chain length: 3/);
      // Each start of Java takes its time, and whose key it is makes no difference here.
      if (key === 'RSA') assert.match(await keytool(file, WRONG), /keystore password was incorrect/);
    });
  });
});
