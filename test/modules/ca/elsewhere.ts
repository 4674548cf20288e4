/** A CA that another program made: a root, and an intermediate below it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { output } from '../../pki/programs.js';

const EXTENSIONS = [
  'basicConstraints=critical,CA:TRUE',
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
  'authorityKeyIdentifier=keyid',
];

/**
 * Has openssl make `root.crt`, `root.key`, `sub.crt` and `sub.key`, and gives what reads them.
 * @param algorithm what openssl takes after `-newkey`
 */
export async function madeElsewhere(t: TestContext, algorithm: string[]): Promise<(name: string) => Promise<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-elsewhere-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const at = (name: string) => join(folder, name);
  await writeFile(at('ext'), `${EXTENSIONS.join('\n')}\n`);
  const key = (name: string) => ['-newkey', ...algorithm, '-nodes', '-keyout', at(`${name}.key`)];
  const root = EXTENSIONS.slice(0, 2).flatMap((text) => ['-addext', text]);
  output('openssl', [
    'req',
    '-x509',
    ...key('root'),
    '-out',
    at('root.crt'),
    '-days',
    '3650',
    '-subj',
    '/O=Elsewhere/CN=Root',
    ...root,
  ]);
  output('openssl', ['req', ...key('sub'), '-out', at('sub.csr'), '-subj', '/O=Elsewhere/CN=Sub']);
  const signing = ['-CA', at('root.crt'), '-CAkey', at('root.key'), '-CAcreateserial', '-extfile', at('ext')];
  output('openssl', ['x509', '-req', '-in', at('sub.csr'), ...signing, '-days', '1000', '-out', at('sub.crt')]);
  return (name) => readFile(at(name), 'utf8');
}
