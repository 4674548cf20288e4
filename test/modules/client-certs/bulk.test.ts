import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Role } from '../../../src/types.js';
import { type Built, build } from '../../build.js';
import { csrFor, life } from './life.js';

interface Result {
  dry_run: boolean;
  total: number;
  successful: number;
  failed: number;
  results: { identifier: string; serial_number: string | null; success: boolean; error: { code: string } | null }[];
}

const bulk = async ({ call }: Built, as: Role, step: string, payload: object) => {
  const answer = await call(as, { method: 'POST', url: `/api/client-certs/bulk/${step}`, payload });
  return { status: answer.statusCode, body: answer.json() as Result };
};

describe('revoking many', () => {
  it('puts all on one CRL, with a result for each', async (t) => {
    const built = await build(t);
    const { issue, revoke, ocsp, crl } = life(built);
    const issued = await Promise.all(Array.from({ length: 40 }, (_, i) => issue({ common_name: `c${i}` })));
    await revoke(issued[0]?.identifier as string);
    const number = built.app.crl.current.number;
    const identifiers = [...issued.map(({ identifier }) => identifier), 'nobody'];
    const { status, body } = await bulk(built, 'admin', 'revoke', { identifiers, reason: 'affiliationChanged' });
    assert.equal(status, 200);
    assert.deepEqual([body.total, body.successful, body.failed], [41, 39, 2]);
    assert.deepEqual(
      body.results.map(({ identifier }) => identifier),
      identifiers,
    );
    assert.equal(body.results[0]?.error?.code, 'ALREADY_REVOKED');
    assert.deepEqual([body.results[40]?.error?.code, body.results[40]?.serial_number], ['NOT_FOUND', null]);
    assert.equal(built.app.crl.current.number, number + 1n);
    for (const { serial_number } of issued.slice(1)) {
      assert.equal(crl(serial_number), 'affiliationChanged');
      assert.equal(await ocsp(serial_number), 'affiliationChanged');
    }
    const audit = await built.call('admin', { method: 'GET', url: '/api/audit?operation=revoke&limit=100' });
    assert.equal(audit.json().entries.length, 40);
  });

  it('chooses by the filters of the list, over all pages', async (t) => {
    const built = await build(t);
    const { issue, get } = life(built);
    const vpn = await issue({ cert_usage: 'vpn', tags: ['left'] });
    const stays = await issue({ cert_usage: 'vpn' });
    const { body } = await bulk(built, 'admin', 'revoke', { filter: { usage: 'vpn', tag: 'left', revoked: false } });
    assert.deepEqual([body.total, body.results[0]?.identifier], [1, vpn.identifier]);
    assert.equal((await get(stays.identifier)).status, 'active');
  });

  it('tells in a dry run what would happen and changes nothing', async (t) => {
    const built = await build(t);
    const { issue, get, revoke } = life(built);
    const [good, bad] = [await issue(), await issue()];
    await revoke(bad.identifier);
    const before = [await get(good.identifier), built.app.crl.current.number];
    const identifiers = [good.identifier, bad.identifier, good.identifier];
    const { body } = await bulk(built, 'admin', 'revoke', { identifiers, dry_run: true });
    assert.deepEqual(
      [body.dry_run, ...body.results.map(({ success, error }) => [success, error?.code])],
      [true, [true, undefined], [false, 'ALREADY_REVOKED']],
    );
    assert.deepEqual([await get(good.identifier), built.app.crl.current.number], before);
  });
});

describe('renewing many', () => {
  it('renews those whose keys are here and says why others are not', async (t) => {
    const built = await build(t);
    const { issue, get, revoke, renew } = life(built);
    const good = await issue();
    const fromCsr = await issue({ csr: await csrFor('bob'), key_type: undefined });
    const keyElsewhere = await issue({ store_key: false });
    const revoked = await issue();
    await revoke(revoked.identifier);
    const identifiers = [good, fromCsr, keyElsewhere, revoked].map(({ identifier }) => identifier);
    const dry = await bulk(built, 'operator', 'renew', { identifiers, dry_run: true });
    const codes = [undefined, 'CONFLICT', 'CONFLICT', 'ALREADY_REVOKED'];
    assert.deepEqual(
      dry.body.results.map(({ error }) => error?.code),
      codes,
    );
    assert.equal((await get(good.identifier)).serial_number, good.serial_number);
    const { body } = await bulk(built, 'operator', 'renew', { identifiers, revoke_previous: true });
    assert.deepEqual(
      body.results.map(({ error }) => error?.code),
      codes,
    );
    assert.equal((await get(good.identifier)).serial_number, body.results[0]?.serial_number);
    assert.equal((await get(good.identifier)).history[0]?.reason_revoked, 'superseded');
    const same = await bulk(built, 'operator', 'renew', { identifiers, reuse_key: true });
    assert.equal(same.body.successful, 3);
    assert.equal((await renew(good.identifier)).status, 201);
  });
});

describe('tagging many', () => {
  it('adds and removes tags and leaves the others', async (t) => {
    const built = await build(t);
    const { issue, get } = life(built);
    const [a, b] = [await issue({ tags: ['old', 'kept'] }), await issue()];
    const identifiers = [a.identifier, b.identifier];
    const { body } = await bulk(built, 'operator', 'tag', { identifiers, tags: ['new'], remove_tags: ['old'] });
    assert.equal(body.successful, 2);
    assert.deepEqual((await get(a.identifier)).tags, ['kept', 'new']);
    assert.deepEqual((await get(b.identifier)).tags, ['new']);
    await Promise.all(['x', 'y', 'z'].map((tag) => bulk(built, 'operator', 'tag', { identifiers, tags: [tag] })));
    assert.deepEqual((await get(b.identifier)).tags.toSorted(), ['new', 'x', 'y', 'z']);
  });
});

describe('a bulk call', () => {
  it('needs one selection, never silently everything, and the role of the single step', async (t) => {
    const built = await build(t);
    for (const [step, extra] of [
      ['revoke', {}],
      ['renew', {}],
      ['tag', { tags: ['a'] }],
    ] as const) {
      for (const selection of [
        {},
        { filter: {} },
        { identifiers: [] },
        { identifiers: ['a'], filter: { usage: 'vpn' } },
        { filter: { usage: 'vpn', nonsense: 1 } },
        { filter: { limit: 5 } },
      ]) {
        const { status } = await bulk(built, 'admin', step, { ...selection, ...extra });
        assert.equal(status, 400, `${step} ${JSON.stringify(selection)}`);
      }
    }
    assert.equal((await bulk(built, 'operator', 'tag', { identifiers: ['a'] })).status, 400);
    assert.equal((await bulk(built, 'operator', 'revoke', { identifiers: ['a'] })).status, 403);
    assert.equal((await bulk(built, 'viewer', 'renew', { identifiers: ['a'] })).status, 403);
    assert.equal((await bulk(built, 'viewer', 'tag', { identifiers: ['a'], tags: ['a'] })).status, 403);
  });
});
