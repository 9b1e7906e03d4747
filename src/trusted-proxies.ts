// TRUST_PROXY: the reverse proxies whose X-Forwarded-For tells a client's address.
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Parsed } from './environment.ts';

const takes = 'addresses and networks of proxies, separated by commas: 127.0.0.1, 10.0.0.0/8, fd00::/8';

export function parseTrustedProxies(text: string): Parsed<string[]> {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.every(isNetwork) ? { ok: true, value: entries } : { ok: false, takes };
}

/** An address, or a network that is not everybody: whom one trusts may name any address. */
function isNetwork(entry: string): boolean {
  if (isIP(entry) !== 0) return true;
  const [address = ''] = entry.split('/', 1);
  return isIP(address) !== 0 && ipaddr.isValidCIDR(entry) && !entry.endsWith('/0');
}
