import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { build } from '../../build.js';
import { complaints, examined, filled, repaired, USAGE } from './doctored.js';

describe('the doctor', () => {
  it('finds nothing in what a server has left, and changes nothing by looking', async (t) => {
    const { config, at } = await filled(t);
    const before = (await readdir(at('.'), { recursive: true })).sort();
    const { findings, ...looked } = await examined(config);
    assert.deepEqual(findings, []);
    assert.equal(looked.certificates, 3);
    assert.ok(looked.crls >= 2 && looked.auditLines >= 6, JSON.stringify(looked));
    assert.deepEqual((await readdir(at('.'), { recursive: true })).sort(), before);
  });

  it('finds nothing wrong with certificates that are held, released, deleted, or renewed with the same key', async (t) => {
    const { app, config, call, issue } = await build(t);
    const post = (identifier: string, step: string, payload: object) =>
      call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/${step}`, payload });
    for (const identifier of ['held', 'released', 'deleted', 'renewed']) await issue({ identifier });
    await post('held', 'revoke', { reason: 'certificateHold' });
    await post('released', 'revoke', { reason: 'certificateHold' });
    await post('released', 'unhold', {});
    assert.equal((await post('renewed', 'renew', { reuse_key: true, revoke_previous: true })).statusCode, 201);
    assert.equal((await post('deleted', 'renew', {})).statusCode, 201);
    await call('admin', { method: 'DELETE', url: '/api/client-certs/deleted' });
    await app.close();
    assert.deepEqual(await complaints(config), []);
  });

  it('finishes a deletion that left a private key behind', async (t) => {
    const { app, config, call, issue } = await build(t);
    await issue({ identifier: 'gone' });
    const key = `${config.dataDir}/${USAGE}/gone/cert.key`;
    const content = await readFile(key);
    await call('admin', { method: 'DELETE', url: '/api/client-certs/gone' });
    await app.close();
    await writeFile(key, content, { mode: 0o600 });
    const [complaint = ''] = await complaints(config);
    assert.match(complaint, /gone\/cert\.key: There is a private key although the record says that there is none/);
    await repaired(config);
    assert.deepEqual(await complaints(config), []);
    await assert.rejects(readFile(key), { code: 'ENOENT' });
  });

  it('mends what can be mended without guessing, and then finds nothing any more', async (t) => {
    const { config, at } = await filled(t);
    await truncate(at(`${USAGE}/alice/metadata.json`), 40);
    await rm(at(`${USAGE}/bob/metadata.json`));
    await rm(at(`${USAGE}/bob/cert.key`));
    await chmod(at(`${USAGE}/carol/cert.key`), 0o644);
    await chmod(at(`${USAGE}/carol`), 0o755);
    await mkdir(at(`${USAGE}/.new-dave`), { mode: 0o700 });
    await mkdir(at(`${USAGE}/.next-carol`), { mode: 0o700 });
    await writeFile(at('certs/ca/.unfinished-0a0b0c0d0e0f'), 'half', { mode: 0o600 });
    await rm(at('certs/ca/crl.pem'));
    assert.deepEqual((await complaints(config)).sort(), [
      'certs/ca/.unfinished-0a0b0c0d0e0f: A crash has left this unfinished.',
      'certs/ca/crl.pem: It is missing.',
      `${USAGE}/.new-dave: A crash has left this unfinished.`,
      `${USAGE}/.next-carol: A crash has left this unfinished.`,
      `${USAGE}/alice/metadata.json: It is damaged: it is not JSON.`,
      `${USAGE}/bob/cert.key: It is missing.`,
      `${USAGE}/bob/metadata.json: It is missing.`,
      `${USAGE}/carol/cert.key: Others may use it (mode 0644).`,
      `${USAGE}/carol: Others may use it (mode 0755).`,
    ]);
    await repaired(config);
    assert.deepEqual(await complaints(config), []);
    assert.equal(JSON.parse(await readFile(at(`${USAGE}/bob/metadata.json`), 'utf8')).has_private_key, false);
    assert.equal((await stat(at(`${USAGE}/carol/cert.key`))).mode & 0o777, 0o600);
  });

  it('names what it cannot mend, and leaves it alone', async (t) => {
    const { config, at, serials } = await filled(t);
    await cp(at(`${USAGE}/bob/cert.crt`), at(`${USAGE}/alice/cert.crt`));
    await cp(at(`${USAGE}/alice/cert.key`), at(`${USAGE}/carol/cert.key`));
    await rm(at(`${USAGE}/bob/cert.crt`));
    await writeFile(at(`${USAGE}/carol/history/${serials.carolBefore}/cert.crt`), 'no certificate');
    await writeFile(at('certs/client/notes.txt'), 'mine');
    const found = await complaints(config);
    for (const expected of [
      `${USAGE}/alice/cert.crt: Its serial_number is ${serials.bob}; the record has ${serials.alice}.`,
      `${USAGE}/alice/cert.key: It is not the key of the certificate.`,
      `${USAGE}/bob/cert.crt: It is missing.`,
      `${USAGE}/carol/cert.key: It is not the key of the certificate.`,
      `${USAGE}/carol/history/${serials.carolBefore}/cert.crt: It is damaged: it is not an X.509 certificate in PEM.`,
      'certs/client/notes.txt: CertMate has not made this.',
    ])
      assert.ok(found.includes(expected), `${expected}\nnot in\n${found.join('\n')}`);
    await repaired(config);
    assert.deepEqual(await complaints(config), found);
  });

  it('recognises a certificate that this CA has not issued', async (t) => {
    const mine = await filled(t);
    const theirs = await filled(t);
    await cp(theirs.at(`${USAGE}/alice/cert.crt`), mine.at(`${USAGE}/alice/cert.crt`));
    const found = await complaints(mine.config);
    assert.ok(found.includes(`${USAGE}/alice/cert.crt: It was not issued by this CA.`), found.join('\n'));
  });

  it('checks the folder of the CA', async (t) => {
    const mine = await filled(t);
    const theirs = await filled(t);
    await cp(theirs.at('certs/ca/ca.key'), mine.at('certs/ca/ca.key'));
    await cp(theirs.at('certs/ca/ca_metadata.json'), mine.at('certs/ca/ca_metadata.json'));
    assert.deepEqual(await complaints(mine.config), [
      'certs/ca/ca_metadata.json: It is that of another CA.',
      'certs/ca/ca.key: It is not the key of ca.crt.',
    ]);
  });

  it('holds CRLs against their numbers and the records', async (t) => {
    const { config, at, serials } = await filled(t);
    const names = (await readdir(at('certs/crl'))).filter((name) => name.endsWith('.der')).sort();
    const [first = '', second = ''] = names;
    const newest = await readFile(at(`certs/crl/${second}`));
    await rename(at(`certs/crl/${first}`), at(`certs/crl/${second}`));
    assert.deepEqual(await complaints(config), [`certs/crl/${second}: It is the CRL with the number 1.`]);
    await writeFile(at('certs/crl/crl-1.der'), await readFile(at(`certs/crl/${second}`)));
    await writeFile(at(`certs/crl/${second}`), newest);
    await writeFile(at('certs/crl/crl-1.der'), newest);
    assert.deepEqual(await complaints(config), ['certs/crl/crl-1.der: It is the CRL with the number 2.']);
    await rm(at('certs/crl/crl-1.der'));
    await rm(at(`${USAGE}/bob`), { recursive: true });
    await rm(at('journal'), { recursive: true });
    const found = await complaints(config);
    assert.ok(found.includes(`certs/crl/${second}: It lists ${serials.bob}, of which there is no record.`));
  });

  it('sees a line of the audit log that was changed', async (t) => {
    const { config } = await filled(t);
    const file = `${config.logDir}/audit/certificate_audit.log`;
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"keyCompromise"', '"superseded"'));
    const [complaint = ''] = await complaints(config);
    assert.match(complaint, /^logs\/audit\/certificate_audit\.log: broken at \d+$/);
  });

  it('mends a damaged journal from the directories, keeping the old one, and no revocation is lost', async (t) => {
    const { config, at, serials } = await filled(t);
    const text = await readFile(at('journal/journal-1.log'), 'latin1');
    const line = text.lastIndexOf('"revoked":true');
    await writeFile(at('journal/journal-1.log'), `${text.slice(0, line)}#${text.slice(line + 1)}`, 'latin1');
    assert.match((await complaints(config)).join('\n'), /^journal\/journal-1\.log: The line at byte \d+ is damaged/m);
    await repaired(config);
    assert.deepEqual(await complaints(config), []);
    assert.ok((await readdir(at('.'))).some((name) => /^journal-before-\d{8}T\d{6}Z$/.test(name)));
    const { app } = await build(t, { config });
    assert.equal(app.store.inventory.bySerial(serials.bob)?.record.revocation.revoked, true);
    assert.equal(app.store.inventory.bySerial(serials.carolBefore)?.record.identifier, 'carol');
    assert.deepEqual(app.store.problems(), []);
  });

  it('calls a metadata.json of an older form no fault, and writes it anew when asked to repair', async (t) => {
    const { config, at } = await filled(t);
    const path = at(`${USAGE}/alice/metadata.json`);
    const present = JSON.parse(await readFile(path, 'utf8'));
    const { schema_version: _form, ...older } = present;
    await writeFile(path, JSON.stringify(older));
    const { findings, outdated } = await examined(config);
    assert.deepEqual(findings, []);
    assert.deepEqual(
      outdated.map(({ path: where }) => where),
      [`${USAGE}/alice/metadata.json`],
    );
    await repaired(config);
    assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), present);
    assert.deepEqual((await examined(config)).outdated, []);
  });

  it('names a metadata.json of a newer form, and leaves it alone', async (t) => {
    const { config, at } = await filled(t);
    const path = at(`${USAGE}/bob/metadata.json`);
    const newer = JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), schema_version: 2 });
    await writeFile(path, newer);
    const complaint = `${USAGE}/bob/metadata.json: It was written by a newer CertMate (schema_version 2; this one knows 1).`;
    assert.deepEqual(await complaints(config), [complaint]);
    await repaired(config);
    assert.deepEqual(await complaints(config), [complaint]);
    assert.equal(await readFile(path, 'utf8'), newer);
  });

  it('takes over a revocation that only metadata.json knows', async (t) => {
    const { config, at, serials } = await filled(t);
    const path = at(`${USAGE}/alice/metadata.json`);
    const metadata = JSON.parse(await readFile(path, 'utf8'));
    const revocation = {
      revoked: true,
      revoked_at: metadata.created_at,
      reason_revoked: 'superseded',
      invalidity_date: null,
    };
    await writeFile(path, JSON.stringify({ ...metadata, revocation }), { mode: 0o644 });
    assert.match((await complaints(config)).join('\n'), /knows of a revocation or deletion/);
    await repaired(config);
    const { app } = await build(t, { config });
    assert.deepEqual(app.store.inventory.bySerial(serials.alice)?.record.revocation, revocation);
    assert.ok([...app.crl.serials()].includes(serials.alice));
  });

  it('adopts a directory that the journal does not know', async (t) => {
    const { config, at } = await filled(t);
    await rm(at('journal'), { recursive: true });
    assert.equal(
      (await complaints(config)).filter((line) => line.includes('does not know this certificate')).length,
      3,
    );
    await repaired(config);
    assert.deepEqual(await complaints(config), []);
  });

  it('says what it cannot read, and goes on', async (t) => {
    const { config, at } = await filled(t);
    await rm(at(`${USAGE}/alice/cert.crt`));
    await mkdir(at(`${USAGE}/alice/cert.crt`), { mode: 0o700 });
    await rm(at(`${USAGE}/bob/cert.crt`));
    assert.deepEqual(await complaints(config), [
      `${USAGE}/alice: It cannot be read (EISDIR).`,
      `${USAGE}/bob/cert.crt: It is missing.`,
    ]);
  });
});
