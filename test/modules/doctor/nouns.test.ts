// What the doctor says of single certificates and CRLs, in bytes made here: no server, no program.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { recordOf } from '../../../src/certificate-record.js';
import { KeySealer } from '../../../src/crypto/key-sealer.js';
import { isEncrypted, sealPrivateKey } from '../../../src/crypto/sealing.js';
import { checkCertificate } from '../../../src/modules/doctor/certificate.js';
import { checkCrls } from '../../../src/modules/doctor/crl.js';
import { checkEntry } from '../../../src/modules/doctor/entries.js';
import type { Examination } from '../../../src/modules/doctor/examine.js';
import { repair } from '../../../src/modules/doctor/repair.js';
import { type Certificate, readCertificate } from '../../../src/pki/certificate.js';
import { assembleSignedPieces, buildTbsCertList, encodeCrlEntry } from '../../../src/pki/crl.js';
import { keyIdentifier } from '../../../src/pki/keys.js';
import { encodePem } from '../../../src/pki/pem.js';
import { FilesystemStore } from '../../../src/store/filesystem.js';
import { Folder } from '../../../src/store/folder.js';
import type { CertificateRecord } from '../../../src/types.js';
import { caTemplate, certify, keys, leafTemplate } from '../../pki/samples.js';
import { recordingLog, temporaryDirectory } from '../../store/records.js';

const NOW = new Date('2026-12-01T12:00:00Z');
const clock = { now: () => NOW };
const CA = readCertificate(certify(caTemplate(keys.p256), keys.p256));
const ISSUER = { subject: CA.subject, publicKey: createPublicKey(keys.p256.privateKey) };
const LEAF_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const SECRET = 'a secret of the operator of 32 characters';
const DIRECTORY = 'certs/client/vpn/alice';

function leaf(serial: string): Certificate {
  const subjectPublicKeyInfo = LEAF_KEY.publicKey.export({ type: 'spki', format: 'der' });
  return readCertificate(certify(leafTemplate(keys.p256, { serial, subjectPublicKeyInfo }), keys.p256));
}

const files = (certificate: Certificate) => ({
  'cert.crt': encodePem('CERTIFICATE', certificate.der),
  'cert.key': sealPrivateKey(LEAF_KEY.privateKey, null),
});

function record(certificate: Certificate, changes: Partial<CertificateRecord> = {}): CertificateRecord {
  const known = {
    identifier: 'alice',
    cert_usage: 'vpn',
    created_at: '2026-11-21T20:38:00Z',
    has_private_key: true,
    revocation: undefined,
    renewal_enabled: false,
    history: [],
  };
  return { ...recordOf(certificate, known), ...changes };
}

const revocation = (revoked_at: string, invalidity_date: string | null = null): CertificateRecord['revocation'] => ({
  revoked: true,
  revoked_at,
  reason_revoked: 'keyCompromise',
  invalidity_date,
});

