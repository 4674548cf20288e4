/** What must be so on every page, looked at in the page itself. */
import assert from 'node:assert/strict';
import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** WCAG 2.2 at level AA and the rules that axe recommends besides, all of them: a page has violations or it has none. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

interface Violation {
  id: string;
  help: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** Unfolds what is folded away in the page, so that it is judged, too. */
export async function unfoldAll(page: Page): Promise<void> {
  await page.evaluate("document.querySelectorAll('.main details').forEach((fold) => { fold.open = true; })");
}

/** Asks axe; what it holds against the page, a line for each element. */
export async function violations(page: Page): Promise<string[]> {
  // Colours that are on their way to others would be judged as they are at that moment.
  await page.evaluate('Promise.allSettled(document.getAnimations().map((animation) => animation.finished))');
  await page.evaluate(axe.source);
  const run = `axe.run(document, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`;
  const result = (await page.evaluate(run)) as { violations: Violation[] };
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary.replace(/\s+/g, ' ')}`),
  );
}

/** That it is a page of its own: named, with a language and one first heading. */
export async function assertNamed(page: Page, name: string): Promise<void> {
  const { title, lang, headings } = (await page.evaluate(`({
    title: document.title,
    lang: document.documentElement.lang,
    headings: document.querySelectorAll('h1').length,
  })`)) as { title: string; lang: string; headings: number };
  assert.match(title, /\S.* · \S/, `${name}: a title`);
  assert.equal(lang, 'en', name);
  assert.equal(headings, 1, `${name}: one first heading`);
}

/** Nobody has to scroll sideways in windows of these widths (CSS pixels). */
export async function assertFits(page: Page, name: string, widths: readonly number[]): Promise<void> {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    const wider = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
    assert.ok(wider <= 0, `${name} is ${wider} px too wide for ${width} px`);
  }
}

/** Everything that can be clicked can be focused, nothing out of the order of the page. */
export async function assertFocusable(page: Page, name: string): Promise<void> {
  const wrong =
    await page.evaluate(`[...document.querySelectorAll('a, button, summary, input, select, textarea, [tabindex]')]
    .filter((element) => element.checkVisibility() && !element.disabled && !element.ariaHidden)
    .filter((element) => element.tabIndex > 0 || (element.tabIndex < 0 && !element.matches('main, dialog')))
    .map((element) => element.outerHTML.slice(0, 120))`);
  assert.deepEqual(wrong, [], name);
}

/** Presses Tab a few times: each time something else has the focus, within the window, and is seen to have it. */
export async function assertFocusIsSeen(page: Page, name: string, steps: number): Promise<void> {
  await page.evaluate('document.activeElement.blur?.(); getSelection().removeAllRanges(); scrollTo(0, 0)');
  const seen = new Set<string>();
  for (let step = 0; step < steps; step += 1) {
    await page.keyboard.press('Tab');
    const { focused, marked, within } = (await page.evaluate(`(() => {
      const element = document.activeElement;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
      const { top, bottom, left, right } = element.getBoundingClientRect();
      return {
        focused: element.outerHTML.slice(0, 160),
        marked: (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1) || boxShadow !== 'none',
        within: bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
      };
    })()`)) as { focused: string; marked: boolean; within: boolean };
    if (focused.startsWith('<body')) break;
    assert.ok(marked && within, `${name}: the focus is not seen on ${focused}`);
    seen.add(focused);
  }
  assert.ok(seen.size > 0, `${name}: Tab leads nowhere: ${[...seen].join(' ')}`);
}
