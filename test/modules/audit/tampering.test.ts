// Whoever may write the log's directory tries everything; each attempt is found and located: by the running server, after a
// restart, and offline with nothing but the public key.
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { verifyOffline } from '../../../src/modules/audit/offline.js';
import type { AuditTrail } from '../../../src/modules/audit/trail.js';
import type { Break } from '../../../src/modules/audit/verify.js';
import { filesAt } from '../../../src/store/found-files.js';
import {
  copied,
  event,
  forge,
  LIVE,
  linesOf,
  logFilesOf,
  open,
  type Place,
  place,
  recordMany,
  rewrite,
} from './place.js';

const COUNT = 330;
const SMALL = { limits: { bytes: 24_000, age: 0 } };

interface File {
  name: string;
  path: string;
  first: number;
  last: number;
}

/** The files of the log, at least four. */
function filesOf(where: Place): [File, File, File, ...File[]] {
  const files = logFilesOf(where).map((name) => {
    const path = join(where.logs, name);
    const [first, last] = [linesOf(path)[0] ?? '', linesOf(path).at(-1) ?? ''].map((line) => JSON.parse(line).seq);
    return { name, path, first, last };
  });
  assert.ok(files.length >= 4, `${files.length} files`);
  return files as [File, File, File, ...File[]];
}

const change = (file: File, by: (lines: string[]) => string[]) => rewrite(file.path, by(linesOf(file.path)));
const mallory = (line: string) => line.replace('"user":"alice"', '"user":"mallory"');
const swap = (a: File, b: File) => {
  renameSync(a.path, `${a.path}.tmp`);
  renameSync(b.path, a.path);
  renameSync(`${a.path}.tmp`, b.path);
};
const numbered = (first: number) => `certificate_audit-${String(first).padStart(12, '0')}.log`;

/** Does something to the files; gives back what is to be found. */
type Attempt = (files: [File, File, File, ...File[]], where: Place) => Break;

/** Those that the ends of the files show already, so that a start finds them without reading everything. */
const SHOWN_AT_START: Record<string, Attempt> = {
  'cuts off the end of an older file': ([, second, third]) => {
    change(second, (lines) => lines.slice(0, -5));
    return { seq: second.last - 4, reason: 'missing', file: third.name };
  },
  'puts an older copy in the place of an older file': ([first, second]) => {
    writeFileSync(first.path, `${linesOf(first.path).slice(0, 10).join('\n')}\n`);
    return { seq: 11, reason: 'missing', file: second.name };
  },
  'empties an older file': ([, second, third]) => {
    writeFileSync(second.path, '');
    return { seq: second.first, reason: 'missing', file: third.name };
  },
  'removes the first file': ([first, second]) => {
    rmSync(first.path);
    return { seq: 1, reason: 'missing', file: second.name };
  },
  'removes a file in the middle': ([, second, third]) => {
    rmSync(second.path);
    return { seq: second.first, reason: 'missing', file: third.name };
  },
  'lets two files change places': ([, second, third]) => {
    swap(second, third);
    return { seq: second.first, reason: 'reordered', file: second.name };
  },
  'lets the live file and an older one change places': ([, second, ...others]) => {
    swap(second, others.at(-1) as File);
    return { seq: second.first, reason: 'reordered', file: second.name };
  },
  'lays a copy of a file beside it': ([first, second]) => {
    copyFileSync(first.path, join(first.path, '..', numbered(second.first - 1)));
    return { seq: 1, reason: 'inserted', file: numbered(second.first - 1) };
  },
  'gives a file another number': ([, second]) => {
    const name = numbered(second.first + 1);
    renameSync(second.path, join(second.path, '..', name));
    return { seq: second.first, reason: 'reordered', file: name };
  },
  'removes the live file': (files) => {
    const last = files.at(-1) as File;
    rmSync(last.path);
    return { seq: last.first, reason: 'truncated', file: files.at(-2)?.name ?? '' };
  },
  'removes the live file and the one before it': (files) => {
    const [before, last] = files.slice(-2) as [File, File];
    rmSync(before.path);
    rmSync(last.path);
    return { seq: before.first, reason: 'truncated', file: files.at(-3)?.name ?? '' };
  },
  'removes all files': (files) => {
    for (const { path } of files) rmSync(path);
    return { seq: 1, reason: 'truncated', file: null };
  },
  'cuts off the end of the live file': (files) => {
    const last = files.at(-1) as File;
    change(last, (lines) => lines.slice(0, -1));
    return { seq: last.last, reason: 'truncated', file: LIVE };
  },
  'puts an older copy in the place of the live file': (files) => {
    const last = files.at(-1) as File;
    change(last, (lines) => lines.slice(0, 2));
    return { seq: last.first + 2, reason: 'truncated', file: LIVE };
  },
};

