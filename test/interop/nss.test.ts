// NSS, the library of Firefox, judges chain, CRL and OCSP answers of a running CertMate.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CertMate, startCertMate } from './certmate.js';
import { missing, type Outcome, run } from './programs.js';

const skip = missing('certutil', 'crlutil', 'vfychain');

describe('NSS', () => {
  let certmate: CertMate;
  let database: string;

  const succeed = ({ status, output }: Outcome) => assert.equal(status, 0, output);

  before(async () => {
    if (skip) return;
    certmate = await startCertMate();
    const folder = join(certmate.folder, 'nss');
    mkdirSync(folder);
    database = `sql:${folder}`;
    succeed(await run`certutil -N -d ${database} --empty-password`);
    succeed(await run`certutil -A -d ${database} -n ca -t CT,C,C -a -i ${certmate.ca}`);
  });
  after(() => certmate?.stop());

  test('a certificate is valid for a TLS client until the imported CRL names it', { skip }, async () => {
    const { identifier, certificate } = await certmate.issue({ common_name: 'alice', email: 'alice@example.com' });
    succeed(await run`certutil -A -d ${database} -n alice -t ,, -a -i ${certificate}`);
    // -I has NSS verify the CRL's signature before it takes it in; type 1 is a CRL.
    succeed(await run`crlutil -I -d ${database} -t 1 -i ${await certmate.crl('der')}`);
    const good = await run`certutil -V -d ${database} -n alice -u C -e`;
    succeed(good);
    assert.match(good.output, /certificate is valid/);

    // NSS takes a CRL only if its thisUpdate, in whole seconds, is later than that of the one it has.
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await certmate.revoke(identifier);
    succeed(await run`crlutil -I -d ${database} -t 1 -i ${await certmate.crl('der')}`);
    const listed = await run`crlutil -L -d ${database} -n ca`;
    assert.match(listed.output, /Serial Number/, listed.output);
    const revoked = await run`certutil -V -d ${database} -n alice -u C -e`;
    assert.notEqual(revoked.status, 0);
    assert.match(revoked.output, /revoked/i);
  });

  test('vfychain asks the responder that the certificate names: good, then revoked', { skip }, async () => {
    const { identifier, certificate } = await certmate.issue({ common_name: 'bob' });
    const verify = () =>
      run`vfychain -d ${database} -pp -u 0 -g leaf -m ocsp -s requireInfo -g leaf -h requireFreshInfo -a ${certificate}`;
    const good = await verify();
    assert.match(good.output, /Chain is good/);
    await certmate.revoke(identifier);
    assert.match((await verify()).output, /revoked/i);
  });
});
