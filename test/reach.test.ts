import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isNarrower, isWithinReach, matchesPattern } from '../src/reach.js';

describe('a pattern of identifiers', () => {
  for (const [pattern, text, expected] of [
    ['vpn-alice', 'vpn-alice', true],
    ['vpn-alice', 'vpn-alice2', false],
    ['vpn-*', 'vpn-', true],
    ['vpn-*', 'my-vpn-1', false],
    ['*-vpn', 'a-vpn', true],
    ['*', '', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*bc*c', 'abc', false],
    ['a.c', 'abc', false],
  ] as const) {
    test(`${pattern} ${expected ? 'matches' : 'does not match'} "${text}"`, () => {
      assert.equal(matchesPattern(pattern, text), expected);
    });
  }

  test('agrees with the regular expression that it stands for', () => {
    const pattern = fc.array(fc.constantFrom('a', 'b', '-', '*'), { maxLength: 8 });
    const text = fc.array(fc.constantFrom('a', 'b', '-'), { maxLength: 10 });
    fc.assert(
      fc.property(pattern, text, (parts, characters) => {
        const source = parts.map((part) => (part === '*' ? '.*' : part)).join('');
        const name = characters.join('');
        assert.equal(matchesPattern(parts.join(''), name), new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: 3000, seed: 11 },
    );
  });
});

describe('a reach', () => {
  const certificate = { cert_usage: 'vpn', identifier: 'vpn-1' };

  test('that limits nothing holds everything', () => {
    for (const reach of [null, undefined, { usages: null, identifiers: null }]) {
      assert.ok(isWithinReach(reach, certificate));
    }
  });

  test('holds what fits its usages and its identifiers, both', () => {
    assert.ok(isWithinReach({ usages: ['vpn'], identifiers: ['vpn-*'] }, certificate));
    assert.ok(!isWithinReach({ usages: ['mail'], identifiers: ['vpn-*'] }, certificate));
    assert.ok(!isWithinReach({ usages: ['vpn'], identifiers: ['web-*'] }, certificate));
    assert.ok(!isWithinReach({ usages: [], identifiers: null }, certificate));
  });

  test('is narrower than another only if it holds nothing that the other does not', () => {
    const piece = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 5 }).map((parts) => parts.join(''));
    const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(piece, piece, text, (inner, outer, identifier) => {
        const [small, large] = [inner, outer].map((pattern) => ({ usages: null, identifiers: [pattern] }));
        if (small === undefined || large === undefined || !isNarrower(small, large)) return;
        const found = { cert_usage: 'x', identifier };
        if (isWithinReach(small, found)) assert.ok(isWithinReach(large, found), `${inner} in ${outer}: ${identifier}`);
      }),
      { numRuns: 5000, seed: 12 },
    );
    assert.ok(isNarrower({ usages: ['a'], identifiers: ['x-1*'] }, { usages: ['a', 'b'], identifiers: ['x-*'] }));
    assert.ok(!isNarrower({ usages: null, identifiers: null }, { usages: ['a'], identifiers: null }));
    assert.ok(!isNarrower({ usages: null, identifiers: ['*'] }, { usages: null, identifiers: ['x-*'] }));
  });
});
