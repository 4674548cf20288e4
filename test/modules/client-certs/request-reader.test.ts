import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RequestReader } from '../../../src/modules/client-certs/request-reader.js';
import { encodePem } from '../../../src/pki/pem.js';
import { readRequest, takeApart } from '../../../src/pki/request.js';
import { csrFor } from './life.js';

function reader(t: TestContext, worker?: URL): RequestReader {
  const made = new RequestReader(worker);
  t.after(() => made.close());
  return made;
}

/** The same request, but for one octet of what is signed. */
function tampered(csr: string): string {
  const { der } = readRequest(csr);
  const other = Buffer.from(der);
  const at = other.indexOf('mallory');
  other.write('alice!!', at);
  return encodePem('CERTIFICATE REQUEST', other);
}

test('a CSR is read beside the event loop as it is read on it', async (t) => {
  const requests = reader(t);
  const csrs = await Promise.all([csrFor('a.example.com'), csrFor('b.example.com', 'rsa'), csrFor('c@example.com')]);
  const read = await Promise.all(csrs.map((csr) => requests.read(csr)));
  assert.deepEqual(read, csrs.map(takeApart));
});

test('what refuses a CSR there is what refuses it here, and concerns no other one', async (t) => {
  const requests = reader(t);
  const good = await csrFor('mallory');
  const wrong = [tampered(good), 'no CSR', good.slice(0, 200), 'x'.repeat(70_000)];
  const outcomes = await Promise.allSettled([...wrong, good].map((csr) => requests.read(csr)));
  assert.equal(outcomes.pop()?.status, 'fulfilled');
  for (const [index, outcome] of outcomes.entries()) {
    assert.equal(outcome.status, 'rejected');
    assert.throws(
      () => readRequest(wrong[index] as string),
      ({ name, code, message }) => {
        const { reason } = outcome as PromiseRejectedResult;
        assert.deepEqual([reason.name, reason.code, reason.message], [name, code, message]);
        return true;
      },
    );
  }
});

test('while the thread that judges CSRs is not to be had, callers are told to try again', async (t) => {
  const requests = reader(t, new URL('../../worker-thread-worker.js', import.meta.url));
  await assert.rejects(requests.read('die'), { name: 'CertMateError', code: 'UNAVAILABLE' });
  const good = await csrFor('alice');
  assert.deepEqual(await requests.read(good), takeApart(good), 'the next one gets a new thread');
});
