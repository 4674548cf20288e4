import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type Built, build, MovedClock, testConfig } from '../../build.js';
import { output, without } from '../../pki/programs.js';
import { until } from '../../until.js';

const PATH = '/api/client-certs/batch';

interface Job {
  id: string;
  state: string;
  total: number;
  done: number;
  successful: number;
  failed: number;
  rate_per_second: number | null;
  eta_seconds: number | null;
  note: string | null;
  errors: { row: number; error: string }[];
}

function csv(count: number, more = ''): string {
  return `common_name,email\r\n${Array.from({ length: count }, (_, n) => `user${n},user${n}@example.com\r\n`).join('')}${more}`;
}

async function begin({ call }: Built, table: string, headers: Record<string, string> = {}): Promise<Job> {
  const answer = await call('operator', {
    method: 'POST',
    url: PATH,
    payload: table,
    headers: { 'content-type': 'text/csv', ...headers },
  });
  assert.equal(answer.statusCode, 202, answer.body);
  assert.equal(answer.headers['location'], `${PATH}/${answer.json().id}`);
  return answer.json();
}

async function look({ call }: Built, { id }: { id: string }): Promise<Job> {
  const answer = await call('operator', { url: `${PATH}/${id}` });
  assert.equal(answer.statusCode, 200, answer.body);
  return answer.json();
}

async function ended(built: Built, job: { id: string }): Promise<Job> {
  let now = await look(built, job);
  await until(
    async () => ['completed', 'cancelled'].includes((now = await look(built, job)).state),
    () => JSON.stringify(now),
  );
  return now;
}

/** The records of results.csv; no cell of these tests holds a comma or a quote. */
async function resultRows({ call }: Built, { id }: { id: string }): Promise<string[][]> {
  const answer = await call('operator', { url: `${PATH}/${id}/results.csv` });
  assert.equal(answer.headers['content-type'], 'text/csv; charset=utf-8');
  assert.match(String(answer.headers['content-disposition']), /attachment; filename="batch-[0-9a-f]{32}\.csv"/);
  return answer.body
    .trimEnd()
    .split('\r\n')
    .map((line) => line.split(','));
}

describe('a batch of more than 100 rows', () => {
  test('is answered at once and issued in the background', async (t) => {
    const built = await build(t);
    const begun = await begin(built, csv(150, 'eve,not-an-address\r\n'));
    assert.deepEqual([begun.total, begun.failed], [151, 1]);
    assert.equal(begun.errors[0]?.row, 152);
    const job = await ended(built, begun);
    assert.deepEqual(
      [job.state, job.total, job.done, job.successful, job.failed, job.eta_seconds],
      ['completed', 151, 151, 150, 1, null],
    );
    const [header, ...rows] = await resultRows(built, job);
    assert.deepEqual(header, ['row', 'status', 'identifier', 'common_name', 'serial_number', 'error', 'dropped']);
    assert.equal(rows.length, 151);
    for (const [row, status, identifier, commonName, serial] of rows.slice(0, 150)) {
      assert.equal(status, 'issued');
      assert.equal(commonName, `user${Number(row) - 2}`);
      const record = (await built.call('viewer', { url: `/api/client-certs/${identifier}` })).json();
      assert.equal(record.serial_number, serial);
    }
    assert.deepEqual(rows[150]?.slice(0, 5), ['152', 'failed', '', '', '']);
    const entries = (await built.call('admin', { url: '/api/audit?operation=batch_import' })).json().entries;
    assert.deepEqual(
      entries.map(({ resource_id, details }: { resource_id: string; details: object }) => [resource_id, details]),
      [
        [job.id, { phase: 'end', state: 'completed', total: 151, successful: 150, failed: 1 }],
        [job.id, { phase: 'start', state: 'queued', total: 151, successful: 0, failed: 1 }],
      ],
    );
  });

  test('and a smaller one, if the caller would rather not wait', async (t) => {
    const built = await build(t);
    const job = await begin(built, csv(3), { prefer: 'handling=lenient, Respond-Async; wait=1' });
    assert.equal((await ended(built, job)).successful, 3);
  });

  test('is begun once, however often it is sent with one Idempotency-Key', async (t) => {
    const built = await build(t);
    const headers = { 'idempotency-key': 'import-2026-11' };
    const [first, second] = await Promise.all([begin(built, csv(120), headers), begin(built, csv(120), headers)]);
    assert.equal(first.id, second.id);
    await ended(built, first);
    assert.equal((await begin(built, csv(120), headers)).id, first.id);
    assert.equal((await built.call('viewer', { url: '/api/client-certs' })).json().total, 120);
  });

  test('that holds RSA keys says how long they take before the first is made', async (t) => {
    const built = await build(t);
    const job = await begin(built, `common_name,key_type\n${'x,rsa-2048\n'.repeat(2000)}`);
    assert.ok((job.eta_seconds ?? 0) > 60, `${job.eta_seconds}`);
    assert.match(job.note ?? '', /2000 RSA-2048 keys takes about/);
    await built.call('operator', { method: 'DELETE', url: `${PATH}/${job.id}` });
  });
});

