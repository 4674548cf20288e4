// Whatever changes something leaves its line in the audit trail, with who, from where, in which request and to what.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HTTPMethods } from 'fastify';
import { ACCESS } from '../../../src/http/access.js';
import type { AuditLine } from '../../../src/modules/audit/line.js';
import { type Built, build, MovedClock } from '../../build.js';
import { until } from '../../until.js';
import { Browser } from '../dashboard/browser.js';
import { API_STEPS } from './api-steps.js';
import { PAGE_STEPS } from './page-steps.js';
import { Stage } from './stage.js';

/** Calls that are no GET, but leave everything as it is. */
const CHANGE_NOTHING: Record<string, string> = {
  'POST /api/client-certs/csr/inspect': 'reads a request',
  'POST /api/ocsp': 'answers a question',
  'POST /theme': 'sets a cookie of the visitor',
  'POST /client-certificates/new': 'fills in a form again',
  'POST /client-certificates/bulk/export': 'lists what the list shows',
  'POST /audit/verify': 'reads the trail',
  'POST /ca/check': 'asks what relying parties ask',
};

const STEPS = { ...API_STEPS, ...PAGE_STEPS };

/** Every route of the app that is not for reading. */
function changingRoutes({ app }: Built): string[] {
  return Object.keys(ACCESS).filter((row) => {
    const [method, url = ''] = row.split(' ') as [HTTPMethods, string];
    return method !== 'GET' && app.hasRoute({ method, url });
  });
}

async function linesOf(built: Built, requestId: unknown): Promise<AuditLine[]> {
  return (await built.app.auditTrail.query({ request_id: String(requestId), limit: 1000 })).entries;
}

describe('every route that changes something', () => {
  test('has an entry here', async (t) => {
    const routes = changingRoutes(await build(t));
    const known = [...Object.keys(STEPS), ...Object.keys(CHANGE_NOTHING)];
    assert.ok(routes.length > 50, `${routes.length} routes`);
    assert.deepEqual(routes.toSorted(), known.toSorted(), 'a new route needs a step that shows its line');
  });

  test('leaves a line with actor, address, request and resource', async (t) => {
    const stage = await Stage.set(await build(t));
    for (const [route, step] of Object.entries(STEPS)) {
      await t.test(route, async () => {
        const { answer, operation, resource_type, resource_id, user = stage.admin } = await step(stage);
        assert.ok(answer.statusCode < 400, `${answer.statusCode} ${answer.body.slice(0, 1500)}`);
        const lines = await linesOf(stage.built, answer.headers['x-request-id']);
        const found = lines.find((line) => line.operation === operation && line.resource_id === resource_id);
        assert.ok(found, `${operation} of ${resource_id}: ${JSON.stringify(lines)}`);
        assert.deepEqual(
          [found.resource_type, found.status, found.user, found.ip_address],
          [resource_type, 'success', user, '127.0.0.1'],
        );
      });
    }
    assert.equal((await stage.built.app.auditTrail.verify()).ok, true);
  });
});

describe('also recorded, though it changes nothing', () => {
  test('private keys that are handed out, in whatever shape', async (t) => {
    const built = await build(t);
    const stage = await Stage.set(built);
    const id = await stage.certificate();
    for (const file of ['key', 'zip']) {
      const answer = await built.call('operator', { url: `/api/client-certs/${id}/download/${file}` });
      const [line] = await linesOf(built, answer.headers['x-request-id']);
      assert.deepEqual([line?.operation, line?.resource_id, line?.details['file']], ['download', id, file]);
      assert.match(String(line?.user), /^operator/);
    }
    const page = await stage.browser.open(`/client-certificates/${id}/download/key`);
    const [line] = await linesOf(built, page.headers['x-request-id']);
    assert.deepEqual([line?.operation, line?.resource_id, line?.user], ['download', id, stage.admin]);
  });

  test('calls that are denied, by the API and by pages', async (t) => {
    const built = await build(t);
    const browser = new Browser(built.app);
    await browser.signIn(built.tokens.viewer);
    const anonymous = await built.call('anonymous', { url: '/api/keys' });
    const viewer = await built.call('viewer', { method: 'POST', url: '/api/client-certs/x/revoke', payload: {} });
    const page = await browser.open('/audit');
    for (const [answer, resource, user] of [
      [anonymous, 'GET /api/keys', /^anonymous$/],
      [viewer, 'POST /api/client-certs/:id/revoke', /^viewer/],
      [page, 'GET /audit', /^viewer/],
    ] as const) {
      const [line] = await linesOf(built, answer.headers['x-request-id']);
      assert.deepEqual([line?.operation, line?.status, line?.resource_id], ['access', 'denied', resource]);
      assert.match(String(line?.user), user);
    }
  });

  test('signing in that fails, by password and by token, in the API and on the page', async (t) => {
    const built = await build(t);
    const stage = await Stage.set(built);
    const { name } = await stage.user();
    const browser = new Browser(built.app);
    await browser.open('/login');
    const answers = [
      await browser.send('/login', { token: 'cm_wrong' }),
      await browser.send('/login', { username: name, password: 'not this one' }),
      await built.call('anonymous', {
        method: 'POST',
        url: '/api/auth/login',
        payload: { username: 'nobody', password: 'not this one' },
      }),
    ];
    for (const answer of answers) {
      assert.equal(answer.statusCode, 401, answer.body.slice(0, 500));
      const lines = await linesOf(built, answer.headers['x-request-id']);
      assert.ok(lines.some(({ operation, status }) => operation === 'login' && status === 'failure'));
      assert.doesNotMatch(JSON.stringify(lines), /not this one|cm_wrong/);
    }
  });

  test('taking the trail itself away', async (t) => {
    const stage = await Stage.set(await build(t));
    for (const answer of [
      await stage.built.call('admin', { url: '/api/audit/export' }),
      await stage.built.call('admin', { url: '/api/audit/export?format=ndjson' }),
      await stage.browser.open('/audit/export'),
    ]) {
      const [line] = await linesOf(stage.built, answer.headers['x-request-id']);
      assert.deepEqual([line?.operation, line?.resource_type, line?.user], ['export', 'audit_log', stage.admin]);
    }
  });
});

test('what the schedule renews is recorded as the scheduler’s doing', async (t) => {
  const clock = new MovedClock();
  const built = await build(t, { clock, environment: { CERTMATE_RENEWAL_CRON: '* * * * * *' } });
  const stage = await Stage.set(built);
  const id = await stage.certificate({ days_valid: 60 });
  clock.advance(45 * 24 * 3600);
  const recorded = async (resource: string | null) => {
    const { entries } = await built.app.auditTrail.query({ operation: 'renew', user: 'scheduler', limit: 1000 });
    return entries.find(({ resource_id, details }) => resource_id === resource && details['renewed'] !== 0);
  };
  await until(async () => (await recorded(null)) !== undefined, 'the line about the sweep');
  const [one, whole] = [await recorded(id), await recorded(null)];
  assert.deepEqual([one?.status, one?.ip_address, one?.request_id], ['success', null, null]);
  assert.deepEqual([whole?.details['trigger'], whole?.details['renewed']], ['schedule', 1]);
});
