// Requests in paths in which a proxy has merged slashes: found by their length, within limits.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requestInPath, unmergedRequests } from '../../../src/modules/ocsp/request-path.js';

/** A DER SEQUENCE of so many octets, filled with zeros but for these groups of three octets, each four characters of base64. */
function der(length: number, groups: string[] = []): Buffer {
  const bytes = Buffer.alloc(length);
  const [short, long, longer] = [length - 2, length - 3, length - 4];
  if (short < 0x80) bytes.set([0x30, short]);
  else if (long < 0x100) bytes.set([0x30, 0x81, long]);
  else bytes.set([0x30, 0x82, longer >> 8, longer & 0xff]);
  for (const [index, group] of groups.entries()) bytes.set(Buffer.from(group, 'base64'), 12 + 3 * index);
  return bytes;
}
const merged = (request: Buffer) => `/${request.toString('base64')}`.replace(/\/{2,}/g, '/');
const isFound = (request: Buffer) => [...unmergedRequests(merged(request))].some((found) => found.equals(request));

describe('a request whose slashes a proxy has merged', () => {
  test('is found whatever its length: in one, two or three octets of DER', () => {
    for (const length of [60, 129, 131, 200, 258, 260, 300, 1000]) {
      const request = der(length, ['//AA']);
      assert.ok(!requestInPath(merged(request)).equals(request));
      assert.ok(isFound(request), `${length} octets`);
    }
  });

  test('is found where two slashes are missing, in one place or in two; not where there are three', () => {
    assert.ok(isFound(der(90, ['///A'])));
    assert.ok(isFound(der(90, ['//AA', '//AA'])));
    for (const groups of [['////'], ['//AA', '///A'], ['//AA', '//AA', '//AA']])
      assert.deepEqual([...unmergedRequests(merged(der(90, groups)))], [], groups.join());
  });

  test('is looked for at sixteen slashes, in 136 candidates at most; not at seventeen', () => {
    const singles = (count: number) => Array.from({ length: count }, () => '/AAA');
    const most = merged(der(120, ['///A', ...singles(15)]));
    assert.equal([...unmergedRequests(most)].length, 136);
    assert.ok(isFound(der(120, ['///A', ...singles(15)])));
    assert.deepEqual([...unmergedRequests(merged(der(120, ['///A', ...singles(16)])))], []);
  });

  test('is not looked for where none is missing, nor in what is no DER of such a length', () => {
    assert.deepEqual([...unmergedRequests(merged(der(90, ['/AAA'])))], []);
    const whole = der(90, ['//AA']);
    const longer = Buffer.concat([Buffer.of(0x30, 0x83, 0, 0, 85), whole.subarray(5)]);
    const tagged = Buffer.concat([Buffer.of(0x31), whole.subarray(1)]);
    for (const request of [longer, tagged, Buffer.of(0x30), Buffer.alloc(0)])
      assert.deepEqual([...unmergedRequests(merged(request))], [], request.toString('hex'));
  });
});
