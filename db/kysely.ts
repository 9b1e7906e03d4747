// Opens Kysely on a postgres.js pool. kysely-postgres-js 5.0.0 does not fit kysely 0.29 where a connection is lost within
// a transaction: the ROLLBACK fails, and what kysely then calls to discard the connection is not there. A TypeError takes
// the place of the error that said what happened, and a job that should have been tried again ends as failed.
import { CompiledQuery, type DatabaseConnection, type Driver, Kysely } from 'kysely';
import { PostgresJSDialect, PostgresJSDriver } from 'kysely-postgres-js';
import type { Sql } from './client.ts';
import { verdictOf } from './sqlstate.ts';

/** Its destroy() ends the pool. */
export function openKysely<Tables>(sql: Sql): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new Dialect({ postgres: sql }) });
}

class Dialect extends PostgresJSDialect {
  readonly #config: ConstructorParameters<typeof PostgresJSDialect>[0];

  constructor(config: ConstructorParameters<typeof PostgresJSDialect>[0]) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new PatientDriver(this.#config);
  }
}

class PatientDriver extends PostgresJSDriver {
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'));
    } catch (error) {
      // Lost: the server rolls back by itself, and the pool opens another connection. The first error is the one to tell.
      if (verdictOf(error) !== 'transient') throw error;
    }
  }
}
