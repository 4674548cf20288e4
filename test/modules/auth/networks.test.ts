import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Networks, parseNetwork } from '../../../src/modules/auth/networks.js';

describe('networks', () => {
  test('are CIDRs and addresses of both families, and nothing else', () => {
    for (const text of ['192.0.2.1', '192.0.2.0/24', '0.0.0.0/0', '2001:db8::1', '2001:DB8::/32', '::/0']) {
      assert.notEqual(parseNetwork(text), null, text);
    }
    for (const text of ['', 'localhost', '192.0.2.0/33', '192.0.2.0/', '192.0.2.0/08', '1.2.3', '::/129', '::1/-1']) {
      assert.equal(parseNetwork(text), null, text);
    }
    for (const text of ['fe80::1%eth0', '::ffff:192.0.2.1', '192.0.2.0/24/1', ' 192.0.2.1']) {
      assert.equal(parseNetwork(text), null, text);
    }
  });

  test('hold the addresses inside, to the bit', () => {
    const networks = new Networks(['192.0.2.128/25', '2001:db8:1::/48', '198.51.100.7']);
    for (const ip of ['192.0.2.128', '192.0.2.255', '2001:db8:1:ffff::1', '198.51.100.7']) {
      assert.ok(networks.includes(ip), ip);
    }
    for (const ip of ['192.0.2.127', '192.0.3.128', '2001:db8:2::1', '198.51.100.8', '::1', 'nonsense']) {
      assert.ok(!networks.includes(ip), ip);
    }
  });

  test('know IPv4 that comes mapped into IPv6, and addresses with a zone', () => {
    assert.ok(new Networks(['192.0.2.0/24']).includes('::ffff:192.0.2.9'));
    assert.ok(!new Networks(['2001:db8::/32']).includes('::ffff:192.0.2.9'));
    assert.ok(new Networks(['fe80::/10']).includes('fe80::1%eth0'));
  });

  test('cover others that lie within one of them', () => {
    const networks = new Networks(['10.0.0.0/8', '2001:db8::/32']);
    assert.ok(networks.covers(['10.1.0.0/16', '10.0.0.1', '2001:db8:5::/48']));
    for (const wider of ['0.0.0.0/0', '11.0.0.0/16', '::/0', '2001:db9::/48'])
      assert.ok(!networks.covers([wider]), wider);
  });
});
