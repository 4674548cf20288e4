// The index of `openssl ca`, as editors, copies and other systems leave it.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KeySealer } from '../../../src/crypto/key-sealer.js';
import { readCaIndex } from '../../../src/modules/imports/ca-index.js';
import { collect } from '../../../src/modules/imports/collect.js';

const TEXT = [
  'V\t270926180935Z\t\t01\tunknown\t/CN=alice',
  'R\t270926180935Z\t261130180936Z,keyTime,20261001000000Z\t02\tunknown\t/CN=bob',
  'R\t20570926180935Z\t2611301809Z,superseded\t03\tunknown\t/CN=carol',
  '',
].join('\n');
const ROWS = [
  { serial: '1', expiresAt: '2027-09-26T18:09:35Z', revocation: null },
  {
    serial: '2',
    expiresAt: '2027-09-26T18:09:35Z',
    revocation: {
      revokedAt: '2026-11-30T18:09:36Z',
      reason: 'keyCompromise',
      invalidityDate: '2026-10-01T00:00:00Z',
    },
  },
  {
    serial: '3',
    expiresAt: '2057-09-26T18:09:35Z',
    revocation: { revokedAt: '2026-11-30T18:09:00Z', reason: 'superseded', invalidityDate: null },
  },
];

async function collected(t: TestContext, name: string, bytes: Buffer) {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-index-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, name), bytes);
  const found = await collect(folder, new KeySealer(null));
  return found.indexes.map(({ thing }) => thing);
}

describe('the index of another CA program', () => {
  it('keeps the dates of two-digit and four-digit years, with seconds and without', () => {
    assert.deepEqual(readCaIndex(TEXT), { rows: ROWS, unreadable: [] });
  });

  it('tells of a suspended certificate that it is on hold, and of one with a date of revocation, whatever its state, that it is revoked', () => {
    const lines = ['S\t270926180935Z\t\t04\tunknown\t/CN=dan', 'E\t250926180935Z\t241130180936Z\t05\tunknown\t/CN=eve'];
    const rows = readCaIndex(lines.join('\n'))?.rows ?? [];
    assert.deepEqual(
      rows.map(({ serial, revocation }) => [serial, revocation?.reason, revocation?.revokedAt]),
      [
        ['4', 'certificateHold', null],
        ['5', 'unspecified', '2024-11-30T18:09:36Z'],
      ],
    );
  });

  it('is read with any line ends, and with blanks in the place of tabs', () => {
    for (const text of [
      TEXT.replaceAll('\n', '\r\n'),
      TEXT.replaceAll('\n', '\r'),
      TEXT.replaceAll('\t', '    '),
      TEXT.replaceAll('\t', ' '),
    ])
      assert.deepEqual(readCaIndex(text)?.rows, ROWS, JSON.stringify(text));
  });

  it('is read in UTF-16, behind a byte order mark, and in an earlier version of it', async (t) => {
    const wide = Buffer.from(TEXT, 'utf16le');
    const encodings: [name: string, bytes: Buffer][] = [
      ['index.txt', Buffer.from(`\uFEFF${TEXT}`)],
      ['index.txt', Buffer.from(`\uFEFF${TEXT}`, 'utf16le')],
      ['index.txt', Buffer.from(`\uFEFF${TEXT}`, 'utf16le').swap16()],
      ['index.txt', wide],
      ['index.txt', Buffer.from(wide).swap16()],
      ['index.txt.old', Buffer.from(TEXT)],
      ['index.txt.bak', Buffer.from(TEXT)],
      ['index.txt~', Buffer.from(TEXT)],
      ['database', Buffer.from(TEXT)],
    ];
    for (const [name, bytes] of encodings)
      assert.deepEqual(await collected(t, name, bytes), [{ rows: ROWS, unreadable: [] }], name);
  });

  it('of which nothing can be read is an obstacle, and not passed over', async (t) => {
    const damaged = [
      ['index.txt', 'R\t270926180935Z\t261130180936Z\n'],
      ['index.txt', '\0\0\0\0\0\0\0\0\0\0'],
      ['lost', 'R 270926180935Z\n'],
    ] as const;
    for (const [name, text] of damaged)
      assert.deepEqual(await collected(t, name, Buffer.from(text)), [{ rows: [], unreadable: [1] }], text);
    assert.deepEqual(await collected(t, 'notes.txt', Buffer.from('Remember the milk\n')), []);
  });
});
