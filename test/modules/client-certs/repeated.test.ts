import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Built, build, MovedClock } from '../../build.js';
import { freePort } from '../../free-port.js';
import { start, temporaryFolder } from '../../interop/programs.js';
import { until } from '../../until.js';

const url = '/api/client-certs';
const send = ({ call }: Pick<Built, 'call'>, payload: object, key = 'key-1', path = url) =>
  call('operator', { method: 'POST', url: path, payload, headers: { 'idempotency-key': key } });

describe('a repeated request with an Idempotency-Key', () => {
  it('gets the first answer: same status, body and Location, and a header that says so', async (t) => {
    const built = await build(t);
    const first = await send(built, { common_name: 'alice', notes: 'n' });
    assert.equal(first.statusCode, 201);
    assert.equal(first.headers['idempotent-replayed'], undefined);
    await built.app.certificates.amend(first.json().identifier, { notes: 'changed since' } as never, {
      user: 'test',
      ip_address: null,
      request_id: null,
    });
    // The same fields in another order, under the older name.
    const second = await send(built, { notes: 'n', common_name: 'alice' }, 'key-1', `${url}/create`);
    assert.equal(second.statusCode, 201);
    assert.equal(second.body, first.body);
    assert.equal(second.headers['location'], first.headers['location']);
    assert.equal(second.headers['idempotent-replayed'], 'true');
    assert.equal(built.app.store.inventory.size, 1);
  });

  it('makes one certificate when it arrives during slow key generation (NeySlim/ultimate-ca-manager#269)', async (t) => {
    const built = await build(t);
    const body = { common_name: 'alice', key_type: 'rsa-3072' };
    const answers = await Promise.all([send(built, body), send(built, body), send(built, body)]);
    assert.deepEqual(
      answers.map(({ statusCode }) => statusCode),
      [201, 201, 201],
    );
    assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
    assert.equal(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true').length, 2);
    assert.equal(built.app.store.inventory.size, 1);
  });

  it('with another body is refused with 409', async (t) => {
    const built = await build(t);
    await send(built, { common_name: 'alice' });
    const answer = await send(built, { common_name: 'bob' });
    assert.equal(answer.statusCode, 409);
    assert.equal(answer.json().code, 'CONFLICT');
    assert.match(answer.json().message, /Idempotency-Key/);
    assert.equal(built.app.store.inventory.size, 1);
  });

  it('is nothing to other callers, and nothing without the header', async (t) => {
    const built = await build(t);
    const request = {
      method: 'POST' as const,
      url,
      payload: { common_name: 'a' },
      headers: { 'idempotency-key': 'k' },
    };
    assert.equal((await built.call('operator', request)).statusCode, 201);
    const other = await built.call('admin', request);
    assert.equal(other.headers['idempotent-replayed'], undefined);
    const { headers: _, ...plain } = request;
    await built.call('operator', plain);
    await built.call('operator', plain);
    assert.equal(built.app.store.inventory.size, 4);
  });

  it('whose first one failed is tried again', async (t) => {
    const built = await build(t);
    await built.issue({ identifier: 'taken' });
    assert.equal((await send(built, { common_name: 'a', identifier: 'taken' })).statusCode, 409);
    assert.equal((await send(built, { common_name: '' })).statusCode, 400);
    const answer = await send(built, { common_name: 'a' });
    assert.equal(answer.statusCode, 201);
    assert.equal(answer.headers['idempotent-replayed'], undefined);
  });

  it('gets its private key again until a restart, each time with a line in the audit trail; never from disk', async (t) => {
    const first = await build(t);
    const body = { common_name: 'alice', store_key: false };
    const { private_key_pem, identifier } = (await send(first, body)).json();
    assert.match(private_key_pem, /BEGIN PRIVATE KEY/);
    assert.equal((await send(first, body)).json().private_key_pem, private_key_pem);
    const audit = { method: 'GET' as const, url: `/api/audit?resource_id=${identifier}&operation=download` };
    const { entries } = (await first.call('admin', audit)).json();
    assert.equal(entries.length, 1);
    assert.deepEqual([entries[0].details.file, entries[0].details.repeated_request], ['key', true]);
    await first.app.close();

    const secret = private_key_pem.split('\n')[1];
    for (const file of readdirSync(first.config.dataDir, { recursive: true, withFileTypes: true })) {
      if (file.isFile())
        assert.ok(!readFileSync(join(file.parentPath, file.name), 'latin1').includes(secret), file.name);
    }
    const second = await build(t, { config: first.config });
    const again = await send(
      {
        call: (_, request) =>
          second.app.inject({
            ...request,
            headers: { ...request.headers, authorization: `Bearer ${first.tokens.operator}` },
          }),
      },
      body,
    );
    assert.equal(again.statusCode, 201);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.equal(again.json().identifier, identifier);
    assert.equal(again.json().private_key_pem, undefined);
    assert.match(again.json().notice, /private key/);
  });

  it('is a new one after 24 hours', async (t) => {
    const clock = new MovedClock();
    const built = await build(t, { clock });
    await send(built, { common_name: 'a' });
    clock.advance(24 * 3600);
    assert.equal((await send(built, { common_name: 'b' })).statusCode, 201);
  });

  for (const key of ['', 'é', 'x'.repeat(256)]) {
    it(`is refused with the key ${JSON.stringify(key.slice(0, 3))} of ${key.length} characters`, async (t) => {
      const built = await build(t);
      const answer = await send(built, { common_name: 'a' }, key);
      assert.equal(answer.statusCode, 400);
      assert.equal(answer.json().details[0].path, 'idempotency-key');
    });
  }

  it('gets the first certificate after kill -9, whether or not the first answer arrived', async (t) => {
    const temporary = temporaryFolder('killed');
    t.after(() => temporary.remove());
    const port = await freePort();
    const token = 'killed-'.padEnd(48, '0123456789abcdef');
    const main = fileURLToPath(new URL('../../../src/main.js', import.meta.url));
    const launch = async () => {
      const server = start(process.execPath, [main], {
        env: {
          CERTMATE_PORT: String(port),
          CERTMATE_DATA_DIR: join(temporary.path, 'data'),
          CERTMATE_LOG_DIR: join(temporary.path, 'logs'),
          CERTMATE_API_TOKEN: token,
          CERTMATE_CA_KEY_TYPE: 'ec-p256',
          CERTMATE_DEFAULT_KEY_TYPE: 'ec-p256',
          CERTMATE_LOG_LEVEL: 'error',
        },
      });
      t.after(() => server.stop());
      await until(async () => server.output().includes('CertMate is running.') || !server.running(), server.output);
      return server;
    };
    const post = (key: string) =>
      fetch(`http://127.0.0.1:${port}${url}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ common_name: key }),
      });
    const first = await launch();
    const acknowledged = await (await post('acknowledged')).text();
    // Killed somewhere between the request and its answer: where, differs from run to run.
    const unheard = post('unheard').catch(() => null);
    await new Promise((resolve) => setTimeout(resolve, 8));
    first.signal('SIGKILL');
    await unheard;
    await until(async () => !first.running(), first.output);

    const second = await launch();
    const again = await post('acknowledged');
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    assert.equal(await again.text(), acknowledged);
    assert.equal((await post('unheard')).status, 201);
    const list = await fetch(`http://127.0.0.1:${port}${url}`, { headers: { authorization: `Bearer ${token}` } });
    const { certificates } = (await list.json()) as { certificates: { common_name: string }[] };
    assert.deepEqual(certificates.map(({ common_name }) => common_name).toSorted(), ['acknowledged', 'unheard']);
    await second.stop();
  });
});

describe('a repeated renewal with an Idempotency-Key', () => {
  const renew = (built: Pick<Built, 'call'>, identifier: string, body: object = {}, key = 'renewal-1') =>
    send(built, body, key, `${url}/${identifier}/renew`);
  const historyOf = async ({ call }: Built, identifier: string) =>
    (await call('viewer', { url: `${url}/${identifier}` })).json().history.length;

  it('renews once, also when it comes during the first one, and with another body is refused', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const [first, second] = await Promise.all([renew(built, identifier), renew(built, identifier)]);
    assert.equal(first.statusCode, 201, first.body);
    assert.deepEqual(second.json(), first.json());
    const third = await renew(built, identifier);
    assert.equal(third.headers['idempotent-replayed'], 'true');
    assert.equal(third.headers['location'], `${url}/${identifier}`);
    assert.equal(await historyOf(built, identifier), 1);
    assert.equal((await renew(built, identifier, { days_valid: 7 })).statusCode, 409);
    assert.equal((await renew(built, identifier, {}, 'renewal-2')).statusCode, 201);
    assert.equal(await historyOf(built, identifier), 2);
  });

  it('gives the key that is nowhere else once more, and records that; not after a restart', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue({ store_key: false });
    const first = (await renew(built, identifier)).json();
    assert.match(first.private_key_pem, /PRIVATE KEY/);
    assert.equal((await renew(built, identifier)).json().private_key_pem, first.private_key_pem);
    const lines = (
      await built.call('admin', { url: `/api/audit?resource_id=${identifier}&operation=download` })
    ).json();
    assert.equal(lines.entries.length, 1);
    const { tokens } = built;
    await built.app.close();
    const again = await build(t, { config: built.config });
    const headers = { 'idempotency-key': 'renewal-1', authorization: `Bearer ${tokens.operator}` };
    const late = await again.call('operator', {
      method: 'POST',
      url: `${url}/${identifier}/renew`,
      payload: {},
      headers,
    });
    assert.equal(late.json().serial_number, first.serial_number);
    assert.equal(late.json().private_key_pem, undefined);
    assert.match(late.json().notice, /cannot be given again/);
    assert.equal(await historyOf(again, identifier), 1);
  });

  it('finds what it made when its answer was never recorded, and begins anew when it made nothing', async (t) => {
    const built = await build(t);
    const { identifier } = await built.issue();
    const first = (await renew(built, identifier)).json();
    const folder = join(built.config.dataDir, 'idempotency');
    const [name = ''] = readdirSync(folder);
    const entry = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const { tokens } = built;
    await built.app.close();
    writeFileSync(join(folder, name), JSON.stringify({ ...entry, body: null }));
    const again = await build(t, { config: built.config });
    const headers = { 'idempotency-key': 'renewal-1', authorization: `Bearer ${tokens.operator}` };
    const repeat = () =>
      again.call('operator', { method: 'POST', url: `${url}/${identifier}/renew`, payload: {}, headers });
    assert.equal((await repeat()).json().serial_number, first.serial_number);
    await again.app.close();
    const mark = { identifier, serial_number: first.serial_number };
    writeFileSync(join(folder, name), JSON.stringify({ ...entry, body: null, mark }));
    const third = await build(t, { config: built.config });
    const made = await third.call('operator', {
      method: 'POST',
      url: `${url}/${identifier}/renew`,
      payload: {},
      headers,
    });
    assert.equal(made.statusCode, 201, made.body);
    assert.notEqual(made.json().serial_number, first.serial_number);
    assert.equal(await historyOf(third, identifier), 2);
  });
});
