/** Patterns for names: anchored globs, matched in time linear in the name, so that no pattern can stall the service. */

/** More wildcards than anybody needs, few enough that a match stays cheap. */
const MOST_WILDCARDS = 8;

/** A character to match as it is, `*` within one part of the name, or `**` over anything. */
type Token = { literal: string } | { stays: boolean };

export interface Glob {
  readonly tokens: readonly Token[];
}

/**
 * Compiles a pattern: `*` stands for any run of characters of one part of the name, `**` for any run at all, everything
 * else for itself. There is no escape: none of the names that we certify needs a literal `*` to be told from a wildcard.
 * @throws RangeError for too many wildcards
 */
export function compileGlob(pattern: string): Glob {
  const tokens = [...pattern.matchAll(/\*\*+|\*|[^*]/gsu)].map(
    ([text]): Token => (text.startsWith('*') ? { stays: text === '*' } : { literal: text }),
  );
  if (tokens.filter((token) => 'stays' in token).length > MOST_WILDCARDS) {
    throw new RangeError(`a pattern may have at most ${MOST_WILDCARDS} wildcards`);
  }
  return { tokens };
}

/**
 * Whether the whole text matches. Every position that the pattern could be at is followed at once, character by
 * character; nothing is ever tried again.
 * @param separators the characters that end a part of the name, which `*` does not match
 */
export function matchesGlob({ tokens }: Glob, text: string, separators: string): boolean {
  let positions = withoutWildcards(tokens, [0]);
  for (const character of text) {
    const next: number[] = [];
    for (const position of positions) {
      const token = tokens[position];
      if (token === undefined) continue;
      if ('literal' in token) {
        if (token.literal === character) next.push(position + 1);
      } else if (!token.stays || !separators.includes(character)) {
        next.push(position);
      }
    }
    if (next.length === 0) return false;
    positions = withoutWildcards(tokens, next);
  }
  return positions.has(tokens.length);
}

/** The positions, and those behind wildcards that stand for nothing. */
function withoutWildcards(tokens: readonly Token[], from: readonly number[]): Set<number> {
  const positions = new Set<number>();
  for (let position of from) {
    positions.add(position);
    for (let token = tokens[position]; token !== undefined && 'stays' in token; token = tokens[position]) {
      position += 1;
      positions.add(position);
    }
  }
  return positions;
}
