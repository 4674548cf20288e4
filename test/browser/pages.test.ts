/** Every page in every state, light and dark: nothing for axe or the browser to complain of, in any width, by keyboard. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { ACCESS } from '../../src/http/access.js';
import { type CertMate, interopToken, startCertMate } from '../interop/certmate.js';
import { missing } from '../interop/programs.js';
import { type Furnished, startFurnished } from './furnished.js';
import { assertFits, assertFocusable, assertFocusIsSeen, assertNamed, unfoldAll, violations } from './judged.js';
import { SCENES, type Scene } from './scenes.js';
import { arrive, openBrowser, signIn, type Visit } from './visitor.js';

/** Rows of the access table whose answers are no pages of ours: data, files, the way to the list. */
const NO_PAGE =
  /^GET \/(?:$|api\/|health|metrics|openapi|docs|assets\/)|\/(?:events|export|download\/:type)$|\.(?:csv|zip)$/;
/** What the browser says of an answer that a scene provokes. */
const PROVOKED = /the server responded with a status of 4\d\d/;

test('every page of the access table is in the list of scenes', () => {
  const pages = Object.keys(ACCESS).filter((row) => row.startsWith('GET ') && !NO_PAGE.test(row));
  assert.deepEqual(
    pages.filter((route) => !SCENES.some((scene) => scene.route === route)),
    [],
  );
  assert.deepEqual(
    SCENES.filter(({ route }) => !Object.hasOwn(ACCESS, route)).map(({ name }) => name),
    [],
  );
});

describe('every page in Chromium', { skip: missing('chromium') }, () => {
  let untouched: CertMate;
  let here: Furnished;
  let browser: Browser;

  before(async () => {
    untouched = await startCertMate();
    here = await startFurnished();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await untouched?.stop();
    await here?.stop();
  });

  const urlOf = (scene: Scene) => (scene.untouched ? untouched.url : here.certmate.url);

  for (const [theme, width, others] of [
    ['light', 1280, [360, 2560]],
    ['dark', 390, []],
  ] as const) {
    const visitors = new Map<string, Promise<Visit>>();
    /** Everybody signs in once. */
    const visitorOf = (scene: Scene): Promise<Visit> => {
      const who = `${scene.as ?? 'admin'} at ${urlOf(scene)}`;
      const known = visitors.get(who) ?? enter(scene);
      visitors.set(who, known);
      return known;
    };
    const enter = async (scene: Scene): Promise<Visit> => {
      const visitor = await arrive(browser, urlOf(scene), { colorScheme: theme, viewport: { width, height: 900 } });
      const { as: who = 'admin' } = scene;
      if (who === 'nobody') return visitor;
      const token = who === 'viewer' ? here.viewerToken : interopToken;
      const named = who === 'grace' || who === 'newcomer';
      await signIn(visitor.page, urlOf(scene), named ? { username: who, password: here.password } : { token });
      return visitor;
    };
    const open = async (page: Page, scene: Scene): Promise<void> => {
      const path = typeof scene.path === 'string' ? scene.path : scene.path(here);
      const answer = await page.goto(urlOf(scene) + path);
      assert.equal(answer?.status(), scene.status ?? 200, scene.name);
      await scene.steps?.(page);
    };

    for (const scene of SCENES) {
      test(`${scene.name}, ${theme}, ${width} px`, async () => {
        const { page, complaints } = await visitorOf(scene);
        await page.setViewportSize({ width, height: 900 });
        await open(page, scene);
        await unfoldAll(page);
        await assertNamed(page, scene.name);
        assert.deepEqual(await violations(page), []);
        await assertFocusable(page, scene.name);
        await assertFocusIsSeen(page, scene.name, 8);
        await assertFits(page, scene.name, [...others, width]);
        const complained = complaints.splice(0).filter((text) => !PROVOKED.test(text));
        assert.deepEqual(complained, []);
      });
    }
  }
});
