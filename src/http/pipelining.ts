/**
 * Several requests on one connection, sent without waiting for answers (RFC 9112 §9.3.2): answers leave in their order, and nothing
 * that one of them causes lands inside another's.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Answer = ServerResponse<IncomingMessage>;

/** Answers that have not left yet, for each connection. */
const open = new WeakMap<Socket, Set<Answer>>();
/** Connections on which nothing more can be read. */
const broken = new WeakSet<Socket>();

/** Keeps the answers of a server's pipelined requests apart. To be called once, before it listens. */
export function keepAnswersApart(server: Server): void {
  server.prependListener('request', note);
  server.on('checkContinue', (request: IncomingMessage, answer: Answer) => {
    note(request, answer);
    const goOn = () => {
      answer.writeContinue();
      server.emit('request', request, answer);
    };
    // By itself Node writes "100 Continue" behind the head of an answer that has to wait for its turn.
    if (answer.socket !== null) goOn();
    else answer.once('socket', goOn);
  });
  // Another expectation may be passed over (RFC 9110 §10.1.1); by itself Node answers 417 without a word.
  server.on('checkExpectation', (request: IncomingMessage, answer: Answer) => server.emit('request', request, answer));
}

/**
 * Calls `last` when every request that came whole before the connection broke has been answered; at once if none waits, and
 * never a second time for one connection.
 */
export function afterOpenAnswers(socket: Socket, last: () => void): void {
  if (broken.has(socket)) return;
  broken.add(socket);
  const goOn = () => {
    const [waiting] = [...(open.get(socket) ?? [])].filter(({ req }) => req.complete);
    if (waiting === undefined) last();
    else waiting.once('close', goOn);
  };
  goOn();
}

/** Whether an answer to a request that never became whole has begun: nothing may be written after its part. */
export function hasBegunAnswer(socket: Socket): boolean {
  return [...(open.get(socket) ?? [])].some(({ headersSent }) => headersSent);
}

function note({ socket }: IncomingMessage, answer: Answer): void {
  const answers = open.get(socket) ?? new Set();
  open.set(socket, answers);
  if (answers.has(answer)) return;
  answers.add(answer);
  answer.once('close', () => answers.delete(answer));
}
