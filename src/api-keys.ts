// API_KEYS: `name:scopes:secret`, several of them separated by commas or white space, for example
// `backoffice:read+write:5f2c…,prometheus:read:91ab…`. Secrets are hashed here and not kept.
import { createHash } from 'node:crypto';
import type { Parsed } from './environment.ts';

export type Scope = 'read' | 'write';

export interface ApiKey {
  /** Owner of the jobs that are made with the key; logged, unlike the secret. */
  name: string;
  /** SHA-256 of the secret. */
  hash: Buffer;
  scopes: readonly Scope[];
}

const secretMinLength = 16;
const form = 'keys of the form name:read:secret, name:write:secret or name:read+write:secret, separated by commas';

/** Faults name the key by its place, and never show any part of it. */
export function parseApiKeys(value: string): Parsed<ApiKey[]> {
  const keys: ApiKey[] = [];
  const refuse = (why: string): Parsed<ApiKey[]> => ({ ok: false, takes: `${form}; key ${keys.length + 1} ${why}` });
  for (const entry of value.split(/[\s,]+/).filter((part) => part !== '')) {
    const [, name, scopeList, secret] = /^([\w.-]{1,64}):([a-z+]+):([\x21-\x7e]+)$/.exec(entry) ?? [];
    if (!name || !scopeList || !secret) return refuse('has another form');
    const scopes = [...new Set(scopeList.split('+'))].filter((scope) => scope === 'read' || scope === 'write');
    if (scopes.length !== scopeList.split('+').length) return refuse('has a scope other than read and write');
    if (secret.length < secretMinLength) return refuse(`has a secret shorter than ${secretMinLength} characters`);
    const hash = createHash('sha256').update(secret).digest();
    if (keys.some((key) => key.name === name)) return refuse('has the name of an earlier one');
    if (keys.some((key) => key.hash.equals(hash))) return refuse('has the secret of an earlier one');
    keys.push({ name, hash, scopes });
  }
  return keys.length > 0 ? { ok: true, value: keys } : refuse('is missing');
}
