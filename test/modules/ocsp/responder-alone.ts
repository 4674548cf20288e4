// A responder without a server: its CA, what it knows of serial numbers, and its clock are the test's.
import { generateKeyPairSync } from 'node:crypto';
import type { TestContext } from 'node:test';
import { createAuthority } from '../../../src/modules/ca/establish.js';
import { OcspResponder, type ResponderParts } from '../../../src/modules/ocsp/responder.js';
import type { SerialState } from '../../../src/modules/ocsp/serial-state.js';
import { readOcspResponse } from '../../../src/pki/ocsp-client.js';
import { Folder } from '../../../src/store/folder.js';
import { MovedClock } from '../../build.js';
import { recordingLog, temporaryDirectory } from '../../store/records.js';
import { certId, ocspRequest } from './request.js';

export const START = new Date('2026-11-21T20:38:00Z');
export const newKey = async () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export interface Alone {
  responder: OcspResponder;
  parts: ResponderParts;
  clock: MovedClock;
  log: ReturnType<typeof recordingLog>;
  /** Serial numbers that were issued. */
  states: Map<string, SerialState>;
  /** The request for a serial number, and what its answer says. */
  request: (serial: string, nonce?: Buffer) => Buffer;
  ask: (serial: string, nonce?: Buffer) => Promise<ReturnType<typeof readOcspResponse>>;
}

export async function alone(
  t: TestContext,
  { hours = 24, days = 3650, start = START }: { hours?: number; days?: number; start?: Date } = {},
): Promise<Alone> {
  const clock = new MovedClock(start);
  const folder = new Folder(`${await temporaryDirectory(t)}/ca`);
  const options = { subject: 'CN=Alone', keyType: 'ec-p256', days } as const;
  const authority = await createAuthority(folder, options, await newKey(), null, clock.now());
  const log = recordingLog();
  const states = new Map<string, SerialState>();
  const parts: ResponderParts = {
    authority,
    lookup: (serial) => states.get(serial),
    keys: { generate: newKey },
    clock,
    log,
    hours,
  };
  const responder = await OcspResponder.open(parts);
  const request = (serial: string, nonce: Buffer | null = null) =>
    ocspRequest([certId(authority.certificate, serial)], nonce);
  const ask: Alone['ask'] = async (serial, nonce) => {
    const { text } = await responder.respond(request(serial, nonce));
    return readOcspResponse(Buffer.from(text, 'latin1'));
  };
  return { responder, parts, clock, log, states, request, ask };
}
