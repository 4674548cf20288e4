/** Damaged copies of valid messages, the same ones in every run. */

/** Numbers from 0 up to, not including, the limit: mulberry32. */
export function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const LENGTHS = [
  '80',
  '817f',
  '8200ff',
  '83ffffff',
  '84ffffffff',
  '84000000ff',
  '85ffffffffff',
  '88ffffffffffffffff',
  'ff',
];

/** One mutation: a bit flipped, an octet replaced, the end cut off or added to, a length blown up, parts nested or moved. */
export function mutate(message: Buffer, random: (limit: number) => number): Buffer {
  const at = random(message.length);
  const copy = Buffer.from(message);
  switch (random(8)) {
    case 0:
      copy[at] = (copy[at] as number) ^ (1 << random(8));
      return copy;
    case 1:
      copy[at] = random(256);
      return copy;
    case 2:
      return copy.subarray(0, at);
    case 3:
      return Buffer.concat([copy, Buffer.alloc(1 + random(40), random(256))]);
    case 4: {
      const length = Buffer.from(LENGTHS[random(LENGTHS.length)] as string, 'hex');
      return Buffer.concat([copy.subarray(0, at), length, copy.subarray(at + 1)]);
    }
    case 5: {
      const nested = Buffer.alloc(
        2 * (1 + random(2000)),
        Buffer.from([[0x30, 0xa0, 0xa2, 0x24][random(4)] as number, 0x80]),
      );
      return Buffer.concat([copy.subarray(0, at), nested, copy.subarray(at)]);
    }
    case 6: {
      const end = at + random(message.length - at);
      return Buffer.concat([copy.subarray(0, end), copy.subarray(at)]);
    }
    default:
      for (let flips = 2 + random(6); flips > 0; flips -= 1) {
        const place = random(copy.length);
        copy[place] = (copy[place] as number) ^ (1 << random(8));
      }
      return copy;
  }
}
