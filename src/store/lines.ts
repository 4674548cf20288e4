/** Bytes as lines. */

const LINE_FEED = 0x0a;

/** The whole lines of a text, without their line feeds; what stands behind the last line feed is left out. */
export async function* linesIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, start)) {
      if (rest.length > 0) {
        yield Buffer.concat([...rest, chunk.subarray(start, at)]).toString('utf8');
        rest = [];
      } else {
        yield chunk.toString('utf8', start, at);
      }
      start = at + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
}
