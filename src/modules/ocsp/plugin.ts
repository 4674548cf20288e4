/** Certifies the responder, keeps its key rotating and offers it as `app.ocsp`. */
import plugin from 'fastify-plugin';
import type { Inventory } from '../../store/inventory.js';
import type { Serial } from '../../types.js';
import { OcspResponder, type SerialState } from './responder.js';

declare module 'fastify' {
  interface FastifyInstance {
    ocsp: OcspResponder;
  }
}

export const ocspPlugin = plugin(
  async (app) => {
    const { authority, clock, config, crl, keys, log, store } = app;
    const responder = await OcspResponder.open({
      authority,
      lookup: (serial) => stateIn(store.inventory, serial) ?? crl.lost(serial),
      keys,
      clock,
      log,
      hours: config.ocspHours,
    });
    app.decorate('ocsp', responder);

    app.scheduler.add('ocsp-rotation', '*/10 * * * *', () => responder.rotateIfDue());
    app.scheduler.add('ocsp-refresh', '30 * * * * *', () => responder.refresh());
  },
  { name: 'ocsp', fastify: '5.x', dependencies: ['foundation', 'ca', 'crl'] },
);

/** The revocation state of a serial number, be it a present certificate's or one that a renewal replaced. */
function stateIn(inventory: Inventory, serial: Serial): SerialState | undefined {
  const found = inventory.bySerial(serial);
  return found && (found.replaced ?? found.record.revocation);
}
