// A COPY over one connection, for machines without psql: rows from standard input, or to standard output.
//   node bench/copy-program.ts 'COPY … FROM STDIN' < rows
// The address comes from libpq's environment variables, as for psql. Says on standard error how long it took, without its start.
import { pipeline } from 'node:stream/promises';
import { openPool } from '../db/client.ts';
import { copyOut } from '../db/copy.ts';
import type { Address, TlsMode } from '../src/database-url.ts';
import { connectionTo } from './database-server.ts';

const statement = process.argv[2] ?? '';
const sql = openPool(connectionTo(libpqAddress(process.env)), { max: 1, name: 'bulk bench copy' });
try {
  await sql`SELECT`;
  const startMs = performance.now();
  if (/ FROM STDIN$/.test(statement)) await pipeline(process.stdin, await sql.unsafe(statement).writable());
  else await pipeline(await copyOut(sql, statement), process.stdout);
  process.stderr.write(JSON.stringify({ seconds: (performance.now() - startMs) / 1000 }));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await sql.end({ timeout: 5 });
}

function libpqAddress(env: NodeJS.ProcessEnv): Address {
  const text = (name: string) => env[name] ?? '';
  return {
    host: text('PGHOST'),
    port: Number(text('PGPORT')),
    user: text('PGUSER'),
    password: text('PGPASSWORD'),
    database: text('PGDATABASE'),
    tlsMode: env.PGSSLMODE as TlsMode | undefined,
    rootCertificate: env.PGSSLROOTCERT,
  };
}
