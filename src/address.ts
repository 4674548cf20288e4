/** What counts as one address. */
import { BlockList, isIPv6, SocketAddress } from 'node:net';

/**
 * The address itself for IPv4, also where it comes mapped into IPv6; for IPv6 its network of 64 bits, which is the least
 * that anybody is given: `2001:db8:0:7::/64`.
 */
export function callerAddress(ip: string): string {
  // Most are IPv4; the full test is a long regular expression.
  if (!ip.includes(':') || !isIPv6(ip)) return ip;
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/**
 * Tells whether an address is in one of these networks; IPv4 also where it comes mapped into IPv6.
 * @param networks CIDRs or single addresses, checked before
 */
export function inNetworks(networks: readonly string[]): (ip: string) => boolean {
  if (networks.length === 0) return () => false;
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return (ip) => {
    const address = ip.replace(/%.*$/, '');
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };
}

/** Groups of 16 bits; a dotted end stands for two. */
function groupsOf(text: string): string[] {
  return text.split(':').flatMap((group) => (group === '' ? [] : group.includes('.') ? ['0', group] : [group]));
}
