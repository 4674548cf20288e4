/** Every way on which the key of a CSR can be certified. */
import assert from 'node:assert/strict';
import type { Built } from '../../build.js';

export const post = ({ call }: Built, url: string, payload: object, role: 'operator' | 'admin' = 'operator') =>
  call(role, { method: 'POST', url: `/api/${url}`, payload });

/** What each way of certifying the key of this CSR answers. */
async function ways(built: Built, csr: string, other: string) {
  const batch = (await post(built, 'client-certs/batch', { headers: ['csr'], rows: [[csr]] })).json();
  const dry = (await post(built, 'client-certs/batch', { headers: ['csr'], rows: [[csr]], dry_run: true })).json();
  const inspected = (await post(built, 'client-certs/csr/inspect', { csr })).json();
  const answers = [
    await post(built, 'client-certs', { csr }),
    await post(built, 'client-certs/csr/submit', { csr }),
    await post(built, `client-certs/${other}/renew`, { csr }),
  ].map((answer) => `${answer.statusCode} ${answer.json().code} ${answer.json().message}`);
  return {
    answers,
    reasons: inspected.reasons.map(({ code }: { code: string }) => code),
    batch: JSON.stringify(batch.errors),
    dry: JSON.stringify(dry.errors ?? dry),
  };
}

/** That a CSR is refused for its key on every way, for this reason. */
export async function assertRefused(built: Built, csr: string, why: RegExp): Promise<void> {
  const { identifier } = await built.issue({ identifier: `other-${Math.random().toString(36).slice(2)}` });
  const { answers, reasons, batch, dry } = await ways(built, csr, identifier);
  for (const answer of answers) {
    assert.match(answer, /^400 WEAK_KEY/);
    assert.match(answer, why);
  }
  assert.ok(reasons.includes('WEAK_KEY'), String(reasons));
  assert.match(batch, why);
  assert.match(dry, why);
}