test('a cancelled batch begins no further row, and says which were not reached', async (t) => {
  const built = await build(t);
  const running = await begin(built, csv(3000));
  const waiting = await begin(built, csv(200));
  assert.equal(waiting.state, 'queued');
  await until(async () => (await look(built, running)).done >= 20, 'twenty certificates');
  const cancel = (job: Job) => built.call('operator', { method: 'DELETE', url: `${PATH}/${job.id}` });
  assert.equal((await cancel(waiting)).json().state, 'cancelled');
  const answer = await cancel(running);
  assert.equal(answer.statusCode, 200);
  assert.equal(answer.json().state, 'cancelling');
  const job = await ended(built, running);
  assert.equal(job.state, 'cancelled');
  assert.ok(job.successful >= 20 && job.successful < 3000);
  assert.equal((await built.call('viewer', { url: '/api/client-certs' })).json().total, job.successful);
  const statuses = (await resultRows(built, job)).slice(1).map(([, status]) => status);
  assert.equal(statuses.filter((status) => status === 'issued').length, job.successful);
  assert.equal(statuses.filter((status) => status === 'not issued').length, 3000 - job.successful);
  assert.equal((await cancel(running)).statusCode, 200, 'cancelling twice is no error');
  const small = await begin(built, csv(1), { prefer: 'respond-async' });
  await ended(built, small);
  assert.equal((await cancel(small)).statusCode, 409);
});

test('a batch is seen by whoever began it and by admins, by nobody else', async (t) => {
  const built = await build(t);
  const job = await begin(built, csv(1), { prefer: 'respond-async' });
  const maker = { name: 'test', role: 'admin' as const };
  const { token } = await built.app.auth.create({ name: 'other', role: 'operator', expires_at: null }, maker);
  const other = { authorization: `Bearer ${token}` };
  for (const [method, url] of [
    ['GET', `${PATH}/${job.id}`],
    ['GET', `${PATH}/${job.id}/events`],
    ['GET', `${PATH}/${job.id}/results.csv`],
    ['GET', `${PATH}/${job.id}/results.zip`],
    ['DELETE', `${PATH}/${job.id}`],
  ] as const) {
    assert.equal((await built.call('anonymous', { method, url, headers: other })).statusCode, 404, `${method} ${url}`);
  }
  assert.equal((await built.call('admin', { url: `${PATH}/${job.id}` })).statusCode, 200);
  await ended(built, job);
});

test('a batch ends when its maker’s key is taken away (an API key outlived its owner’s demotion: ultimate-ca-manager#246)', async (t) => {
  const built = await build(t);
  const job = await begin(built, csv(3000));
  await until(async () => (await look(built, job)).done >= 10, 'ten certificates');
  const key = built.app.auth.list().find(({ role }) => role === 'operator');
  await built.app.auth.remove(key?.id ?? '');
  const now = async () => (await built.call('admin', { url: `${PATH}/${job.id}` })).json() as Job;
  await until(async () => (await now()).state === 'cancelled', 'the end of the batch');
  const { note, done } = await now();
  assert.match(note ?? '', /API key that began it was removed/);
  assert.ok(done < 3000);
});

