// Plain requests are answered straight from the connection. Whatever else comes must be answered as node:http alone would
// answer it: two servers, one with the lane and one without it, get the same octets and must say the same.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { systemClock } from '../../src/clock.js';
import { Lane, type LaneAnswer, type Taker } from '../../src/http/lane.js';
import { createPatientServer, PATIENCE, type Patience } from '../../src/http/server.js';
import { seeded } from '../pki/mutations.js';
import { until } from '../until.js';

type Context = { after(work: () => unknown): void };

const said = (method: string, url: string, type: string | null, body: string): LaneAnswer => ({
  headers: 'content-type: text/plain\r\n',
  body: `${method} ${url} ${type} ${body}`,
});

/** Answers everything with what it was asked, in the words that the lane uses. */
const viaNode: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString('latin1');
    const { body } = said(request.method ?? '', request.url ?? '', request.headers['content-type'] ?? null, text);
    response.writeHead(200, ['content-type', 'text/plain', 'content-length', String(body.length), 'x-request-id', '?']);
    response.end(body, 'latin1');
  });
};
const viaLane: Taker = ({ method, path, contentType }, body) => said(method, path, contentType, body);

async function listening(t: Context, take: Taker | null, patience: Patience = PATIENCE) {
  const lane = take === null ? null : new Lane(systemClock);
  if (lane !== null && take !== null) lane.take = take;
  const server = createPatientServer(viaNode, patience, lane);
  let past = 0;
  server.on('request', () => (past += 1));
  const served = new Map<number, Socket>();
  server.on('connection', (socket: Socket) => served.set(socket.remotePort ?? 0, socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    lane?.close();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { lane, server, port, served, toNode: () => past };
}

type Listening = Awaited<ReturnType<typeof listening>>;

const later = () => new Promise((resolve) => setImmediate(resolve));

/**
 * Sends the pieces one after another and hangs up; all that came back, without what differs from call to call.
 * @param patiently waits after each piece until the server has read it and said what it has to say
 */
async function converse({ port, served }: Listening, pieces: readonly Buffer[], patiently = false): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let received = '';
  socket.on('data', (chunk) => (received += chunk.toString('latin1')));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  const { localPort = 0 } = socket;
  let sent = 0;
  for (const piece of pieces) {
    socket.write(piece);
    sent += piece.length;
    await later();
    const hasRead = () => (served.get(localPort)?.bytesRead ?? 0) >= sent || socket.readableEnded || socket.destroyed;
    if (!patiently) continue;
    await until(hasRead, 'the server has read it');
    for (let turn = 0; turn < 3; turn += 1) await later();
  }
  socket.end();
  await closed;
  return received.replace(/^(Date|x-request-id): .*$/gm, '$1: ?');
}

const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (body: string, more = '') =>
  `POST /ask HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
const octets = (text: string) => Buffer.from(text, 'latin1');

/** What makes a request other than plain, or only looks as if it did. */
const LINES = [
  'Transfer-Encoding: chunked',
  'transfer-encoding:chunked',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding:\tchunked',
  ' Transfer-Encoding: chunked',
  'X: a\r\n Transfer-Encoding: chunked',
  'X: a\nTransfer-Encoding: chunked',
  'X: a\rTransfer-Encoding: chunked',
  'Content-Length: 0',
  'Content-Length: 3',
  'Content-Length: +3',
  'Content-Length: 03',
  'Content-Length: 3, 3',
  'Content-Length: -1',
  'Content-Length: 0x3',
  'Content-Length: 99999999999999999999',
  'Content-Length:',
  'Content-Length : 3',
  'Content-Length: 3\t',
  'Content-Length:  3 ',
  'Content_Length: 3',
  'Connection: close',
  'Connection: Keep-Alive',
  'Connection: keep-alive, close',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Expect: 100-continue',
  'Host: b',
  'Content-Type: text/html',
  'X-Empty:',
  'X-Octets: \xe9',
  'X-Nul: a\0b',
  'X-Bell: \x07',
  ': nameless',
  'no colon',
  'Accept: */*',
  'X-Long: '.padEnd(5000, 'x'),
];

function damaged(text: string, random: (limit: number) => number): string {
  const at = random(text.length);
  const lines = text.split('\r\n');
  switch (random(10)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + random(4));
    case 2:
      return `${text.slice(0, at)}${['\r\n', '\n', '\r', ' ', '\t', '\0'][random(6)]}${text.slice(at)}`;
    case 3:
      return text.slice(0, at);
    case 4:
      return text.replace(
        'HTTP/1.1',
        ['HTTP/1.0', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', ' HTTP/1.1', ''][random(6)] ?? '',
      );
    case 5:
      return text.replace(/^\w+/, ['HEAD', 'PUT', 'get', 'OPTIONS', 'GET ', '\r\nGET'][random(6)] ?? '');
    case 6:
      return text.replace(
        / \/\S*/,
        [' *', ' http://a/ask', ' /ä', ' /a#b', ' /a b', ' ', ' /%zz?x=1'][random(7)] ?? '',
      );
    case 7:
      return text.replace(/Content-Length: \d+/, LINES.filter((line) => /length/i.test(line))[random(10)] ?? '');
    default:
      lines.splice(
        1 + random(Math.max(1, lines.length - 2)),
        random(3) === 0 ? 1 : 0,
        LINES[random(LINES.length)] ?? '',
      );
      return lines.join('\r\n');
  }
}

/** Whether both servers say the same. */
async function agree(
  one: Listening,
  other: Listening,
  pieces: readonly Buffer[],
  patiently: boolean,
): Promise<boolean> {
  const [mine = [], theirs = []] = (
    await Promise.all([one, other].map((server) => converse(server, pieces, patiently)))
  ).map((text) =>
    text
      .split(/(?=HTTP\/1\.1 )/)
      // How much Node says in a refusal depends on what it was doing.
      .map((answer) => (answer.startsWith('HTTP/1.1 200') ? answer : answer.slice(0, 12))),
  );
  // Where a later request is broken, Node forgets answers that it has not sent yet: there may be fewer, but no others.
  const fewer = Math.min(mine.length, theirs.length) - 1;
  return mine.at(-1) === theirs.at(-1) && isDeepStrictEqual(mine.slice(0, fewer), theirs.slice(0, fewer));
}

describe('plain requests', () => {
  test('are answered as node:http answers them, octet for octet, without reaching it', async (t) => {
    const [with_, without] = [await listening(t, viaLane), await listening(t, null)];
    const requests = [
      get('/a'),
      get('/a%2Fb+c/d=?e=f&g'),
      get('/a', 'Connection: keep-alive\r\nUser-Agent: x/1 (y; z)\r\nAccept: */*\r\n'),
      post('abc'),
      post(''),
      post('\0\xff\r\n\r\nGET / HTTP/1.1\r\n\r\n'),
      post('abc', 'X-Request-Id: mine\r\n'),
    ];
    for (const request of [...requests, requests.join('')]) {
      const [one, other] = [await converse(with_, [octets(request)]), await converse(without, [octets(request)])];
      assert.equal(one, other, request);
      assert.match(one, /^HTTP\/1\.1 200 OK\r\n/);
    }
    assert.equal(with_.toNode(), 0);
  });

  test('become Node’s from the first unusual one on, wherever the pieces end', async (t) => {
    const [with_, without] = [await listening(t, viaLane), await listening(t, null)];
    const text = get('/1') + post('two') + get('/3', 'If-None-Match: "x"\r\n') + post('four') + get('/5');
    const expected = await converse(without, [octets(text)]);
    assert.equal(expected.match(/HTTP\/1\.1 200/g)?.length, 5);
    for (let at = 0; at <= text.length; at += 1) {
      const pieces = [octets(text.slice(0, at)), octets(text.slice(at))];
      assert.equal(await converse(with_, pieces), expected, `cut at ${at}`);
    }
  });

  const STREAMS = 3000;
  test(`${STREAMS} damaged streams of them are answered as without the lane`, async (t) => {
    const [with_, without] = [await listening(t, viaLane), await listening(t, null)];
    const random = seeded(20261122);
    const one = async () => {
      const requests = Array.from({ length: 1 + random(4) }, (_, n) =>
        random(2) === 0 ? get(`/${n}`) : post('x'.repeat(random(20))),
      );
      for (let hits = 1 + random(2); hits > 0; hits -= 1) {
        const hit = random(requests.length);
        requests[hit] = damaged(requests[hit] ?? '', random);
      }
      const stream = octets(requests.join(''));
      const cut = random(stream.length + 1);
      // Half of them request by request, the others in two pieces that end anywhere.
      const patiently = random(2) === 0;
      const pieces = patiently ? requests.map(octets) : [stream.subarray(0, cut), stream.subarray(cut)];
      // What Node says after a request that closes the connection depends on when the next one comes: a real difference is one
      // each time.
      for (let tries = 1; !(await agree(with_, without, pieces, patiently)); tries += 1)
        assert.ok(tries < 10, JSON.stringify(requests));
    };
    for (let left = STREAMS; left > 0; left -= 8) await Promise.all(Array.from({ length: 8 }, one));
    assert.ok(with_.toNode() > STREAMS / 4 && with_.toNode() < without.toNode(), 'both ways were taken');
  });
});

describe('a connection in the lane', () => {
  const FLOOD = 100_000;

  /** Answers that are made one at a time, when the test says so. */
  function slowly() {
    const release: (() => void)[] = [];
    const take: Taker = ({ path }) =>
      path === '/slow'
        ? new Promise((resolve) => release.push(() => resolve(said('GET', path, null, ''))))
        : said('GET', path, null, '');
    return { take, release };
  }

  async function open(t: Context, port: number, options: { allowHalfOpen?: boolean } = {}) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, ...options });
    t.after(() => socket.destroy());
    const heard = { text: '', tail: '', closed: false };
    socket.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      heard.text += text;
      heard.tail = (heard.tail + text).slice(-100);
    });
    socket.on('close', () => (heard.closed = true));
    socket.on('error', () => {});
    await once(socket, 'connect');
    return { socket, heard };
  }

  const bodies = (text: string) => [...text.matchAll(/GET (\/\S+)/g)].map(([, path]) => path);

  test('answers in the order of the requests, also where one takes its time', async (t) => {
    const { take, release } = slowly();
    const { port } = await listening(t, take);
    const { socket, heard } = await open(t, port);
    socket.write(get('/1') + get('/slow') + get('/3'));
    await until(() => release.length === 1, 'what was sent is answered');
    socket.write(get('/4', 'Cookie: a=b\r\n') + get('/5'));
    await until(() => bodies(heard.text).length === 1, 'what was sent is answered');
    release[0]?.();
    await until(() => bodies(heard.text).length === 5, 'what was sent is answered');
    assert.deepEqual(bodies(heard.text), ['/1', '/slow', '/3', '/4', '/5']);
  });

  test('gives the answer to who has hung up the sending half, then closes', async (t) => {
    const { take, release } = slowly();
    const { port } = await listening(t, take);
    const { socket, heard } = await open(t, port, { allowHalfOpen: true });
    socket.end(get('/slow') + get('/2'));
    await until(() => release.length === 1, 'what was sent is answered');
    await later();
    release[0]?.();
    await until(() => bodies(heard.text).length === 2, 'what was sent is answered');
    await until(() => heard.closed || socket.readableEnded, 'what was sent is answered');
  });

  test('does not pile up answers that nobody reads, nor requests that nobody has answered', async (t) => {
    const { take, release } = slowly();
    const { port, served } = await listening(t, take);
    const unread = await open(t, port);
    unread.socket.pause();
    const impatient = await open(t, port);
    impatient.socket.write(get('/slow'));
    await until(() => release.length === 1, 'what was sent is answered');
    const flood = octets(get(`/${'x'.repeat(200)}`).repeat(FLOOD) + get('/end'));
    for (const { socket } of [unread, impatient]) socket.write(flood);
    const rest = () => [unread, impatient].map(({ socket }) => socket.writableLength);
    let before = rest();
    for (let same = 0; same < 20; same = String(rest()) === String(before) ? same + 1 : 0) {
      before = rest();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const length of rest()) assert.ok(length > 0, 'the client is held back');
    for (const socket of served.values()) assert.ok(socket.writableLength + socket.readableLength < 4 << 20);
    release[0]?.();
    unread.socket.resume();
    await until(
      () => [unread, impatient].every(({ heard }) => heard.tail.endsWith('GET /end null ')),
      'what was sent is answered',
    );
    assert.equal(bodies(unread.heard.text).length, FLOOD + 1);
    assert.equal(bodies(impatient.heard.text).length, FLOOD + 2);
  });

  test('reads on after an answer that it waited for, also where more came meanwhile than it takes ahead', async (t) => {
    const { take, release } = slowly();
    const { port, served } = await listening(t, take);
    const { socket, heard } = await open(t, port);
    const { localPort = 0 } = socket;
    socket.write(get('/slow'));
    await until(() => release.length === 1, 'the slow one to be taken');
    socket.write(octets(get(`/${'x'.repeat(3000)}`).repeat(24)));
    await until(() => served.get(localPort)?.isPaused() === true, 'the server to take no more ahead');
    release[0]?.();
    await until(() => bodies(heard.text).length === 25, 'what came meanwhile to be answered');
    socket.write(get('/end'));
    await until(() => heard.tail.endsWith('GET /end null '), 'what comes later to be answered');
  });

  test('that has become Node’s is left to it when the lane closes', async (t) => {
    const { port, lane, toNode } = await listening(t, viaLane);
    const { socket, heard } = await open(t, port);
    socket.write('POST /ask HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
    await until(() => toNode() === 1, 'Node to have the request');
    lane?.close();
    socket.write('cd');
    await until(() => heard.text.endsWith('POST /ask null abcd'), 'Node to answer');
  });

  test('is closed when nothing comes, before the first request and after it', async (t) => {
    const quick = { ...PATIENCE, headers: 150, keepAlive: 300 };
    const { port } = await listening(t, viaLane, quick);
    for (const [sent, least] of [
      ['', quick.headers],
      [get('/1'), quick.keepAlive],
    ] as const) {
      const began = performance.now();
      const { socket, heard } = await open(t, port);
      socket.write(sent);
      await until(() => heard.closed, 'what was sent is answered');
      assert.ok(performance.now() - began >= least - 20, `${performance.now() - began} ms`);
      assert.equal(heard.text === '', sent === '');
    }
  });

  test('ends with the server: at once where nothing is being answered, else after the answer', async (t) => {
    const { take, release } = slowly();
    const { port, lane, server } = await listening(t, take);
    const [idle, busy] = [await open(t, port), await open(t, port)];
    idle.socket.write(get('/1'));
    busy.socket.write(get('/slow') + get('/2'));
    await until(() => bodies(idle.heard.text).length === 1 && release.length === 1, 'what was sent is answered');
    lane?.close();
    server.close();
    await until(() => idle.heard.closed, 'what was sent is answered');
    assert.equal(busy.heard.closed, false);
    release[0]?.();
    await until(() => busy.heard.closed, 'what was sent is answered');
    assert.equal(bodies(busy.heard.text)[0], '/slow');
  });

  test('goes, and nothing else does, where an answer cannot be made', async (t) => {
    const { port } = await listening(t, () => Promise.reject(new Error('out of order')));
    const { socket, heard } = await open(t, port);
    socket.write(get('/1'));
    await until(() => heard.closed, 'what was sent is answered');
    assert.equal(heard.text, '');
  });
});
