import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv6 } from 'node:net';

/**
 * Who a request comes from: the socket's address. Only where that is a proxy of ours does `X-Forwarded-For` count, read
 * from the right, since each proxy adds what it saw there, up to the first address that is none of ours. What stands
 * left of it is anybody's word.
 *
 * @param trustedProxies addresses and ranges: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`
 */
export function clientAddressBy(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  const ours = new BlockList();
  for (const range of trustedProxies) {
    const [address = '', prefix] = range.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    ours.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  const trusts = (address: string): boolean => ours.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  return ({ socket, headers }) => {
    let address = plain(socket.remoteAddress ?? '') ?? '0.0.0.0';
    const forwarded = headers['x-forwarded-for'];
    if (forwarded === undefined || trustedProxies.length === 0) return address;
    const hops = (typeof forwarded === 'string' ? forwarded : forwarded.join(',')).split(',');
    for (let hop = hops.pop(); hop !== undefined && trusts(address); hop = hops.pop()) {
      const said = plain(hop.trim());
      if (said === undefined) break;
      address = said;
    }
    return address;
  };
}

/** What is counted together: an IPv4 address, or the /64 that one customer of an IPv6 network has. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const full = tail === undefined ? groups : [...groups, ...zeros(8 - groups.length - after.length), ...after];
  return `${full
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

function zeros(count: number): string[] {
  return Array.from({ length: Math.max(0, count) }, () => '0');
}

/** An address without what may stand around it: `::ffff:` of IPv4, a zone, a port, brackets. Undefined for no address. */
function plain(text: string): string | undefined {
  const bare = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const address = bare.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');
  return isIP(address) === 0 ? undefined : address.toLowerCase();
}