/** Alice, who has renewed once, and what the doctor says of her. */
async function place(t: TestContext) {
  const dataDir = await temporaryDirectory(t);
  const open = () => FilesystemStore.open({ dataDir, clock, log: recordingLog() });
  const store = await open();
  const [first, second] = [leaf('11'), leaf('22')];
  await store.create(record(first), files(first));
  const renewed = await store.replace(
    'alice',
    (current) => {
      const { serial_number, public_key_sha256, expires_at } = current;
      const old = { serial_number, public_key_sha256, expires_at };
      const history = [{ ...old, superseded_at: expires_at, revoked_at: null, reason_revoked: null }];
      return record(second, { history });
    },
    files(second),
  );
  // Otherwise her line would be the last of the journal, which every start holds against her metadata.json.
  await store.create(record(leaf('44'), { identifier: 'bob' }), files(leaf('44')));
  await store.close();
  const folder = new Folder(join(dataDir, DIRECTORY));
  const findings = (known = renewed, sealer = new KeySealer(null)) =>
    checkCertificate(known, folder, ISSUER, sealer, NOW);
  const wrong = async (known = renewed, sealer?: KeySealer) =>
    (await findings(known, sealer)).map(({ path, problem }) => `${path.slice(DIRECTORY.length + 1)}: ${problem}`);
  /** Repairs what the doctor finds, and gives back the record and what is still wrong. */
  const repaired = async (secret: string | null = null) => {
    const sealer = new KeySealer(secret);
    const look = async (): Promise<Examination> => {
      const opened = await open();
      const known = opened.inventory.get('alice') as CertificateRecord;
      await opened.close();
      return { findings: await findings(known, sealer), outdated: [], certificates: 1, crls: 0, auditLines: 0 };
    };
    const { now } = await repair({ dataDir, logDir: dataDir, openStore: open, sealer, now: NOW }, look);
    const opened = await open();
    const known = opened.inventory.get('alice') as CertificateRecord;
    await opened.close();
    return { known, left: now.findings.map(({ problem }) => problem) };
  };
  const write = (said: object) =>
    writeFile(join(dataDir, DIRECTORY, 'metadata.json'), JSON.stringify({ schema_version: 1, ...said }));
  const at = (name: string) => join(dataDir, DIRECTORY, name);
  return { renewed, wrong, repaired, write, at, open };
}

test('a date of a revocation is wrong from five minutes ahead of the clock on, and before 1970', async (t) => {
  const { renewed, wrong, write } = await place(t);
  assert.deepEqual(await wrong(), []);
  for (const [revoked_at, expected] of [
    ['2026-12-01T12:05:00Z', []],
    ['2026-12-01T12:05:01Z', ['metadata.json: Its revocation date 2026-12-01T12:05:01Z lies in the future.']],
    ['1970-01-01T00:00:00Z', []],
    ['1969-12-31T23:59:59Z', ['metadata.json: Its revocation date 1969-12-31T23:59:59Z lies before 1970.']],
  ] as const) {
    const current = { ...renewed, revocation: revocation(revoked_at) };
    await write(current);
    assert.deepEqual(await wrong(current), expected);
    const [old] = renewed.history;
    const replaced = { ...renewed, history: [{ ...old, revoked_at, reason_revoked: 'superseded' }] };
    await write(replaced);
    assert.deepEqual(await wrong(replaced as CertificateRecord), expected, 'also of a replaced certificate');
  }
  for (const [invalidity, expected] of [
    [renewed.not_before, []],
    [
      '2026-11-21T20:37:59Z',
      [
        'metadata.json: Its invalidity date 2026-11-21T20:37:59Z lies before the certificate begins (2026-11-21T20:38:00Z).',
      ],
    ],
  ] as const) {
    const current = { ...renewed, revocation: revocation('2026-12-01T12:00:00Z', invalidity) };
    await write(current);
    assert.deepEqual(await wrong(current), expected);
  }
});

test('dates of a revocation are brought between 1970, or the beginning of the certificate, and now', async (t) => {
  const { renewed, repaired, open } = await place(t);
  const store = await open();
  await store.update('alice', (current) => ({
    ...current,
    revocation: revocation('2027-01-01T00:00:00Z', '2020-01-01T00:00:00Z'),
    history: current.history.map((old) => ({
      ...old,
      revoked_at: '1950-01-01T00:00:00Z',
      reason_revoked: 'superseded',
    })),
  }));
  await store.close();
  const { known, left } = await repaired();
  assert.deepEqual(known.revocation, revocation('2026-12-01T12:00:00Z', renewed.not_before));
  assert.equal(known.history[0]?.revoked_at, '1970-01-01T00:00:00Z');
  assert.deepEqual(left, []);
});

