// Reads variables of an environment by a table that names for each its default, its meaning and what it takes; the
// table is also what `--help` prints. Wrong values are collected, so that one start shows them all.

/** What a value was read as, or what is wrong with it: the words after "takes". */
export type Parsed<T> = { ok: true; value: T } | { ok: false; takes: string };

export interface Variable<T> {
  group: string;
  description: string;
  /** As it would be written in the environment; null: the variable may be absent. */
  default: string | null;
  /** Shown instead of the default where that depends on something else. */
  defaultText?: string;
  /** Its value is never shown. */
  secret?: boolean;
  parse: (text: string) => Parsed<T>;
}

export type Variables = Record<string, Variable<unknown>>;

/** A variable without a default may be undefined. */
export type Values<V extends Variables> = {
  [Name in keyof V]: V[Name] extends Variable<infer T> ? (null extends V[Name]['default'] ? T | undefined : T) : never;
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** An empty value counts as absent: `${NAME:-}` in a compose file gives one. */
export function readEnvironment<V extends Variables>(
  variables: V,
  env: Environment,
): { values: Values<V>; faults: string[] } {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [name, variable] of Object.entries(variables)) {
    const given = env[name]?.trim() ? (env[name] as string) : variable.default;
    if (given === null) continue;
    // A blank may belong to a password; elsewhere it is a slip.
    const text = variable.secret ? given : given.trim();
    const parsed = variable.parse(text);
    if (parsed.ok) values[name] = parsed.value;
    else faults.push(fault(name, variable.secret ? null : text, `takes ${parsed.takes}`));
  }
  return { values: values as Values<V>, faults };
}

/** @param value null: not to be shown. */
export function fault(name: string, value: string | null, what: string): string {
  // A control character would forge a second line.
  return value === null
    ? `${name} (value not shown) ${what}`
    : `${name}=${JSON.stringify(value.slice(0, 200))} ${what}`;
}

const accept = <T>(value: T): Parsed<T> => ({ ok: true, value });

export const text = (pattern = /./s, takes = 'any text') => {
  return (value: string): Parsed<string> => (pattern.test(value) ? accept(value) : { ok: false, takes });
};

export const choice = <const T extends string>(...options: T[]) => {
  return (value: string): Parsed<T> => {
    const option = options.find((known) => known === value);
    return option === undefined ? { ok: false, takes: `one of ${options.join(', ')}` } : accept(option);
  };
};

export const integer = (least: number, most: number) => {
  return (value: string): Parsed<number> => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    return number >= least && number <= most
      ? accept(number)
      : { ok: false, takes: `a whole number from ${least} to ${most}` };
  };
};

const byteUnits: Record<string, number> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

/** Bytes: `524288000`, `500MB` (powers of 1000), `500MiB` (powers of 1024). */
export const bytes = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  return (value: string): Parsed<number> => {
    const [, digits, unit = ''] = /^(\d{1,16})\s*([a-z]*)$/i.exec(value) ?? [];
    const count = Number(digits) * (byteUnits[unit.toUpperCase()] ?? Number.NaN);
    if (count >= least && count <= most) return accept(count);
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
    return { ok: false, takes: `bytes, ${range}, such as 524288000, 500MB or 2GiB` };
  };
};

const durationUnits: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, of `500ms`, `30s`, `15m`, `24h`, `30d`. */
export const duration = (leastMs: number, mostMs = 3650 * 86_400_000) => {
  return (value: string): Parsed<number> => {
    const [, digits, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) ?? [];
    const ms = Number(digits) * (durationUnits[unit] ?? Number.NaN);
    if (ms >= leastMs && ms <= mostMs) return accept(ms);
    return {
      ok: false,
      takes: `a duration from ${inWords(leastMs)} to ${inWords(mostMs)}, such as 500ms, 30s, 15m, 24h or 30d`,
    };
  };
};

/** As it would be written in the environment. */
export function inWords(ms: number): string {
  const [unit, length] = Object.entries(durationUnits).findLast(([, length]) => ms >= length && ms % length === 0) ?? [
    'ms',
    1,
  ];
  return `${ms / length}${unit}`;
}
