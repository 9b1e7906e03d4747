// Which addresses belong to the public internet. Everything that is not known to does not: a request to anything else would
// be made with the reach of this service, not of the client (server-side request forgery).
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';

/** All that IANA has given out for global unicast; what is not in here is special or may become so. */
const globalUnicast = ipaddr.parseCIDR('2000::/3');
/** Azure's metadata and host agent, at a public address that is routed nowhere else. */
const hostAgents = ['168.63.129.16'];

/**
 * Private, loopback, link-local, shared, multicast, documentation and other special ranges are not public, nor are IPv6
 * addresses that carry an IPv4 one (mapped, NAT64, 6to4, Teredo), nor those of this machine.
 * @param text as a resolver or a parsed URL gives it, without brackets.
 * @param interfaces of this machine.
 * @throws what networkInterfaces() does where the system does not tell them, as without AF_NETLINK.
 */
export function isPublicAddress(text: string, interfaces = networkInterfaces()): boolean {
  // ipaddr.js alone would also take 1.2.3.
  if (isIP(text) === 0) return false;
  const address = ipaddr.parse(text);
  if (address.range() !== 'unicast') return false;
  if (address.kind() === 'ipv6' && !address.match(globalUnicast)) return false;
  return !hostAgents.includes(text) && !isOwn(text, interfaces);
}

function isOwn(text: string, interfaces: ReturnType<typeof networkInterfaces>): boolean {
  return Object.values(interfaces).some((addresses) => addresses?.some(({ address }) => address === text));
}
