/** Networks that a key may be used from: CIDRs and single addresses, of IPv4 and IPv6. */
import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

interface Network {
  address: string;
  family: 'ipv4' | 'ipv6';
  /** Bits. */
  prefix: number;
}

/** `192.0.2.0/24`, `2001:db8::/32`, or one address; null for anything else, IPv4 written as IPv6 too. */
export function parseNetwork(text: string): Network | null {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : null;
  if (family === null || rest.length > 0 || plainAddress(address) !== address.toLowerCase()) return null;
  const widest = family === 'ipv4' ? 32 : 128;
  if (prefix === undefined) return { address, family, prefix: widest };
  return /^(0|[1-9]\d{0,2})$/.test(prefix) && Number(prefix) <= widest
    ? { address, family, prefix: Number(prefix) }
    : null;
}

export class Networks {
  readonly #list = new BlockList();
  readonly #networks: Network[];

  /** @throws RangeError for what is no network */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map((text) => {
      const network = parseNetwork(text);
      if (network === null) throw new RangeError(`not a network: ${text}`);
      this.#list.addSubnet(network.address, network.prefix, network.family);
      return network;
    });
  }

  /** Whether this address is in one of them; IPv4 also where it comes mapped into IPv6. */
  includes(ip: string): boolean {
    const address = plainAddress(ip.replace(/%.*$/, ''));
    if (isIPv4(address)) return this.#list.check(address, 'ipv4');
    return isIPv6(address) && this.#list.check(address, 'ipv6');
  }

  /** Whether all of the others lie within one of these. */
  covers(others: readonly string[]): boolean {
    return others.every((text) => {
      const inner = parseNetwork(text);
      return (
        inner !== null &&
        this.#networks.some(({ address, family, prefix }) => {
          if (family !== inner.family || prefix > inner.prefix) return false;
          const outer = new BlockList();
          outer.addSubnet(address, prefix, family);
          return outer.check(inner.address, family);
        })
      );
    });
  }
}

/** IPv4 mapped into IPv6 as what it is; everything else as it comes. */
function plainAddress(ip: string): string {
  if (!isIPv6(ip)) return ip;
  const { address } = new SocketAddress({ address: ip, family: 'ipv6' });
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? ip.toLowerCase();
}