test('a metadata.json that is ahead of the journal with a revocation is taken over, one with a renewal is left to reindexing', async (t) => {
  const { renewed, wrong, repaired, write, at } = await place(t);
  const next = { ...renewed, serial_number: '33', history: [...renewed.history, ...renewed.history] };
  await write({ ...next, revocation: revocation('2026-12-01T11:00:00Z') });
  const unknown = 'metadata.json: It knows of a renewal that the journal does not know.';
  assert.deepEqual(await wrong(), [unknown]);
  const before = await readFile(at('metadata.json'), 'utf8');
  const { known } = await repaired();
  assert.deepEqual(known, renewed);
  assert.equal(await readFile(at('metadata.json'), 'utf8'), before);
  await write({ ...renewed, revocation: revocation('2026-12-01T11:00:00Z') });
  assert.deepEqual(await wrong(), [
    'metadata.json: It knows of a revocation or deletion that the journal does not know.',
  ]);
  const taken = await repaired();
  assert.deepEqual(taken.known.revocation, revocation('2026-12-01T11:00:00Z'));
  assert.deepEqual(taken.left, []);
});

test('a metadata.json that is behind the journal is written anew, and takes nothing back', async (t) => {
  const { renewed, wrong, repaired, write, open } = await place(t);
  const store = await open();
  await store.update('alice', (current) => ({
    ...current,
    notes: 'newer',
    revocation: revocation('2026-12-01T11:00:00Z'),
  }));
  await store.close();
  await write(renewed);
  const { known, left } = await repaired();
  assert.equal(known.notes, 'newer');
  assert.deepEqual(known.revocation, revocation('2026-12-01T11:00:00Z'));
  assert.deepEqual(left, []);
  assert.deepEqual(await wrong(known), []);
});

test('a metadata.json of another serial number revokes nothing by being repaired', async (t) => {
  const { renewed, repaired, write } = await place(t);
  await write({ ...renewed, serial_number: '33', revocation: revocation('2026-12-01T11:00:00Z') });
  const { known, left } = await repaired();
  assert.deepEqual(known, renewed);
  assert.deepEqual(left, []);
});

test('a damaged metadata.json that revokes revokes by being repaired, and stays beside the new one', async (t) => {
  const { renewed, wrong, repaired, at } = await place(t);
  const text = JSON.stringify({ ...renewed, revocation: revocation('2026-12-01T11:00:00Z') });
  await writeFile(at('metadata.json'), text.slice(0, -1));
  assert.deepEqual(await wrong(), [
    'metadata.json: It is damaged: it is not JSON. What can be read of it says that the certificate is revoked, which the journal does not know.',
  ]);
  const { known, left } = await repaired();
  assert.deepEqual(known.revocation, revocation('2026-12-01T11:00:00Z'));
  assert.deepEqual(left, []);
  assert.equal(await readFile(at('metadata.json.damaged-20261201T120000Z'), 'utf8'), text.slice(0, -1));
});

test('every private key of a certificate is encrypted where there is a secret, those in its history too', async (t) => {
  const { renewed, wrong, repaired, at } = await place(t);
  const keyFiles = ['cert.key', 'history/11/cert.key'];
  const open = 'It is not encrypted, and CERTMATE_KEY_ENCRYPTION is set.';
  assert.deepEqual(
    await wrong(renewed, new KeySealer(SECRET)),
    keyFiles.map((file) => `${file}: ${open}`),
  );
  assert.deepEqual((await repaired(SECRET)).left, []);
  for (const file of keyFiles) {
    const pem = await readFile(at(file), 'latin1');
    assert.ok(isEncrypted(pem), file);
    assert.equal(new KeySealer(SECRET).open(pem), sealPrivateKey(LEAF_KEY.privateKey, null));
    assert.equal((await stat(at(file))).mode & 0o777, 0o600);
  }
  assert.deepEqual(
    await wrong(renewed, new KeySealer(`${SECRET}!`)),
    keyFiles.map((file) => `${file}: CERTMATE_KEY_ENCRYPTION does not open it.`),
  );
  assert.deepEqual(
    await wrong(renewed),
    keyFiles.map((file) => `${file}: It is encrypted.`),
  );
});

