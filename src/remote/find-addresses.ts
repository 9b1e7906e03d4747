// The addresses that a URL's host may be reached at. They are looked up once; whoever connects uses these and no others,
// so that a name which changes its address in between (DNS rebinding) gains nothing.
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { type AllowedHost, isAllowed, portOf } from './allowed-hosts.ts';
import { isPublicAddress } from './public-address.ts';
import { RemoteFault } from './remote-fault.ts';

export interface AddressRules {
  allow: readonly AllowedHost[];
  /** Default: the system's resolver. */
  resolve?(host: string): Promise<LookupAddress[]>;
  /** Default: isPublicAddress. */
  isPublic?(address: string): boolean;
}

const publicPorts = [80, 443];

const systemResolver = async (host: string) => await lookup(host, { all: true });

/**
 * @returns one or more addresses, each of them permitted.
 * @throws RemoteFault file_url_refused. Its message is the same whether a host does not exist or may not be reached: it
 * tells nothing about names and addresses in this service's network.
 */
export async function findAddresses(url: URL, rules: AddressRules): Promise<LookupAddress[]> {
  const { resolve = systemResolver, isPublic = isPublicAddress } = rules;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const allowed = isAllowed(url, rules.allow);
  if (!allowed && !publicPorts.includes(portOf(url))) {
    throw new RemoteFault('file_url_refused', 'file_url must use port 80 or 443, unless REMOTE_ALLOW names its host');
  }
  const family = isIP(host);
  const addresses = family === 0 ? await lookUp(host, resolve) : [{ address: host, family }];
  if (addresses.length === 0) throw refused('the name has no address');
  const forbidden = allowed ? undefined : findForbidden(addresses, isPublic);
  if (forbidden) throw refused(`${forbidden.address} is not public`);
  return addresses;
}

function findForbidden(addresses: LookupAddress[], isPublic: (address: string) => boolean): LookupAddress | undefined {
  try {
    return addresses.find(({ address }) => !isPublic(address));
  } catch (error) {
    // Any of them may be one of this machine's own.
    throw refused(`the addresses of this machine cannot be listed (${(error as Error).message})`, error);
  }
}

async function lookUp(host: string, resolve: (host: string) => Promise<LookupAddress[]>): Promise<LookupAddress[]> {
  try {
    return await resolve(host);
  } catch (error) {
    throw refused(`the name cannot be resolved (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function refused(reason: string, cause?: unknown): RemoteFault {
  const message =
    'the host of file_url, or one that it redirects to, does not exist or may not be reached: public hosts are, and those in REMOTE_ALLOW';
  return new RemoteFault('file_url_refused', message, { reason, cause });
}
