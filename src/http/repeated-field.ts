/** JSON in which a name stands twice means one thing to one reader and another to the next (RFC 8259 §4). */

/**
 * The first name that an object in this text has twice; null if there is none.
 * @param json valid JSON: nothing is checked besides
 */
export function repeatedField(json: string): string | null {
  /** The names of each object that is open; null for an array. */
  const open: (Set<string> | null)[] = [];
  let before = '';
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at] as string;
    if (character === '"') {
      const end = endOfString(json, at);
      const names = open.at(-1);
      if (names && (before === '{' || before === ',')) {
        const name = JSON.parse(json.slice(at, end + 1)) as string;
        if (names.has(name)) return name;
        names.add(name);
      }
      at = end;
    } else if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    if (character > ' ') before = character;
  }
  return null;
}

/** Where the string ends that begins at `start`: a quotation mark with an even number of backslashes before it. */
function endOfString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (json[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
}