test('what is wrong in the history is told: a missing one, another one, its key, and one that no record knows', async (t) => {
  const { wrong, at } = await place(t);
  await mkdir(at('history/22'));
  await mkdir(at('history/99'));
  assert.deepEqual(await wrong(), [
    'history/22: A renewal was broken off here.',
    'history/99: The record knows no such replaced certificate.',
  ]);
  await rm(at('history/22'), { recursive: true });
  await rm(at('history/99'), { recursive: true });
  await writeFile(at('history/11/cert.key'), 'no key');
  assert.deepEqual(await wrong(), ['history/11/cert.key: It is damaged: it is not a private key in PEM.']);
  await writeFile(at('history/11/cert.crt'), encodePem('CERTIFICATE', leaf('12').der));
  await rm(at('history/11/cert.key'));
  assert.deepEqual(await wrong(), ['history/11/cert.crt: It is not the certificate that the record has replaced.']);
  await rm(at('history/11'), { recursive: true });
  assert.deepEqual(await wrong(), ['history/11: The files of this replaced certificate are missing.']);
});

/** A CRL of the CA. */
function crl(number: bigint, serials: readonly string[], thisUpdate = NOW, key = keys.p256): Buffer {
  const entries = serials.map((serial) =>
    encodeCrlEntry({ serial, revokedAt: NOW, reason: 'keyCompromise', invalidityDate: null }),
  );
  const tbs = buildTbsCertList({
    issuer: CA.subject,
    thisUpdate,
    nextUpdate: new Date(thisUpdate.getTime() + 86_400_000),
    number,
    authorityKeyIdentifier: keyIdentifier(keys.p256.spki),
    entries,
    scheme: key.scheme,
  });
  const signature = sign('sha256', Buffer.concat(tbs), key.privateKey);
  return Buffer.concat(assembleSignedPieces(tbs, key.scheme, signature));
}

/** What the doctor says of these CRLs; `inPem` is that in crl.pem. */
async function complaints(
  t: TestContext,
  numbered: Readonly<Record<string, Buffer>>,
  inPem: Buffer | null,
  known: readonly CertificateRecord[] = [],
  elsewhere: readonly string[] = [],
) {
  const folder = new Folder(await temporaryDirectory(t));
  const folders = { crl: folder.folder('crl'), ca: folder.folder('ca') };
  for (const [number, der] of Object.entries(numbered)) await folders.crl.write(`crl-${number}.der`, der);
  if (inPem !== null) await folders.ca.write('crl.pem', encodePem('X509 CRL', inPem));
  const records = new Map(known.map((one) => [one.identifier, one]));
  const { findings, count } = await checkCrls(folders, records, ISSUER, new Set(elsewhere));
  assert.equal(count, Object.keys(numbered).length);
  return findings.map(({ path, problem, advice }) => `${path}: ${problem} ${advice.slice(0, advice.indexOf(':'))}`);
}

test('of the CRL with the highest number nothing is made up from an older one where it is damaged', async (t) => {
  const alice = record(leaf('22'), { revocation: revocation('2026-12-01T11:00:00Z') });
  const numbered = { 8: crl(8n, []), 9: Buffer.from('damaged') };
  assert.deepEqual(await complaints(t, numbered, crl(8n, []), [alice]), [
    'certs/crl/crl-9.der: It is damaged: it is not a CRL. Start CertMate',
  ]);
  const whole = crl(9n, ['22']);
  assert.deepEqual(await complaints(t, { 8: Buffer.from('damaged'), 9: whole }, whole, [alice]), [
    'certs/crl/crl-8.der: It is damaged: it is not a CRL. Remove it',
  ]);
  const theirs = crl(9n, ['22'], NOW, { ...keys.p256, privateKey: LEAF_KEY.privateKey });
  assert.deepEqual(await complaints(t, { 9: theirs }, theirs, [alice]), [
    'certs/crl/crl-9.der: It was not signed by this CA. Start CertMate',
  ]);
});

