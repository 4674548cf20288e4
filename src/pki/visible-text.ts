/** Text in which everything can be seen: else two names look alike, or one looks like none (discourse/discourse#21331). */

/**
 * Controls, half surrogates, private and unassigned code points, line separators, marks of direction, whatever fonts leave
 * out by default; and blanks that have no property of their own: of Braille, of music, of annotations.
 */
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\ufff9-\ufffb]/u;
/** Between letters of these scripts a joiner changes how the letters are drawn, so it is seen (RFC 5892 appendix A). */
const JOINED =
  /(?<=[\p{scx=Arab}\p{scx=Syrc}\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}])[\u200c\u200d](?=[\p{L}\p{M}])/gu;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

/** Whether nothing in it is invisible, and something is visible. */
export function isVisible(text: string): boolean {
  return VISIBLE.test(text) && !INVISIBLE.test(text.replace(JOINED, ''));
}
