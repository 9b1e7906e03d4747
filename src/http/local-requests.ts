// What counts as local while the service has no API keys. A web page elsewhere reaches a service on this machine in two
// ways: as itself (its Origin tells), or under a name of its own that it has pointed at 127.0.0.1 (its Host tells).
import { isIPv4 } from 'node:net';

/** Pages served from this machine, whatever their port. */
export const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

/** @param host a Host header. */
export function isLocalHost(host: string | undefined): boolean {
  const [, name = ''] = /^(.+?)(?::\d{1,5})?$/.exec(host?.toLowerCase() ?? '') ?? [];
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}

/** @param listed CORS_ORIGIN. */
export function isLocalOrigin(origin: string, listed: readonly string[]): boolean {
  return localOrigin.test(origin) || listed.includes(origin) || listed.includes('*');
}