test('crl.pem is held against the CRL with the highest number', async (t) => {
  const older = 'certs/ca/crl.pem: It is damaged, or older than the numbered ones. ';
  const problemWith = async (inPem: Buffer | null) =>
    (await complaints(t, { 9: crl(9n, []) }, inPem)).map((line) => line.slice(0, older.length));
  assert.deepEqual(await problemWith(crl(8n, [])), [older]);
  assert.deepEqual(await problemWith(Buffer.from('damaged')), [older]);
  assert.equal((await problemWith(crl(10n, []))).length, 1);
  assert.match((await problemWith(crl(10n, [])))[0] ?? '', /It is newer than the numbered ones/);
  assert.match((await problemWith(null))[0] ?? '', /It is missing/);
});

test('a revoked certificate is missing on a CRL unless that was issued past its expiry', async (t) => {
  const alice = record(leaf('22'), { revocation: revocation('2026-12-01T11:00:00Z') });
  const lacks = 'certs/crl/crl-9.der: It lacks 22, revoked at 2026-12-01T11:00:00Z. Start CertMate';
  const expiry = new Date(alice.expires_at);
  const past = new Date(expiry.getTime() + 1000);
  for (const [thisUpdate, expected] of [
    [NOW, [lacks]],
    [expiry, [lacks]],
    [past, []],
  ] as const) {
    const list = crl(9n, [], thisUpdate);
    assert.deepEqual(await complaints(t, { 9: list }, list, [alice]), expected);
  }
  const long = { ...alice, expires_at: '2026-11-30T00:00:00Z' };
  const before = crl(9n, [], new Date('2026-11-29T00:00:00Z'));
  assert.deepEqual(await complaints(t, { 9: before }, before, [long]), [lacks], 'whatever the time is now');
});

test('a serial number on a CRL has to be revoked, or kept from elsewhere; what is kept has to be on it', async (t) => {
  const list = crl(9n, ['22', '55', '66']);
  const told = await complaints(t, { 9: list }, list, [record(leaf('22'))], ['55', '77']);
  assert.deepEqual(
    told.map((line) => line.slice(0, line.indexOf('.', 25))),
    [
      'certs/crl/crl-9.der: It lists 22, which is not revoked',
      'certs/crl/crl-9.der: It lists 66, of which there is no record',
      'certs/crl/crl-9.der: It lacks 77, which an import has brought',
    ],
  );
});

test('an entry is told by who may use it: secrets closed, directories for the owner, and nothing that the owner cannot read', () => {
  const entry = (path: string, kind: 'file' | 'directory', mode: number, secret = false) =>
    checkEntry({ path, kind, mode }, secret).map(({ problem, remedy }) => [
      problem,
      remedy?.kind === 'mode' ? remedy.mode.toString(8) : remedy?.kind,
    ]);
  assert.deepEqual(entry('certs/ca/ca.key', 'file', 0o600), []);
  assert.deepEqual(entry('certs/ca/ca.key', 'file', 0o640), [['Others may use it (mode 0640).', '600']]);
  assert.deepEqual(entry('certs/ca/ca.key', 'file', 0o044), [['CertMate may not read this (mode 0044).', '600']]);
  assert.deepEqual(entry('certs/ca/ca.crt', 'file', 0o644), []);
  assert.deepEqual(entry('certs/ca/ca.crt', 'file', 0o044), [['CertMate may not read this (mode 0044).', '644']]);
  assert.deepEqual(entry('auth/tokens.json', 'file', 0o604), [['Others may use it (mode 0604).', '600']]);
  assert.deepEqual(entry('settings.json', 'file', 0o604, true), [['Others may use it (mode 0604).', '600']]);
  assert.deepEqual(entry('certs', 'directory', 0o700), []);
  assert.deepEqual(entry('certs', 'directory', 0o701), [['Others may use it (mode 0701).', '700']]);
  assert.deepEqual(entry('certs', 'directory', 0o500), [['CertMate may not write here (mode 0500).', '700']]);
  assert.deepEqual(entry('certs/client/vpn/.next-alice', 'directory', 0o755), [
    ['A crash has left this unfinished.', 'start'],
  ]);
  assert.deepEqual(entry('certs/crl/.unfinished-00', 'file', 0o644), [
    ['A crash has left this unfinished.', 'unfinished'],
  ]);
});
