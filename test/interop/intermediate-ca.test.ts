// A CA below another one: servers look for the lists of both, and the printed script keeps them together.
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CertMate, startCertMate } from './certmate.js';
import { type Machine, prepareMachine } from './printed.js';
import { missing, run, temporaryFolder } from './programs.js';

const skip = missing('curl', 'openssl');

/** A root, an intermediate CA below it, and the root's empty list, as files in this folder. */
const MAKE_CHAIN = `
set -e
cd "$1"
new="openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
cat > ca.cnf <<END
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[issued]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[root]
database = index
default_md = sha256
default_crl_days = 30
END
touch index
$new -x509 -days 3650 -config ca.cnf -extensions ca -subj '/CN=Root' -keyout root.key -out root.pem
$new -config ca.cnf -subj '/CN=Below' -keyout below.key -out below.csr
openssl x509 -req -in below.csr -CA root.pem -CAkey root.key -set_serial 2 -days 1825 -extfile ca.cnf -extensions issued -out below.pem
openssl ca -config ca.cnf -name root -gencrl -cert root.pem -keyfile root.key -out root-crl.pem
`;

describe('a CA below another one', () => {
  const temporary = temporaryFolder('chain');
  const file = (name: string) => join(temporary.path, name);
  let certmate: CertMate;
  let machine: Machine;

  before(async () => {
    if (skip) return;
    const made = await run`sh -c ${MAKE_CHAIN} - ${temporary.path}`;
    assert.equal(made.status, 0, made.output);
    const data = { CERTMATE_DATA_DIR: file('data'), CERTMATE_LOG_DIR: file('logs') };
    const command = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
    const imported =
      await run`env CERTMATE_DATA_DIR=${data.CERTMATE_DATA_DIR} ${process.execPath} ${command} import-ca --cert ${file('below.pem')} --key ${file('below.key')} --chain ${file('root.pem')}`;
    assert.equal(imported.status, 0, imported.output);
    certmate = await startCertMate(data);
    machine = await prepareMachine(certmate, 'nginx');
  });
  after(async () => {
    machine?.remove();
    await certmate?.stop();
    temporary.remove();
  });

  test('with the root’s certificate and list added as printed, the whole chain can be checked', { skip }, async () => {
    const [ca, crl] = [join(machine.root, 'etc/certmate/ca.pem'), join(machine.root, 'etc/certmate/crl.pem')];
    const alice = await certmate.issue({ common_name: 'alice' });
    const verify = async () =>
      (await run`openssl verify -crl_check_all -CAfile ${ca} -CRLfile ${crl} ${alice.certificate}`).output;
    appendFileSync(ca, readFileSync(file('root.pem')));
    assert.match(await verify(), /unable to get certificate CRL/);

    machine.copy(file('root-crl.pem'), '/etc/certmate/other-crls.pem');
    assert.deepEqual(await machine.fetchList(), { output: '', status: 0 });
    assert.match(await verify(), /: OK/);

    await certmate.revoke(alice.identifier);
    assert.deepEqual(await machine.fetchList(), { output: '', status: 0 });
    assert.match(await verify(), /certificate revoked/);
  });
});
