// What the self-check says of answers that relying parties would not believe, or should not get.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { SelfCheck } from '../../../src/modules/self-check/self-check.js';
import { build, MovedClock } from '../../build.js';
import { certId, ocspRequest } from '../ocsp/request.js';

interface Answer {
  status: number;
  body: Buffer;
}

/** A server of our own CA whose answers the test can exchange; and what the check says of them. */
async function exchanged(t: TestContext) {
  const clock = new MovedClock(new Date('2026-11-21T20:38:00Z'));
  const { app, issue, call } = await build(t, { clock });
  const { certificate } = app.authority;
  const ocspOf = async (serial: string, nonce: Buffer | null = null) =>
    Buffer.from((await app.ocsp.respond(ocspRequest([certId(certificate, serial)], nonce))).text, 'latin1');
  const answers: Record<'ca' | 'crl' | 'ocsp', Answer> = {
    ca: { status: 200, body: certificate.der },
    crl: { status: 200, body: app.crl.current.der },
    ocsp: { status: 200, body: await ocspOf(app.ocsp.delegate.serial) },
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const { status, body } = path.includes('/ca/') ? answers.ca : path.includes('/crl/') ? answers.crl : answers.ocsp;
    request.resume().on('end', () => response.writeHead(status).end(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { authority, crl, ocsp } = app;
  const check = new SelfCheck({ publicUrl, authority, crl, ocsp, clock });
  const run = async () => (await check.run()).map(({ ok, finding, advice }) => ({ ok, finding, advice }));
  return { app, issue, call, clock, answers, ocspOf, run };
}

test('what is right is said to be right, each time anew', async (t) => {
  const { app, answers, run } = await exchanged(t);
  for (const { ok, advice } of await run()) assert.deepEqual([ok, advice], [true, '']);
  assert.match(
    (await run())[1]?.finding ?? '',
    new RegExp(`^List number ${app.crl.current.number}, signed by this CA`),
  );
  answers.ca = { status: 500, body: Buffer.alloc(0) };
  assert.equal((await run())[0]?.ok, false, 'another run looks again');
});

test('a status that is not 200 is wrong; 401 means that an account is asked for, others that something is in between', async (t) => {
  const { answers, run } = await exchanged(t);
  for (const [status, finding, advice] of [
    [401, 'HTTP 401 instead of 200.', /without an account/],
    [500, 'HTTP 500 instead of 200.', /Check the proxy/],
    [204, 'HTTP 204 instead of 200.', /Check the proxy/],
    [301, 'It is redirected (HTTP 301); relying parties do not follow.', /Check the proxy/],
  ] as const) {
    answers.ca = { status, body: Buffer.alloc(0) };
    const [ca] = await run();
    assert.deepEqual([ca?.ok, ca?.finding], [false, finding]);
    assert.match(ca?.advice ?? '', advice);
  }
});

test('a CRL that is old, expired or altered is wrong', async (t) => {
  const { app, answers, clock, run } = await exchanged(t);
  const finding = async () => {
    const [, crl] = await run();
    return [crl?.ok, crl?.finding, /cache on the way/.test(crl?.advice ?? '')];
  };
  const { number } = app.crl.current;
  await app.crl.publish();
  assert.deepEqual(await finding(), [false, `This is list number ${number}; the present one is ${number + 1n}.`, true]);
  answers.crl.body = app.crl.current.der;
  const altered = Buffer.from(answers.crl.body);
  altered[altered.length - 1] = (altered.at(-1) as number) ^ 1;
  answers.crl.body = altered;
  assert.deepEqual(await finding(), [false, 'This list is not signed by this CA.', false]);
  answers.crl.body = app.crl.current.der;
  clock.advance((app.crl.current.nextUpdate.getTime() - clock.now().getTime()) / 1000);
  assert.deepEqual(await finding(), [false, `This list, number ${number + 1n}, has expired.`, true]);
});

test('an OCSP answer that is old, of another CA, about another certificate, or untrue is wrong, by POST and GET', async (t) => {
  const { app, answers, clock, issue, ocspOf, run } = await exchanged(t);
  const findings = async () => (await run()).slice(2).map(({ ok, finding }) => `${ok} ${finding}`);
  const both = (text: string) => [text, text];
  const fresh = answers.ocsp.body;

  const other = await exchanged(t);
  answers.ocsp.body = other.answers.ocsp.body;
  const doubt = 'Relying parties would not believe this answer: its responder was not certified by this CA.';
  assert.deepEqual(await findings(), both(`false ${doubt}`));

  const { serial_number: serial = '' } = await issue();
  answers.ocsp.body = await ocspOf(serial);
  assert.deepEqual(await findings(), both('false This is the answer to another question.'));

  const altered = Buffer.from(fresh);
  const at = altered.indexOf(
    Buffer.from('8000', 'hex'),
    altered.indexOf(certId(app.authority.certificate, app.ocsp.delegate.serial)),
  );
  altered[at] = 0x82;
  answers.ocsp.body = altered;
  assert.deepEqual(
    await findings(),
    both('false Relying parties would not believe this answer: its signature is wrong.'),
  );

  answers.ocsp.body = Buffer.from('30030a0103', 'hex');
  assert.deepEqual(await findings(), both('false The answer cannot be read: the responder answers tryLater.'));

  const { stateOf } = app.ocsp;
  app.ocsp.stateOf = () => undefined;
  answers.ocsp.body = await ocspOf(app.ocsp.delegate.serial);
  app.ocsp.stateOf = stateOf;
  assert.deepEqual(await findings(), both('false The responder gives the wrong status for its own certificate.'));

  answers.ocsp.body = fresh;
  clock.advance(24 * 3600);
  assert.deepEqual(await findings(), both('false This answer has expired.'));
  clock.advance(-1);
  assert.match((await findings())[0] ?? '', /^true/, 'a second before its end it holds');
  clock.advance(72 * 3600 + 2);
  assert.deepEqual(
    await findings(),
    both('false Relying parties would not believe this answer: the certificate of its responder has expired.'),
  );
});
