import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKey } from '../api-keys.ts';

/** The secret that a request carries: `Authorization: Bearer …`, else `X-API-Key`. */
export function presentedSecret(headers: IncomingHttpHeaders): string | null {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  const apiKey = headers['x-api-key'];
  return bearer ?? (typeof apiKey === 'string' && apiKey !== '' ? apiKey : null);
}

/** Takes the same time whichever key matches, if any, and however much of it. */
export function matchKey(keys: readonly ApiKey[], secret: string): ApiKey | null {
  const hash = createHash('sha256').update(secret).digest();
  let match: ApiKey | null = null;
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) match = key;
  return match;
}
