import { parseDatabaseUrl, tlsModes } from '../database-url.ts';
import { choice, duration, integer, text, type Variables } from '../environment.ts';

export const database = {
  DATABASE_URL: {
    group: 'Database',
    default: null,
    defaultText: 'the embedded PostgreSQL',
    secret: true,
    description: 'PostgreSQL 15 or newer: postgres://user:password@host:5432/database?sslmode=…',
    parse: parseDatabaseUrl,
  },
  DB_HOST: {
    group: 'Database',
    default: null,
    defaultText: 'localhost, once another DB_ variable of an address is set',
    description: 'its host, or the folder of its socket; instead of DATABASE_URL',
    parse: text(/^[^,]+$/, 'one host'),
  },
  DB_PORT: {
    group: 'Database',
    default: null,
    defaultText: '5432',
    description: 'its port',
    parse: integer(1, 65_535),
  },
  DB_USER: {
    group: 'Database',
    default: null,
    defaultText: 'postgres',
    description: 'role to connect as',
    parse: text(),
  },
  DB_PASSWORD: { group: 'Database', default: null, secret: true, description: 'password of that role', parse: text() },
  DB_NAME: {
    group: 'Database',
    default: null,
    defaultText: 'as DB_USER',
    description: 'database to connect to',
    parse: text(),
  },
  DB_SSLMODE: {
    group: 'Database',
    default: null,
    defaultText: 'prefer',
    description: 'TLS to the database, as in libpq',
    parse: choice(...tlsModes),
  },
  DB_SSLROOTCERT: {
    group: 'Database',
    default: null,
    description: 'file of the certificates that verify-ca and verify-full trust',
    parse: text(),
  },
  DB_SCHEMA: {
    group: 'Database',
    default: 'public',
    description: "schema of the resources' tables",
    parse: text(
      /^(?!(bulk|pgboss|information_schema)$|pg_)[^\0]{1,63}$/,
      'the name of a schema other than bulk, pgboss and those of PostgreSQL',
    ),
  },
  DB_MAX_OPEN_CONNS: {
    group: 'Database',
    default: '25',
    description: 'connections of the process, all pools together',
    parse: integer(1, 10_000),
  },
  DB_MAX_IDLE_CONNS: {
    group: 'Database',
    default: '5',
    description: 'of these, kept open while unused',
    parse: integer(0, 10_000),
  },
  DB_RETRY_FOR: {
    group: 'Database',
    default: '24h',
    description: 'how long jobs wait for a database that is away',
    parse: duration(1000),
  },
} as const satisfies Variables;
