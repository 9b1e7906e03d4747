import { type RawBuilder, sql } from 'kysely';

/** A span of time to be added to `now()`: what is compared with the database's clock is made by it. */
export function interval(ms: number): RawBuilder<unknown> {
  return sql`make_interval(secs => ${ms / 1000}::float8)`;
}
