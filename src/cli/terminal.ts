/** What differs between somebody who looks at a terminal and a program that reads a pipe. */
import { createInterface } from 'node:readline/promises';
import { readCommandSettings } from '../config.js';

export type Colour = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

const CODES: Record<Colour, readonly [number, number]> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  dim: [2, 22],
  bold: [1, 22],
};

/** Whether what is printed is looked at rather than read by a program. */
export function isLookedAt(stream: NodeJS.WriteStream = process.stdout): boolean {
  return stream.isTTY === true;
}

/** Characters that fit into a line of the terminal. */
export function lineWidth(stream: NodeJS.WriteStream = process.stdout): number {
  return stream.columns > 0 ? stream.columns : 80;
}

/** Puts text in a colour, on a terminal that has not refused them; nowhere else. */
export function paint(text: string, colour: Colour | null, stream: NodeJS.WriteStream = process.stdout): string {
  if (colour === null || !isLookedAt(stream) || !readCommandSettings().colour) return text;
  const [on, off] = CODES[colour];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}

/** Text of others without what a terminal would obey: no escape sequence, no second line. */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

/** Asks whoever sits at the terminal; false without one. */
export async function confirmed(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const aborted = new Promise<string>((resolve) => asking.once('close', () => resolve('')));
    const answer = await Promise.race([asking.question(`${question} [y/N] `), aborted]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}