describe('progress as server-sent events', () => {
  /** Listens on a port of its own, since inject() does not stream. */
  async function listening(t: TestContext): Promise<{ built: Built; url: string; headers: Record<string, string> }> {
    const built = await build(t);
    const url = await built.app.listen({ host: '127.0.0.1', port: 0 });
    return { built, url, headers: { authorization: `Bearer ${built.tokens.operator}` } };
  }

  const eventsIn = (text: string): Job[] =>
    [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? '') as Job);

  test('show the job at once, while it runs, and how it ended; then the stream ends', async (t) => {
    const { built, url, headers } = await listening(t);
    const job = await begin(built, csv(400));
    const answer = await fetch(`${url}${PATH}/${job.id}/events`, { headers });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    const events = eventsIn(await answer.text());
    assert.ok(events.length >= 2);
    for (const [index, event] of events.entries()) assert.ok(event.done >= (events[index - 1]?.done ?? 0));
    assert.deepEqual([events.at(-1)?.state, events.at(-1)?.done], ['completed', 400]);
    assert.deepEqual(events.at(-1), await look(built, job));
    const late = await fetch(`${url}${PATH}/${job.id}/events`, { headers });
    assert.deepEqual(eventsIn(await late.text()), [await look(built, job)]);
  });

  test('come every second although nothing changes', async (t) => {
    const { built, url, headers } = await listening(t);
    await begin(built, `common_name,key_type\n${'x,rsa-2048\n'.repeat(101)}`);
    const waiting = await begin(built, `common_name,key_type\n${'x,rsa-2048\n'.repeat(101)}`);
    const asking = request(`${url}${PATH}/${waiting.id}/events`, { headers }).end();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    let text = '';
    for await (const piece of answer) {
      text += piece;
      if (eventsIn(text).length === 3) break;
    }
    assert.ok(eventsIn(text).every(({ state }) => state === 'queued'));
  });

  test('are not heaped up for a reader who does not read, and hold up nobody’s shutdown', async (t) => {
    const { built } = await listening(t);
    const job = await begin(built, csv(800));
    const { port } = built.app.server.address() as AddressInfo;
    const lazy = connect(port, '127.0.0.1');
    lazy.pause();
    lazy.on('error', () => undefined);
    const bearer = `Authorization: Bearer ${built.tokens.operator}`;
    lazy.write(`GET ${PATH}/${job.id}/events HTTP/1.1\r\nHost: x\r\n${bearer}\r\n\r\n`);
    await until(async () => (await look(built, job)).done >= 100, 'a hundred certificates');
    const begun = performance.now();
    await built.app.close();
    assert.ok(performance.now() - begun < 3000);
    lazy.destroy();
  });
});

describe('the files of a batch', () => {
  test('come as a ZIP with a certificate and a key for each row, each key in the audit trail', async (t) => {
    const missing = without('unzip');
    if (missing) return t.skip(missing);
    const built = await build(t);
    const url = (job: Job) => `${PATH}/${job.id}/results.zip`;
    const job = await begin(built, csv(120));
    assert.equal((await built.call('operator', { url: url(job) })).statusCode, 409, 'not before the batch has ended');
    await ended(built, job);
    const answer = await built.call('operator', { url: url(job) });
    assert.equal(answer.headers['content-type'], 'application/zip');
    const folder = await unzipped(t, answer.rawPayload);
    const names = await readdir(folder);
    assert.equal(names.length, 241);
    assert.ok(names.includes('chain.pem'));
    const [, , identifier = '', , serial = ''] = (await resultRows(built, job))[1] ?? [];
    const certificate = new X509Certificate(output('cat', [join(folder, `${identifier}.crt`)]));
    assert.equal(BigInt(`0x${certificate.serialNumber}`).toString(), serial);
    const spki = output('openssl', ['pkey', '-in', join(folder, `${identifier}.key`), '-pubout']);
    assert.equal(spki.toString(), certificate.publicKey.export({ type: 'spki', format: 'pem' }));
    const downloads = (await built.call('admin', { url: '/api/audit?operation=download&limit=200' })).json().entries;
    assert.equal(downloads.length, 120);
    assert.ok(downloads.every(({ details }: { details: { batch: string } }) => details.batch === job.id));
    return undefined;
  });

  test('are those that the batch issued, also after a renewal; a destroyed key is left out', async (t) => {
    const missing = without('unzip');
    if (missing) return t.skip(missing);
    const built = await build(t);
    const job = await begin(built, 'common_name,identifier\na,renewed\nb,deleted\n', { prefer: 'respond-async' });
    await ended(built, job);
    const before = (await built.call('viewer', { url: '/api/client-certs/renewed/download/crt' })).body;
    const renewal = await built.call('operator', {
      method: 'POST',
      url: '/api/client-certs/renewed/renew',
      payload: {},
    });
    assert.equal(renewal.statusCode, 201, renewal.body);
    assert.equal((await built.call('admin', { method: 'DELETE', url: '/api/client-certs/deleted' })).statusCode, 200);
    const answer = await built.call('operator', { url: `${PATH}/${job.id}/results.zip` });
    const folder = await unzipped(t, answer.rawPayload);
    assert.deepEqual((await readdir(folder)).sort(), ['chain.pem', 'deleted.crt', 'renewed.crt', 'renewed.key']);
    assert.equal(output('cat', [join(folder, 'renewed.crt')]).toString(), before);
    return undefined;
  });

  test('come as PKCS #12 too, each with a password of its own, and the list of passwords', async (t) => {
    const missing = without('unzip') || without('openssl');
    if (missing) return t.skip(missing);
    const built = await build(t);
    const job = await begin(built, 'common_name,identifier\na,one\nb,two\n', { prefer: 'respond-async' });
    await ended(built, job);
    const answer = await built.call('operator', { url: `${PATH}/${job.id}/results.zip?format=p12` });
    const folder = await unzipped(t, answer.rawPayload);
    assert.deepEqual((await readdir(folder)).sort(), ['chain.pem', 'one.p12', 'passwords.csv', 'two.p12']);
    const lines = output('cat', [join(folder, 'passwords.csv')])
      .toString()
      .trimEnd()
      .split('\r\n');
    assert.equal(lines[0], '\uFEFFrow,identifier,common_name,file,password');
    const passwords = lines.slice(1).map((line) => line.split(',')[4] ?? '');
    assert.ok(passwords.every((password) => /^[A-Za-z2-9]{20}$/.test(password)) && passwords[0] !== passwords[1]);
    for (const [index, name] of ['one', 'two'].entries()) {
      const key = output('openssl', [
        'pkcs12',
        '-in',
        join(folder, `${name}.p12`),
        '-passin',
        `pass:${passwords[index]}`,
        '-nodes',
      ]);
      assert.match(key.toString(), /BEGIN PRIVATE KEY[\s\S]*/);
    }
    return undefined;
  });

  test('hold no cell that a spreadsheet would take for a formula', async (t) => {
    const built = await build(t);
    const answer = await built.call('operator', {
      method: 'POST',
      url: PATH,
      headers: { prefer: 'respond-async' },
      payload: { headers: ['common_name'], rows: [['=1+1'], ['+1'], ['-1'], ['@SUM(A1)'], ['harmless']] },
    });
    await ended(built, answer.json());
    const rows = await resultRows(built, answer.json());
    assert.deepEqual(
      rows.slice(1).map((cells) => cells[3]),
      ["'=1+1", "'+1", "'-1", "'@SUM(A1)", 'harmless'],
    );
  });
});

