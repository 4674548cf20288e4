/** Certifies the responder, keeps its key rotating and offers it as `app.ocsp`. */
import plugin from 'fastify-plugin';
import type { Inventory } from '../../store/inventory.js';
import type { Serial } from '../../types.js';
import { OcspResponder } from './responder.js';
import type { SerialState } from './serial-state.js';

declare module 'fastify' {
  interface FastifyInstance {
    ocsp: OcspResponder;
  }
}

export const ocspPlugin = plugin(
  async (app) => {
    const { authority, clock, config, crl, keys, log, metrics, store } = app;
    const responder = await OcspResponder.open({
      authority,
      lookup: (serial) => stateIn(store.inventory, serial) ?? crl.lost(serial),
      keys,
      clock,
      log,
      hours: config.ocspHours,
      onSigned: metrics.histogram(
        'certmate_ocsp_signing_seconds',
        'How long an OCSP answer waits for its signature.',
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5],
      ),
    });
    metrics.counter(
      'certmate_ocsp_requests_total',
      'OCSP requests answered, by what the answer says and whether it had been signed before.',
      () => responder.tallies.readings(),
      ['status', 'cache'],
    );
    app.decorate('ocsp', responder);

    app.health.add('ocsp', () =>
      responder.delegate.notBefore > clock.now()
        ? {
            ok: false,
            detail: 'the OCSP signer is of the future: the clock was set back; a new one follows within a minute',
          }
        : { ok: true },
    );
    app.scheduler.every('ocsp-rotation', 60, () => responder.rotateIfDue());
    app.scheduler.every('ocsp-refresh', 60, () => responder.refresh());
  },
  { name: 'ocsp', fastify: '5.x', dependencies: ['foundation', 'health', 'metrics', 'ca', 'crl'] },
);

/** The revocation state of a serial number, be it a present certificate's or one that a renewal replaced. */
function stateIn(inventory: Inventory, serial: Serial): SerialState | undefined {
  const found = inventory.bySerial(serial);
  return found && (found.replaced ?? found.record.revocation);
}