/** Those that only a reading of all lines finds. */
const FOUND_BY_READING: Record<string, Attempt> = {
  'changes a line': ([, second]) => {
    change(second, (lines) => lines.with(7, mallory(lines[7] ?? '')));
    return { seq: second.first + 7, reason: 'changed', file: second.name };
  },
  'changes a line and makes its hash fit': ([, second]) => {
    change(second, (lines) => lines.with(7, forge(lines[7] ?? '', mallory)));
    return { seq: second.first + 7, reason: 'changed', file: second.name };
  },
  'changes the last line of a file and makes its hash fit': ([, second]) => {
    change(second, (lines) => [...lines.slice(0, -1), forge(lines.at(-1) ?? '', mallory)]);
    // A file ends with a signed line: which of those since the one signed before is false, nobody can tell.
    return { seq: second.last, reason: 'rewritten', file: null };
  },
  'removes a line': ([, second]) => {
    change(second, (lines) => lines.toSpliced(7, 1));
    return { seq: second.first + 7, reason: 'missing', file: second.name };
  },
  'inserts a line': ([, second]) => {
    change(second, (lines) => lines.toSpliced(7, 0, lines[6] ?? ''));
    return { seq: second.first + 6, reason: 'inserted', file: second.name };
  },
  'lets two lines change places': ([, second]) => {
    change(second, (lines) => lines.with(7, lines[8] ?? '').with(8, lines[7] ?? ''));
    return { seq: second.first + 7, reason: 'reordered', file: second.name };
  },
  'moves a line into another file': ([first, second]) => {
    const moved = linesOf(second.path)[7] ?? '';
    change(second, (lines) => lines.toSpliced(7, 1));
    change(first, (lines) => lines.toSpliced(3, 0, moved));
    return { seq: 4, reason: 'reordered', file: first.name };
  },
  'makes a line unreadable': ([, second]) => {
    change(second, (lines) => lines.with(7, 'nothing'));
    return { seq: second.first + 7, reason: 'unreadable', file: second.name };
  },
  'writes a new history from a line on, over all files': (files) => {
    const start = 215;
    let before = '';
    for (const file of files) {
      change(file, (lines) =>
        lines.map((line) => {
          const { seq } = JSON.parse(line);
          const written =
            seq < start
              ? line
              : forge(line, (text) =>
                  mallory(text).replace(/"prev_hash":"[0-9a-f]{64}"/, seq === start ? '$&' : `"prev_hash":"${before}"`),
                );
          before = JSON.parse(written).hash;
          return written;
        }),
      );
    }
    return { seq: start, reason: 'rewritten', file: null };
  },
};

/** 330 lines in at least four files. */
async function filled(t: TestContext): Promise<{ where: Place; trail: AuditTrail }> {
  const where = place(t);
  const trail = await open(t, where, SMALL);
  await recordMany(trail, 1, COUNT);
  assert.ok(linesOf(where.log).length > 3, 'the live file holds some');
  return { where, trail };
}

/** The last line that is signed before `seq`, and the file of the line behind it. */
function afterSigned(where: Place, seq: number, files: readonly File[]): Break {
  const signed = linesOf(where.checkpoints).map((line) => JSON.parse(line).seq as number);
  const first = Math.max(0, ...signed.filter((at) => at < seq)) + 1;
  const file = files.find((one) => one.first <= first && one.last >= first)?.name ?? null;
  return { seq: first, reason: 'rewritten', file };
}

async function offline(where: Place) {
  return verifyOffline((await filesAt(where.logs)) ?? [], createPublicKey(readFileSync(where.key)));
}

const ATTEMPTS = { ...SHOWN_AT_START, ...FOUND_BY_READING };

