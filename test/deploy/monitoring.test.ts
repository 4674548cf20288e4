// What is handed to Prometheus and Grafana, against each other, against promtool and against a real server.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { build } from '../build.js';
import { missing, run } from '../interop/programs.js';
import { root } from '../root.js';

interface Rule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

interface Panel {
  title: string;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const alerts = join(root, 'deploy', 'alerts.yml');
const unitTests = ['alerts.test.yml', 'slow-alerts.test.yml'].map((name) => join(root, 'test', 'deploy', name));
const rules = (parse(readFileSync(alerts, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard = JSON.parse(readFileSync(join(root, 'deploy', 'grafana-dashboard.json'), 'utf8')) as {
  panels: Panel[];
};
const drawn = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const skip = missing('promtool');

/** The answer of a real server at /metrics, after something of everything has happened to it. */
async function scrape(t: TestContext): Promise<string> {
  const { app, call, issue } = await build(t, { environment: { CERTMATE_TLS: 'self' } });
  await app.keys.generate('rsa-2048');
  app.keys.warm('rsa-2048');
  const { identifier } = await issue();
  await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/renew` });
  await call('admin', { method: 'POST', url: `/api/client-certs/${identifier}/revoke` });
  await call('anonymous', { method: 'GET', url: '/api/keys' });
  await call('anonymous', { method: 'POST', url: '/api/ocsp', payload: 'x', headers: OCSP });
  await call('admin', { method: 'POST', url: '/api/renewals/run' });
  await call('admin', { method: 'POST', url: '/api/ca/backup', payload: { passphrase: 'four words are enough' } });
  return (await call('viewer', { method: 'GET', url: '/metrics' })).body;
}

const OCSP = { 'content-type': 'application/ocsp-request' };

/** Names of series, and the labels that each is selected by; `job` and `instance` are Prometheus's own. */
function* selections(expression: string): Generator<{ name: string; labels: string[] }> {
  for (const [, name = '', selector = ''] of expression.matchAll(
    /\b((?:certmate|nodejs|process)_\w+)(?:\{([^}]*)\})?/g,
  )) {
    const labels = [...selector.matchAll(/(\w+)\s*(?:=|!=|=~|!~)\s*"/g)].map(([, label = '']) => label);
    yield { name, labels: labels.filter((label) => label !== 'job' && label !== 'instance') };
  }
}

describe('alerts', () => {
  test('are rules that promtool accepts', { skip }, async () => {
    const { status, output } = await run`promtool check rules ${alerts}`;
    assert.equal(status, 0, output);
    assert.match(output, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  test('tell what is wrong, what it means and what to do', () => {
    assert.ok(rules.length >= 20);
    for (const { alert, labels, annotations } of rules) {
      assert.match(alert, /^CertMate[A-Z]\w+$/);
      assert.ok(['warning', 'critical'].includes(labels['severity'] ?? ''), alert);
      for (const name of ['summary', 'description', 'runbook']) {
        assert.ok((annotations[name]?.length ?? 0) > 20, `${alert} has no ${name}`);
      }
    }
  });

  test('fire when there is reason to, each of them, and not before', { skip }, async () => {
    const { status, output } = await run`promtool test rules ${unitTests[0] ?? ''} ${unitTests[1] ?? ''}`;
    assert.equal(status, 0, output);
    const tested = unitTests.map((path) => readFileSync(path, 'utf8')).join('');
    for (const { alert } of rules) {
      assert.ok(
        tested.includes(`exp_samples: [{ labels: '{alertname="${alert}"}', value: 1 }]`),
        `${alert} is never fired`,
      );
    }
  });

  test('keep quiet about a real server that is well', { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'certmate-alerts-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const series = (await scrape(t))
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => ({ name: line.slice(0, line.lastIndexOf(' ')), value: Number(line.split(' ').at(-1)) }))
      .filter(({ value }) => Number.isFinite(value))
      .map(({ name, value }) => ({
        series: /\{/.test(name) ? name.replace('{', '{job="certmate",') : `${name}{job="certmate"}`,
        values: `${value}x90`,
      }));
    assert.ok(series.length > 200);
    const file = join(folder, 'real.yml');
    const quiet = { expr: 'ALERTS', eval_time: '80m', exp_samples: [] };
    const tests = [{ interval: '1m', input_series: series, promql_expr_test: [quiet] }];
    writeFileSync(file, JSON.stringify({ rule_files: [alerts], evaluation_interval: '1m', tests }));
    const { status, output } = await run`promtool test rules ${file}`;
    assert.equal(status, 0, output);
  });
});

describe('the dashboard', () => {
  test('has panels that lie beside one another, each with its question', () => {
    assert.ok(drawn.length >= 30);
    const taken = new Set<string>();
    for (const { title, type, gridPos, targets = [] } of dashboard.panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      if (type !== 'row') assert.ok(targets.length > 0, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(!taken.has(`${x},${y}`), `${title} lies over another panel`);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  test('asks in words that Prometheus understands', { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'certmate-panels-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'panels.yml');
    const plain = drawn.map((expr) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$', ''));
    const rules = plain.map((expr, number) => ({ record: `panel:${number}`, expr }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    const { status, output } = await run`promtool check rules ${file}`;
    assert.equal(status, 0, output);
  });
});

test('every series of alerts and dashboard is one that a real server has, with the labels asked for', async (t) => {
  const body = await scrape(t);
  const known = new Map<string, Set<string>>();
  for (const line of body.split('\n')) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    const names = known.get(name) ?? new Set();
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) names.add(label);
    known.set(name, names);
  }
  for (const expression of [...rules.map(({ expr }) => expr), ...drawn]) {
    for (const { name, labels } of selections(expression)) {
      const there = known.get(name);
      assert.ok(there !== undefined, `${name} of "${expression}" is no series of the server`);
      for (const label of labels) assert.ok(there.has(label), `${name} has no label ${label}`);
    }
  }
});