async function unzipped(t: TestContext, zip: Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'certmate-zip-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'batch.zip'), zip);
  output('unzip', ['-q', join(folder, 'batch.zip'), '-d', folder]);
  await rm(join(folder, 'batch.zip'));
  return folder;
}

describe('over a restart', () => {
  test('a batch goes on where it was, and ends as if nothing had been', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    const running = await begin(first, csv(400, 'eve,not-an-address\r\n'));
    const waiting = await begin(first, csv(120));
    await until(async () => (await look(first, running)).done >= 50, 'fifty certificates');
    await first.app.close();
    const second = await build(t, { config });
    const asAdmin: Built = { ...second, call: (as, options) => second.call(as === 'operator' ? 'admin' : as, options) };
    for (const [job, issued, failed] of [
      [running, 400, 1],
      [waiting, 120, 0],
    ] as const) {
      // Its maker's key is still valid: keys are kept in the data directory.
      const { state, successful, failed: refused, total } = await ended(asAdmin, job);
      assert.deepEqual([state, successful, refused, total], ['completed', issued, failed, issued + failed]);
    }
    assert.equal((await second.call('viewer', { url: '/api/client-certs' })).json().total, 520);
  });

  test('ended batches are still there for seven days, then they are gone with their files', async (t) => {
    const config = await testConfig(t);
    const clock = new MovedClock();
    const first = await build(t, { config, clock });
    const job = await begin(first, csv(2), { prefer: 'respond-async' });
    const view = await ended(first, job);
    await first.app.close();
    clock.advance(6.9 * 86_400);
    const second = await build(t, { config, clock });
    assert.deepEqual((await second.call('admin', { url: `${PATH}/${job.id}` })).json(), view);
    clock.advance(0.2 * 86_400);
    await second.app.batches.jobs.sweep();
    assert.equal((await second.call('admin', { url: `${PATH}/${job.id}` })).statusCode, 404);
    assert.deepEqual(await readdir(join(config.dataDir, 'batch')), []);
  });

  test('what a crash left of a batch that nobody was told of is removed', async (t) => {
    const config = await testConfig(t);
    const first = await build(t, { config });
    await begin(first, csv(1), { prefer: 'respond-async' });
    await first.app.close();
    await writeFile(join(config.dataDir, 'batch', '.unfinished-0123456789ab'), 'half');
    await build(t, { config });
    assert.equal((await readdir(join(config.dataDir, 'batch'))).length, 1);
  });
});