for (const [what, attempt] of Object.entries(ATTEMPTS)) {
  describe(`somebody who ${what}`, () => {
    const make = (where: Place): Break => {
      const files = filesOf(where);
      const found = attempt(files, where);
      return found.reason === 'rewritten' ? afterSigned(where, found.seq, files) : found;
    };

    test('is found by the running server', async (t) => {
      const { where, trail } = await filled(t);
      assert.equal((await trail.verify()).ok, true);
      const expected = make(where);
      assert.deepEqual((await trail.verify()).first_bad, expected);
      assert.ok(trail.problem?.includes(`at line ${expected.seq}`));
      assert.equal(trail.verified?.result.ok, false);
    });

    test('is found after a restart, for good', async (t) => {
      const { where, trail } = await filled(t);
      await trail.close();
      const expected = make(where);
      for (const start of [1, 2]) {
        const again = await open(t, where, SMALL);
        if (what in SHOWN_AT_START && start === 1) assert.notEqual(again.problem, null, 'the start shows it');
        await again.record(event('later'));
        const { first_bad } = await again.verify();
        // What the new lines are chained to is missing now, not only cut off.
        const reason = expected.reason === 'truncated' ? 'missing' : expected.reason;
        assert.deepEqual([first_bad?.seq, first_bad?.reason], [expected.seq, reason], `start ${start}`);
        await again.close();
      }
    });

    test('is found offline, with the public key alone', async (t) => {
      const { where, trail } = await filled(t);
      await trail.close();
      assert.deepEqual((await offline(where)).first_bad, null);
      const expected = make(where);
      assert.deepEqual((await offline(where)).first_bad, expected);
    });
  });
}

describe('somebody who puts back an older copy of the whole directory, checkpoints and all', () => {
  async function rolledBack(t: TestContext) {
    const where = place(t);
    const trail = await open(t, where, SMALL);
    await recordMany(trail, 1, 200);
    const older = copied(t, where);
    await recordMany(trail, 201, COUNT);
    const back = () => {
      for (const name of logFilesOf(where)) rmSync(join(where.logs, name));
      for (const name of [...logFilesOf(older), 'certificate_audit.checkpoints']) {
        copyFileSync(join(older.logs, name), join(where.logs, name));
      }
    };
    return { where, trail, back };
  }

  test('is found by the running server, and after a restart', async (t) => {
    const { where, trail, back } = await rolledBack(t);
    back();
    assert.deepEqual((await trail.verify()).first_bad, { seq: 201, reason: 'truncated', file: LIVE });
    await trail.close();
    back();
    const again = await open(t, where, SMALL);
    assert.equal(again.problem, 'lines are missing at the end of the audit log');
    assert.equal((await again.verify()).first_bad?.seq, 201);
  });

  test('is found offline by a signed statement that was kept elsewhere', async (t) => {
    const { where, trail, back } = await rolledBack(t);
    await trail.close();
    const kept = readFileSync(where.head);
    back();
    const key = createPublicKey(readFileSync(where.key));
    const files = (await filesAt(where.logs)) ?? [];
    assert.equal((await verifyOffline(files, key)).ok, true, 'it is a true log, of an earlier time');
    const head = {
      name: 'head.json',
      async *bytes() {
        yield kept;
      },
    };
    const { first_bad } = await verifyOffline([...files, head], key);
    assert.deepEqual(first_bad, { seq: 201, reason: 'truncated', file: LIVE });
  });
});

test('what was put back as it was is in order again, and said to be', async (t) => {
  const { where, trail } = await filled(t);
  const [, second] = filesOf(where);
  const text = readFileSync(second.path);
  rmSync(second.path);
  assert.equal((await trail.verify()).ok, false);
  writeFileSync(second.path, text);
  assert.equal((await trail.verify()).ok, true);
  assert.equal(trail.problem, null);
});

describe('somebody who takes away signatures', () => {
  test('all of them: the lines are not proven', async (t) => {
    const { where, trail } = await filled(t);
    await trail.close();
    rmSync(where.checkpoints);
    assert.deepEqual((await offline(where)).first_bad, { seq: 1, reason: 'unsigned', file: filesOf(where)[0].name });
  });

  test('and writes others: they are not of this key', async (t) => {
    const { where, trail } = await filled(t);
    await trail.close();
    const other = await filled(t);
    await other.trail.close();
    copyFileSync(other.where.checkpoints, where.checkpoints);
    const { first_bad } = await offline(where);
    assert.deepEqual(first_bad, { seq: 1, reason: 'unsigned', file: 'certificate_audit.checkpoints' });
  });
});

test('lines behind the last signature are told apart from those that are proven', async (t) => {
  const where = place(t);
  const trail = await open(t, where);
  await recordMany(trail, 1, 150);
  const result = await offline(copied(t, where));
  assert.deepEqual([result.ok, result.lines, result.proven], [true, 150, 100]);
  assert.equal((await trail.verify()).proven, 150, 'the running server knows the last line itself');
});
