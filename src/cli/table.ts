/** Rows of cells: for a terminal a table that fits its width, for programs a line each with tabs between. */
import { type Colour, harmless, paint } from './terminal.js';

export interface Column<Row> {
  title: string;
  text: (row: Row) => string;
  colour?: (row: Row) => Colour | null;
  /** It may be cut short down to this width where there is little room; else it keeps its own. */
  least?: number;
}

const GAP = 2;

/** Lines without a line feed; a column that is empty is left out. @param width how many characters fit into a line */
export function tableLines<Row>(all: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  const columns = all.filter(({ text }) => rows.some((row) => text(row) !== ''));
  const cells = rows.map((row) => columns.map(({ text }) => harmless(text(row))));
  const widths = fit(
    columns.map(({ title, least = Infinity }, at) => {
      const natural = Math.max(title.length, ...cells.map((line) => widthOf(line[at] ?? '')));
      return { natural, least: Math.min(least, natural) };
    }),
    width,
  );
  const line = (texts: readonly string[], colour: (at: number) => Colour | null): string =>
    texts
      .map((text, at) => {
        const room = widths[at] ?? 0;
        const shown = cut(text, room);
        const gap = at === texts.length - 1 ? '' : ' '.repeat(room - widthOf(shown) + GAP);
        return `${paint(shown, colour(at))}${gap}`;
      })
      .join('')
      .trimEnd();
  const head = line(
    columns.map(({ title }) => title),
    () => 'bold',
  );
  const body = rows.map((row, number) => line(cells[number] ?? [], (at) => columns[at]?.colour?.(row) ?? null));
  return [head, ...body];
}

/** The cells in full, with tabs between: nothing is cut, and there is no head. */
export function tabbedLine<Row>(columns: readonly Column<Row>[], row: Row): string {
  return columns.map(({ text }) => harmless(text(row))).join('\t');
}

/** Takes from the last that may be cut, then from those before it, until all fit. */
function fit(columns: readonly { natural: number; least: number }[], width: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  let excess = widths.reduce((sum, one) => sum + one, GAP * (columns.length - 1)) - width;
  for (let at = columns.length - 1; at >= 0 && excess > 0; at -= 1) {
    const { natural, least } = columns[at] ?? { natural: 0, least: 0 };
    const less = Math.min(excess, natural - least);
    widths[at] = natural - less;
    excess -= less;
  }
  return widths;
}

function cut(text: string, room: number): string {
  if (widthOf(text) <= room) return text;
  let shown = '';
  for (const character of text) {
    if (widthOf(shown + character) > room - 1) break;
    shown += character;
  }
  return `${shown}…`;
}

const WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\uff01-\uff60]/u;

/** Columns of a terminal that a text takes, as nearly as can be told. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
