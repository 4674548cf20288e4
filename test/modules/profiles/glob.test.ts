import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compileGlob, matchesGlob } from '../../../src/modules/profiles/glob.js';

const matches = (pattern: string, text: string, separators = '.') =>
  matchesGlob(compileGlob(pattern), text, separators);

describe('a pattern', () => {
  for (const [pattern, text, expected] of [
    ['a.example.com', 'a.example.com', true],
    ['a.example.com', 'b.a.example.com', false],
    ['a.example.com', 'a.example.com.evil', false],
    ['a.example.com', 'a-example-com', false],
    ['*.example.com', 'a.example.com', true],
    ['*.example.com', 'a.b.example.com', false],
    ['*.example.com', 'example.com', false],
    ['*.example.com', 'evil-example.com', false],
    ['**.example.com', 'a.b.example.com', true],
    ['vpn-*-??.example.com', 'vpn-7-ab.example.com', false],
    ['vpn-*.example.com', 'vpn-.example.com', true],
    ['*', 'a', true],
    ['*', 'a.b', false],
    ['**', 'a.b', true],
    ['**', '', true],
    ['***', 'a.b', true],
    ['*.*', 'a.b', true],
    ['a*a', 'a', false],
    ['(a+)+$', '(a+)+$', true],
    ['*😀*', 'x😀y', true],
  ] as const) {
    it(`${pattern} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, () => {
      assert.equal(matches(pattern, text), expected);
    });
  }

  it('agrees with the regular expression it stands for', () => {
    const piece = fc.constantFrom('a', 'b', '.', '*', '**');
    const text = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), text, (pieces, name) => {
        const pattern = pieces.join('');
        const source = pattern.replace(/\*\*+|\*|\./g, (part) =>
          part === '.' ? '\\.' : part === '*' ? '[^.]*' : '.*',
        );
        assert.equal(matches(pattern, name), new RegExp(`^${source}$`).test(name), `${pattern} on ${name}`);
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  it('is matched in no time, however unlucky the name', () => {
    const began = performance.now();
    const unlucky = `${'a'.repeat(2047)}!`;
    for (let n = 0; n < 20; n += 1) assert.equal(matches('*a*a*a*a*a*a*a*b', unlucky), false);
    assert.ok(performance.now() - began < 1000);
  });

  it('has at most eight wildcards', () => {
    assert.throws(() => compileGlob('*a*a*a*a*a*a*a*a*'), RangeError);
  });
});
