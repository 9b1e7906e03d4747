// REMOTE_ALLOW: hosts that may be reached whatever their address and port.
import { isIPv6 } from 'node:net';
import type { Parsed } from '../environment.ts';

/** As a URL shows it: in lower case, IPv6 in brackets; `port` null: every one. */
export interface AllowedHost {
  host: string;
  port: number | null;
}

const takes = 'hosts separated by commas, each with a port or without: files.example.com, 10.0.0.5:9000, [fd00::5]';

export function parseAllowedHosts(text: string): Parsed<AllowedHost[]> {
  const entries = text.split(/[\s,]+/).filter((entry) => entry !== '');
  const hosts = entries.map(parseEntry);
  return hosts.includes(null) ? { ok: false, takes } : { ok: true, value: hosts.filter((host) => host !== null) };
}

function parseEntry(entry: string): AllowedHost | null {
  const text = isIPv6(entry) ? `[${entry}]` : entry;
  const [, name = '', port] = /^(\[[^\]]+\]|[^/?#@\\:[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const url = URL.parse(`http://${name}/`);
  if (!url || Number(port ?? 0) > 65_535) return null;
  return { host: hostOf(url), port: port === undefined ? null : Number(port) };
}

export function isAllowed(url: URL, allowed: readonly AllowedHost[]): boolean {
  return allowed.some(({ host, port }) => host === hostOf(url) && (port === null || port === portOf(url)));
}

export function portOf({ port, protocol }: URL): number {
  if (port !== '') return Number(port);
  return protocol === 'https:' ? 443 : 80;
}

/** `example.com.` is the same host as `example.com`. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/\.$/, '');
}
