// Several requests at once on one connection. Found by a stranger: "100 Continue" for the second landed inside an answer, and a
// request followed by garbage was answered 400 although its certificate was issued.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { describe, test } from 'node:test';
import { type Built, build } from '../build.js';

interface Message {
  status: number;
  body: string;
}

/** Sends all of it at once; the messages that came back until the server hung up, or until there are so many. */
async function exchange({ app }: Built, text: string, most = Number.POSITIVE_INFINITY): Promise<Message[]> {
  const { port } = app.server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (messagesIn(received).length >= most) socket.end();
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  await once(socket, 'close');
  return messagesIn(received);
}

/** Reads responses as a client does: by their lengths. @throws AssertionError what is there is none */
function messagesIn(received: Buffer): Message[] {
  const messages: Message[] = [];
  let rest = received.toString('latin1');
  while (rest !== '') {
    const head = /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n(?:[^\r]+\r\n)*\r\n/.exec(rest);
    if (head === null && !rest.includes('\r\n\r\n')) break;
    assert.ok(head, `no response: ${rest.slice(0, 200)}`);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head[0])?.[1] ?? 0);
    if (rest.length < head[0].length + length) break;
    messages.push({ status: Number(head[1]), body: rest.slice(head[0].length, head[0].length + length) });
    rest = rest.slice(head[0].length + length);
  }
  return messages;
}

async function listening(t: Parameters<typeof build>[0]) {
  const built = await build(t);
  await built.app.listen({ host: '127.0.0.1', port: 0 });
  const request = (method: string, path: string, payload: object | null, ...fields: string[]) => {
    const body = payload === null ? '' : JSON.stringify(payload);
    const head = [
      `${method} ${path} HTTP/1.1`,
      'Host: a',
      `Authorization: Bearer ${built.tokens.admin}`,
      ...(payload === null ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`]),
      ...fields,
    ];
    return `${head.join('\r\n')}\r\n\r\n${body}`;
  };
  const issue = (identifier: string, ...fields: string[]) =>
    request('POST', '/api/client-certs', { common_name: 'a', identifier }, ...fields);
  return { built, request, issue };
}

describe('requests that come at once on one connection', () => {
  test('are answered in order; "100 Continue" stands before the answer that it belongs to, and in none', async (t) => {
    const { built, request, issue } = await listening(t);
    const text =
      issue('first') + issue('second', 'Expect: 100-continue') + request('GET', '/api/ca/download/pem', null);
    const messages = await exchange(built, text, 4);
    assert.deepEqual(
      messages.map(({ status }) => status),
      [201, 100, 201, 200],
    );
    const [first, , second, third] = messages.map(({ body }) => body);
    assert.equal(JSON.parse(first ?? '').identifier, 'first');
    assert.equal(JSON.parse(second ?? '').identifier, 'second');
    assert.match(third ?? '', /^-----BEGIN CERTIFICATE-----/);
  });

  test('have "100 Continue" in none of their answers, also where the second is ready before the first', async (t) => {
    const { built, issue } = await listening(t);
    const ocsp = [
      'POST /api/ocsp HTTP/1.1',
      'Host: a',
      'Content-Type: application/ocsp-request',
      'Content-Length: 1',
      'Expect: 100-continue',
    ].join('\r\n');
    const messages = await exchange(built, `${issue('first')}${ocsp}\r\n\r\n0`, 3);
    assert.deepEqual(
      messages.map(({ status }) => status),
      [201, 100, 200],
    );
    assert.equal(Buffer.from(messages[2]?.body ?? '', 'latin1').toString('hex'), '30030a0101');
  });

  test('alone, one that expects "100 Continue" gets it first', async (t) => {
    const { built, issue } = await listening(t);
    const messages = await exchange(built, issue('only', 'Expect: 100-continue'), 2);
    assert.deepEqual(
      messages.map(({ status }) => status),
      [100, 201],
    );
  });

  test('are all answered before the garbage after them is refused, and the connection ends', async (t) => {
    const { built, issue } = await listening(t);
    for (const [name, garbage] of [
      ['line', 'this is not HTTP\r\n\r\n'],
      ['octets', '\u0000\u0001\u0002'],
      ['length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'],
    ] as const) {
      const messages = await exchange(built, issue(`${name}-1`) + issue(`${name}-2`) + garbage);
      assert.deepEqual(
        messages.map(({ status }) => status),
        [201, 201, 400],
        name,
      );
      assert.equal(JSON.parse(messages[1]?.body ?? '').identifier, `${name}-2`);
      assert.equal(JSON.parse(messages[2]?.body ?? '').code, 'VALIDATION_FAILED');
    }
  });

  test('of which the last expects "100 Continue" are all answered before garbage is refused', async (t) => {
    const { built, issue } = await listening(t);
    const messages = await exchange(built, `${issue('a')}${issue('b', 'Expect: 100-continue')}\u0000garbage`);
    assert.deepEqual(
      messages.map(({ status }) => status),
      [201, 100, 201, 400],
    );
  });

  test('where the body of the second is broken, the first has its answer and the second is refused', async (t) => {
    const { built, request, issue } = await listening(t);
    const chunked = request(
      'POST',
      '/api/client-certs',
      null,
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    );
    const messages = await exchange(built, `${issue('first')}${chunked}zz\r\n`);
    assert.deepEqual(
      messages.map(({ status }) => status),
      [201, 400],
    );
  });

  test('garbage alone is refused at once', async (t) => {
    const { built } = await listening(t);
    const [only, ...others] = await exchange(built, 'garbage\r\n\r\n');
    assert.deepEqual([only?.status, others.length], [400, 0]);
  });
});
