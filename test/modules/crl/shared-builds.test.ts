import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SharedBuilds } from '../../../src/modules/crl/shared-builds.js';

/** Builds that end when they are told to. */
function controlled() {
  let changes = 0;
  const begun: { knows: number; end: (error?: Error) => Promise<void> }[] = [];
  const builds = new SharedBuilds(
    () =>
      new Promise((resolve, reject) => {
        const end = async (error?: Error): Promise<void> => {
          if (error) reject(error);
          else resolve();
          await nextTurn();
        };
        begun.push({ knows: changes, end });
      }),
  );
  const change = (): void => {
    changes += 1;
    builds.changed();
  };
  const build = (index: number) => begun[index] ?? assert.fail(`build ${index} has not begun`);
  return { builds, change, begun, build };
}

describe('shared builds', () => {
  test('run one at a time; who comes while one runs shares the next', async () => {
    const { builds, begun, build } = controlled();
    const first = builds.next();
    await nextTurn();
    const [second, third] = [builds.next(), builds.next()];
    assert.equal(second, third);
    assert.notEqual(first, second);
    await nextTurn();
    assert.equal(begun.length, 1);
    await build(0).end();
    await first;
    await nextTurn();
    assert.equal(begun.length, 2);
    await build(1).end();
    await third;
    assert.notEqual(builds.next(), third);
  });

  test('a running one is enough for whoever has changed nothing since it began, and so is one that has ended', async () => {
    const { builds, change, begun, build } = controlled();
    change();
    const first = builds.withEverything();
    await nextTurn();
    assert.equal(builds.withEverything(), first);
    await build(0).end();
    await builds.withEverything();
    assert.equal(begun.length, 1);
    assert.equal(build(0).knows, 1);
  });

  test('a change after one has begun is in the next, which all that wait for it share', async () => {
    const { builds, change, begun, build } = controlled();
    change();
    const first = builds.withEverything();
    await nextTurn();
    change();
    const second = builds.withEverything();
    change();
    assert.equal(builds.withEverything(), second);
    await build(0).end();
    await first;
    await nextTurn();
    assert.equal(build(1).knows, 3);
    let over = false;
    second.then(() => {
      over = true;
    });
    await nextTurn();
    assert.equal(over, false);
    await build(1).end();
    await second;
    assert.equal(begun.length, 2);
  });

  test('one that fails fails for all that share it, and nobody after them takes it for enough', async () => {
    const { builds, change, begun, build } = controlled();
    change();
    const shared = [builds.withEverything(), builds.withEverything()];
    await nextTurn();
    shared.push(builds.withEverything());
    const outcomes = Promise.allSettled(shared);
    await build(0).end(new Error('the disk is full'));
    for (const { status } of await outcomes) assert.equal(status, 'rejected');
    const again = builds.withEverything();
    await nextTurn();
    assert.equal(begun.length, 2);
    await build(1).end();
    await again;
  });
});
