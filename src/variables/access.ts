import { parseApiKeys } from '../api-keys.ts';
import { choice, integer, type Parsed, type Variables } from '../environment.ts';
import { parseTrustedProxies } from '../trusted-proxies.ts';

export const access = {
  API_KEYS: {
    group: 'Access',
    default: null,
    secret: true,
    description:
      'keys as name:scopes:secret, or name@owner:scopes:secret for one that sees only the jobs of its owner, separated by commas; scopes are read, write or read+write; secrets have 16 characters or more',
    parse: parseApiKeys,
  },
  AUTH: {
    group: 'Access',
    default: 'keys',
    description: 'none: serve anybody who reaches HOST, without API keys',
    parse: choice('keys', 'none'),
  },
  CORS_ORIGIN: {
    group: 'Access',
    default: null,
    defaultText: '* with API keys, pages of localhost without',
    description: 'origins, separated by commas, whose pages may call the API; * for all',
    parse: parseOrigins,
  },
  RATE_LIMIT: {
    group: 'Access',
    default: '60000',
    description: 'requests a minute of an API key, without keys of a client address; 0: any number',
    parse: integer(0, 1e9),
  },
  TRUST_PROXY: {
    group: 'Access',
    default: null,
    description:
      'addresses and networks, separated by commas, of reverse proxies: what they say in X-Forwarded-For is the client address',
    parse: parseTrustedProxies,
  },
} as const satisfies Variables;

function parseOrigins(value: string): Parsed<string[]> {
  const origins = value.split(/[\s,]+/).filter((origin) => origin !== '');
  const wrong = origins.some((origin) => origin !== '*' && URL.parse(origin)?.origin !== origin);
  return wrong
    ? { ok: false, takes: '* or origins such as https://example.com, without a path' }
    : { ok: true, value: origins };
}
