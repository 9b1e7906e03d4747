// API_KEYS: `name:scopes:secret` or `name@owner:scopes:secret`, several of them separated by commas or white space, for
// example `backoffice:read+write:5f2c…,alice@acme:read+write:91ab…,bob@acme:read:c07d…`. Secrets are hashed here and not
// kept.
import { createHash } from 'node:crypto';
import type { Parsed } from './environment.ts';

export type Scope = 'read' | 'write';

export interface ApiKey {
  /** Logged, unlike the secret. */
  name: string;
  /** Whose jobs alone the key sees; null: it sees all jobs. */
  owner: string | null;
  /** SHA-256 of the secret. */
  hash: Buffer;
  scopes: readonly Scope[];
}

/** To whom the jobs that are made with the key belong, and are counted; without an owner a key is its own. */
export function jobOwnerOf({ name, owner }: ApiKey): string {
  return owner ?? name;
}

const secretMinLength = 16;
const form =
  'keys of the form name:read:secret, name:write:secret or name:read+write:secret, separated by commas, with name@owner for one that sees only the jobs of its owner';

/** Faults name the key by its place, and never show any part of it. */
export function parseApiKeys(value: string): Parsed<ApiKey[]> {
  const keys: ApiKey[] = [];
  const refuse = (why: string, place = keys.length + 1): Parsed<ApiKey[]> => ({
    ok: false,
    takes: `${form}; key ${place} ${why}`,
  });
  for (const entry of value.split(/[\s,]+/).filter((part) => part !== '')) {
    const [, name, owner = null, scopeList, secret] =
      /^([\w.-]{1,64})(?:@([\w.-]{1,64}))?:([a-z+]+):([\x21-\x7e]+)$/.exec(entry) ?? [];
    if (!name || !scopeList || !secret) return refuse('has another form');
    const scopes = [...new Set(scopeList.split('+'))].filter((scope) => scope === 'read' || scope === 'write');
    if (scopes.length !== scopeList.split('+').length) return refuse('has a scope other than read and write');
    if (secret.length < secretMinLength) return refuse(`has a secret shorter than ${secretMinLength} characters`);
    const hash = createHash('sha256').update(secret).digest();
    if (keys.some((key) => key.name === name)) return refuse('has the name of an earlier one');
    if (keys.some((key) => key.hash.equals(hash))) return refuse('has the secret of an earlier one');
    keys.push({ name, owner, hash, scopes });
  }
  if (keys.length === 0) return refuse('is missing');
  // Its jobs would be seen by whoever made the other's.
  const confused = keys.findIndex(({ owner }) => keys.some((key) => key.owner === null && key.name === owner));
  if (confused >= 0) return refuse('has an owner that is the name of a key without one', confused + 1);
  return { ok: true, value: keys };
}
