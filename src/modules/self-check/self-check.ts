/**
 * Asks for CA certificate, CRL and OCSP answer at the addresses that certificates carry, over HTTP as relying parties do,
 * and judges what comes back as they do. It asks the configured address and nothing else, whoever starts it.
 */
import type { KeyObject } from 'node:crypto';
import { readCrl } from '../../pki/crl.js';
import { isCrlOf } from '../../pki/issuer.js';
import { buildOcspRequest, doubtOf, readOcspResponse } from '../../pki/ocsp-client.js';
import type { Clock, Serial } from '../../types.js';
import { type Asked, ask, type Question } from './ask.js';

export interface SelfCheckParts {
  /** Base of the addresses in certificates, no trailing slash. */
  publicUrl: string;
  authority: {
    readonly certificate: {
      readonly der: Buffer;
      readonly subject: Buffer;
      readonly subjectPublicKeyInfo: Buffer;
    };
    readonly signer: { readonly publicKey: KeyObject };
    readonly chainPem: string;
  };
  crl: { readonly current: { readonly number: bigint; readonly size: number } };
  /** A serial number that is good as long as the responder lives: its own. */
  ocsp: { readonly delegate: { readonly serial: Serial } };
  clock: Clock;
}

export interface CheckedAddress {
  what: 'CA certificate' | 'Revocation list (CRL)' | 'OCSP, by POST' | 'OCSP, by GET';
  url: string;
  ok: boolean;
  /** What was found, or what is wrong. */
  finding: string;
  /** What to do about it; empty if all is well. */
  advice: string;
  /** How long the answer took. */
  milliseconds: number;
}

/** For each address (ms); they are asked at the same time. */
const PATIENCE = 5000;
const MOST = 64 * 1024;

const REACH =
  'Relying parties must reach this address without an account. Check CERTMATE_PUBLIC_URL, DNS, the proxy in front and the firewall.';
const PROXY = 'Something between here and this server answers in its place, or changes what it says. Check the proxy.';
const CACHE = 'A cache on the way keeps answers for too long. Have it honour Cache-Control.';

export class SelfCheck {
  readonly #parts: SelfCheckParts;
  #running: Promise<CheckedAddress[]> | null = null;

  constructor(parts: SelfCheckParts) {
    this.#parts = parts;
  }

  /** Checks every address; whoever asks while a check runs shares it. It takes five seconds at most, and never throws. */
  run(): Promise<CheckedAddress[]> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  #run(): Promise<CheckedAddress[]> {
    const { publicUrl, authority, crl, ocsp } = this.#parts;
    const question = buildOcspRequest(authority.certificate, ocsp.delegate.serial);
    const ocspUrl = `${publicUrl}/api/ocsp`;
    return Promise.all([
      this.#check('CA certificate', { url: `${publicUrl}/api/ca/download/der` }, (body) => this.#judgeCa(body)),
      this.#check(
        'Revocation list (CRL)',
        { url: `${publicUrl}/api/crl/download/der`, most: 2 * crl.current.size + MOST },
        (body) => this.#judgeCrl(body),
      ),
      this.#check(
        'OCSP, by POST',
        { url: ocspUrl, post: { type: 'application/ocsp-request', body: question } },
        (body) => this.#judgeOcsp(body),
      ),
      // RFC 6960 appendix A.1; what is escaped here some proxies take apart.
      this.#check('OCSP, by GET', { url: `${ocspUrl}/${encodeURIComponent(question.toString('base64'))}` }, (body) =>
        this.#judgeOcsp(body),
      ),
    ]);
  }

  async #check(
    what: CheckedAddress['what'],
    question: Pick<Question, 'url' | 'post'> & { most?: number },
    judge: (body: Buffer) => Judgement,
  ): Promise<CheckedAddress> {
    const began = performance.now();
    const done = (judgement: Judgement): CheckedAddress => ({
      what,
      url: question.url,
      ...judgement,
      milliseconds: Math.round(performance.now() - began),
    });
    let asked: Asked;
    try {
      asked = await ask({ most: MOST, ...question, patience: PATIENCE, trusted: this.#parts.authority.chainPem });
    } catch (error) {
      return done(wrong(`No answer: ${error instanceof Error ? error.message : 'unknown'}.`, REACH));
    }
    const { status, body } = asked;
    if (status >= 300 && status < 400)
      return done(wrong(`It is redirected (HTTP ${status}); relying parties do not follow.`, PROXY));
    if (status !== 200) return done(wrong(`HTTP ${status} instead of 200.`, status === 401 ? REACH : PROXY));
    try {
      return done(judge(body));
    } catch (error) {
      const reason = error instanceof Error ? error.message : 'unreadable';
      return done(wrong(`The answer cannot be read: ${reason}.`, PROXY));
    }
  }

  #judgeCa(body: Buffer): Judgement {
    return body.equals(this.#parts.authority.certificate.der)
      ? fine('The certificate of this CA, octet for octet.')
      : wrong('This is another certificate than that of this CA.', PROXY);
  }

  #judgeCrl(body: Buffer): Judgement {
    const { crl, clock } = this.#parts;
    const list = readCrl(body);
    if (!isCrlOf(list, this.#issuer())) return wrong('This list is not signed by this CA.', PROXY);
    if (list.nextUpdate <= clock.now()) return wrong(`This list, number ${list.number}, has expired.`, CACHE);
    if (list.number < crl.current.number)
      return wrong(`This is list number ${list.number}; the present one is ${crl.current.number}.`, CACHE);
    return fine(`List number ${list.number}, signed by this CA, not expired.`);
  }

  #judgeOcsp(body: Buffer): Judgement {
    const { clock, ocsp } = this.#parts;
    const now = clock.now();
    const answer = readOcspResponse(body);
    const doubt = doubtOf(answer, this.#issuer(), now);
    if (doubt !== null) return wrong(`Relying parties would not believe this answer: ${doubt}.`, PROXY);
    if (answer.nextUpdate !== null && answer.nextUpdate <= now) return wrong('This answer has expired.', CACHE);
    if (answer.serial !== ocsp.delegate.serial) return wrong('This is the answer to another question.', CACHE);
    return answer.status === 'good'
      ? fine('Signed by the responder of this CA, fresh, and right.')
      : wrong('The responder gives the wrong status for its own certificate.', CACHE);
  }

  #issuer(): { subject: Buffer; publicKey: KeyObject } {
    const { certificate, signer } = this.#parts.authority;
    return { subject: certificate.subject, publicKey: signer.publicKey };
  }
}

type Judgement = Pick<CheckedAddress, 'ok' | 'finding' | 'advice'>;

function fine(finding: string): Judgement {
  return { ok: true, finding, advice: '' };
}

function wrong(finding: string, advice: string): Judgement {
  return { ok: false, finding, advice };
}
