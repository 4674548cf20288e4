import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardedAddresses } from '../../src/http/forwarded.js';
import { build } from '../build.js';

describe('the addresses that a proxy names', () => {
  it('are taken without ports and brackets', () => {
    assert.deepEqual(forwardedAddresses('192.0.2.1:50123, 2001:db8::1,[2001:db8::2]:443'), [
      '192.0.2.1',
      '2001:db8::1',
      '2001:db8::2',
    ]);
    assert.deepEqual(forwardedAddresses(['192.0.2.1', '192.0.2.2']), ['192.0.2.1', '192.0.2.2']);
  });

  it('end where something else stands: that, and what is before it, the client made up', () => {
    assert.deepEqual(forwardedAddresses('192.0.2.9, <script>, 192.0.2.1'), ['192.0.2.1']);
    for (const none of ['', 'unknown', '999.1.1.1', '"[2001:db8::1]"']) assert.deepEqual(forwardedAddresses(none), []);
  });

  it('are what limits, networks of keys and the audit trail see, where the proxy is trusted', async (t) => {
    const { app, call } = await build(t, { environment: { CERTMATE_TRUST_PROXY: '127.0.0.1' } });
    const seen = async (header: string) => {
      await app.inject({ url: '/api/keys', headers: { 'x-forwarded-for': header } });
      const { entries } = (await call('admin', { url: '/api/audit?status=denied&limit=1' })).json();
      return entries[0].ip_address;
    };
    assert.equal(await seen('192.0.2.9, 198.51.100.7:50123'), '198.51.100.7');
    assert.equal(await seen('[2001:db8::1]:443'), '2001:db8::1');
    assert.equal(await seen('198.51.100.7, 127.0.0.1'), '198.51.100.7');
    assert.equal(await seen('not an address'), '127.0.0.1');
  });

  it('are nobody’s business where no proxy is trusted', async (t) => {
    const { app, call } = await build(t);
    await app.inject({ url: '/api/keys', headers: { 'x-forwarded-for': '192.0.2.1' } });
    const { entries } = (await call('admin', { url: '/api/audit?status=denied&limit=1' })).json();
    assert.equal(entries[0].ip_address, '127.0.0.1');
  });
});
