/** What proxies say of whom they speak for, put into the form in which it is believed. */
import { isIP } from 'node:net';

/**
 * The addresses of an X-Forwarded-For header, those nearest to us last. Some proxies add a port (Azure's gateway does) or
 * brackets; kept, every connection of a client would count as another client. What is no address was sent by the client
 * itself, and so was all before it.
 */
export function forwardedAddresses(header: string | readonly string[]): string[] {
  const addresses: string[] = [];
  for (const entry of [header].flat().join(',').split(',').reverse()) {
    const address = withoutPort(entry.trim());
    if (isIP(address) === 0) break;
    addresses.unshift(address);
  }
  return addresses;
}

/** `192.0.2.1:443` and `[2001:db8::1]:443` without what is not the address. */
function withoutPort(entry: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}
