import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { it } from 'node:test';

it('a log line never shows a secret, whoever logs it', () => {
  const log = new URL('../src/log.js', import.meta.url).href;
  const script = `
    const { createLog } = await import(${JSON.stringify(log)});
    const log = createLog({ logLevel: 'info' });
    log.info({ req: { headers: { authorization: 'Bearer SECRET', cookie: 'SECRET' }, body: { password: 'SECRET' } } }, 'a');
    log.info({ token: 'SECRET', passphrase: 'SECRET', private_key_pem: 'SECRET', harmless: 'shown' }, 'b');
    log.info({ req: { method: 'GET', url: '/api/keys?token=SECRET' } }, 'c');
    log.debug({}, 'too quiet');`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['a', 'b', 'c'],
  );
  assert.equal(lines[1]?.['harmless'], 'shown');
  assert.deepEqual(lines[2]?.['req'], { method: 'GET', url: '/api/keys' });
  assert.doesNotMatch(stdout, /SECRET/);
});
