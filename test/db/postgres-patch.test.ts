// One test for each fault that patches/postgres+3.4.9.patch mends, on both builds of the package. Each of them fails
// without the patch: by a wrong outcome, by an uncaught error, or by waiting for what never comes.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import net, { type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import postgres, { type JSONValue, type Options, type Sql, type TransactionSql } from 'postgres';
import t, { type Test } from 'tap';
import type { Connection } from '../../db/client.ts';
import { startProxy } from './cuttable-proxy.ts';
import { createWatchedDatabase, loginOf, lost, pidOf, within } from './watched-database.ts';

type Driver = typeof postgres;
/** `max_pipeline` is missing from the package's types. */
type PoolOptions = Options<Record<string, never>> & { max_pipeline?: number };
const builds: Record<string, Driver> = { ESM: postgres, CJS: createRequire(import.meta.url)('postgres') };

/** Opens pools of the build under test. */
const opener =
  (driver: Driver, database: Connection) =>
  (test: Test, options: PoolOptions = {}): Sql => {
    const connection = { application_name: randomUUID() };
    const defaults = { ...loginOf(database), connection, max: 1, backoff: () => 0, connect_timeout: 3 };
    const sql = driver({ ...defaults, ...options });
    test.after(async () => await sql.end({ timeout: 0 }));
    return sql;
  };

for (const [build, driver] of Object.entries(builds)) {
  t.test(`${build} build`, async (t) => {
    const { database, admin, isSound, terminate, running, waiting } = await createWatchedDatabase(t);
    const open = opener(driver, database);

    t.test('a COPY FROM that the server refuses at its end rejects with the reason', async (t) => {
      const sql = open(t);
      const copy = async (on: Sql | TransactionSql) => {
        const writable = await on`COPY sample FROM STDIN`.writable();
        writable.end('1\ta\n1\tb\n');
        await finished(writable);
      };
      const duplicate = { code: '23505', constraint_name: 'sample_pkey', where: 'COPY sample, line 2' };
      await t.rejects(within(copy(sql)), duplicate, 'by itself');
      await t.rejects(within(sql.begin(copy)), duplicate, 'in a transaction');
      await isSound(t, sql);
    });

    t.test('a COPY FROM whose connection dies rejects, before its end and after it', async (t) => {
      const sql = open(t);
      const copy = async (on: Sql | TransactionSql, end: (writable: Writable) => Promise<void>) => {
        const pid = await pidOf(on);
        const writable = await on`COPY sample FROM STDIN`.writable();
        writable.write('1\ta\n');
        await Promise.all([finished(writable), end(writable).then(() => terminate(pid))]);
      };
      const midway = () => running('COPY sample FROM STDIN');
      await t.rejects(within(sql.begin((tx) => copy(tx, midway))), lost);
      await admin.begin(async (neighbour) => {
        await neighbour`INSERT INTO sample VALUES (1, 'not committed, so that the COPY waits')`;
        const ended = (writable: Writable) => {
          writable.end();
          return waiting('COPY sample FROM STDIN', 'Lock');
        };
        await t.rejects(within(sql.begin((tx) => copy(tx, ended))), lost);
        await neighbour`ROLLBACK`;
      });
      await isSound(t, sql);
    });

    t.test('a transaction keeps its connection while that still sends what a failed COPY left', async (t) => {
      let socket: Socket | undefined;
      const connect = async () => {
        socket = net.connect(database.port, database.host);
        await once(socket, 'connect');
        return socket;
      };
      const sql = open(t, { socket: connect } as PoolOptions);
      await sql`SELECT 1`;
      let other: PromiseLike<unknown> | undefined;
      const failing = sql.begin(async (tx) => {
        const writable: Writable = await tx`COPY sample FROM STDIN`.writable();
        const drained = once(socket!, 'drain');
        writable.write('no number\ta\n');
        writable.write(Buffer.alloc(64_000_000, '1\ta\n'));
        await t.rejects(finished(writable), { code: '22P02' });
        other = sql`SELECT 2 AS two`.execute();
        await drained;
        throw new Error('the end of the transaction');
      });
      await t.rejects(within(failing), { message: 'the end of the transaction' });
      t.same(await within(other!), [{ two: 2 }], 'the other query came after it');
      await isSound(t, sql);
    });

    t.test('a COPY TO that is read slowly frees its connection', async (t) => {
      const sql = open(t);
      // Each row by itself fills the stream's buffer, the last one too.
      const copy = sql`COPY (SELECT repeat('x', 100000) FROM generate_series(1, 20)) TO STDOUT`;
      const readable: Readable = await copy.readable();
      let bytes = 0;
      for await (const chunk of readable) {
        bytes += chunk.length;
        await turn();
      }
      t.equal(bytes, 2_000_020);
      await isSound(t, sql);
    });

    t.test('a COPY TO that is left half-way frees its connection, at once when cancelled', async (t) => {
      const sql = open(t);
      const left: Readable = await sql`COPY (SELECT generate_series(1, 9000), repeat('x', 1000)) TO STDOUT`.readable();
      await once(left, 'readable');
      left.destroy();
      await isSound(t, sql);

      const copy = sql`COPY (SELECT generate_series(1, 1000000000), repeat('x', 1000)) TO STDOUT`;
      const endless: Readable = await copy.readable();
      await once(endless, 'readable');
      endless.destroy();
      await within(copy.cancel()!);
      await isSound(t, sql);
    });

    t.test('a COPY TO that fails in its first packet rejects its reader and nothing else', async (t) => {
      const sql = open(t);
      const read = async () => {
        for await (const _ of await sql`COPY (SELECT 1 / (3 - n) FROM generate_series(1, 3) n) TO STDOUT`.readable());
      };
      await t.rejects(within(read()), { code: '22012' });
      await isSound(t, sql);
    });

    t.test('a backend that dies in a transaction rejects the transaction, and the pool connects anew', async (t) => {
      const sql = open(t);
      const failing = sql.begin(async (tx) => {
        const pid = await pidOf(tx);
        await Promise.all([tx`SELECT pg_sleep(60)`, running('SELECT pg_sleep(60)').then(() => terminate(pid))]);
      });
      await t.rejects(within(failing), lost);
      await isSound(t, sql);
    });

    t.test(
      'a connection that is reset in a transaction rejects it, and the pool goes on and can be ended',
      async (t) => {
        const proxy = await startProxy(t, database);
        const sql = open(t, loginOf(proxy.connection));
        const sleep = (on: Sql | TransactionSql) =>
          Promise.all([on`SELECT pg_sleep(1)`, running('SELECT pg_sleep(1)').then(proxy.cut)]);
        await t.rejects(within(sql.begin(sleep)), lost);
        await within(sql`SELECT 1`);
        await t.rejects(within(sleep(sql)), lost);
        await within(sql.end());
      },
    );

    t.test('what a transaction has in line is rejected when its connection dies', async (t) => {
      const sql = open(t, { max_pipeline: 1 });
      let settled: Promise<PromiseSettledResult<unknown>[]> | undefined;
      const failing = sql.begin(async (tx) => {
        const pid = await pidOf(tx);
        settled = Promise.allSettled([tx`SELECT pg_sleep(61)`, tx`SELECT 2`, tx`SELECT 3`, tx`SELECT 4`]);
        await running('SELECT pg_sleep(61)');
        await terminate(pid);
        await settled;
      });
      await t.rejects(within(failing), lost);
      for (const { status } of await within(settled!)) t.equal(status, 'rejected');
      await isSound(t, sql);
    });

    t.test('statements of a transaction whose connection died run nowhere', async (t) => {
      const closed = Promise.withResolvers<void>();
      const sql = open(t, { onclose: () => closed.resolve() });
      const over = Promise.withResolvers<void>();
      const failing = sql.begin(async (tx) => {
        await terminate(await pidOf(tx));
        await closed.promise;
        await within(sql`SELECT 'connected anew'`);
        await t.rejects(within(tx`INSERT INTO sample VALUES (101, 'outside')`), lost);
        await t.rejects(within(tx.savepoint((nested) => nested`INSERT INTO sample VALUES (102, 'outside')`)), lost);
        over.resolve();
      });
      await t.rejects(within(failing), lost);
      await within(over.promise);
      t.same(await admin`SELECT id FROM sample WHERE id > 100`, []);
      await isSound(t, sql);
    });

    t.test('a backend that dies while reserved rejects what it was reserved for, and no more', async (t) => {
      const sql = open(t, { max_pipeline: 1 });
      const reserved = await sql.reserve();
      const pid = await pidOf(reserved);
      const settled = Promise.allSettled([reserved`SELECT pg_sleep(62)`, reserved`SELECT 2`, reserved`SELECT 3`]);
      await running('SELECT pg_sleep(62)');
      await terminate(pid);
      for (const { status } of await within(settled)) t.equal(status, 'rejected');
      await t.rejects(within(reserved`SELECT 4`), lost);
      let other: PromiseLike<readonly unknown[]> | undefined;
      await sql.begin(async (tx) => {
        await tx`INSERT INTO sample VALUES (103, 'connected anew')`;
        await t.rejects(within(reserved`SELECT 5`), lost);
        reserved.release();
        other = sql`SELECT pg_current_xact_id_if_assigned() AS transaction`.execute();
        await tx`DELETE FROM sample WHERE id = 103`;
      });
      t.same(await within(other!), [{ transaction: null }], 'a later release gives away nobody else’s transaction');
      await isSound(t, sql);
    });

    t.test('a reserve() in line gets a connection although the one it waited for died or failed', async (t) => {
      const sql = open(t);
      const first = await sql.reserve();
      const second = sql.reserve();
      await terminate(await pidOf(first));
      // Before the driver knows, the dead one is given on, and the next statement fails.
      await t.rejects(within(first`SELECT 0`), lost);
      first.release();
      const reserved = await within(second);
      await within(reserved`SELECT 1`);
      reserved.release();
      await isSound(t, sql);

      let refuse = true;
      const proxy = await startProxy(t, database, () =>
        refuse ? fatal('57P03', 'the database system is starting up') : null,
      );
      const pool = open(t, { ...loginOf(proxy.connection), fetch_types: false });
      await t.rejects(within(pool.reserve()), { code: '57P03' });
      refuse = false;
      const later = await within(pool.reserve());
      await within(later`SELECT 1`);
      later.release();
      await isSound(t, pool);
    });

    t.test('a pool that is ended waits for what is reserved, and no longer', async (t) => {
      const sql = open(t);
      const reserved = await sql.reserve();
      const ended = sql.end();
      await within(reserved`SELECT 1`);
      reserved.release();
      await within(ended);
    });

    t.test('a connection that dies while it starts leaves its error to nobody', async (t) => {
      let first = true;
      const proxy = await startProxy(t, database, (sent) => {
        if (!first || !sent.includes('typarray')) return null;
        first = false;
        return fatal('57P01', 'terminating connection due to administrator command');
      });
      const sql = open(t, loginOf(proxy.connection));
      await isSound(t, sql);
      await sql.end();

      const resetting = await startProxy(t, database, (sent) => {
        if (sent.includes('typarray')) resetting.cut();
        return null;
      });
      await t.rejects(within(open(t, loginOf(resetting.connection))`SELECT 1`), lost, 'and is no uncaught one');
    });

    t.test('a server that only closes is asked again, and given up when the time to connect is over', async (t) => {
      let asked = 0;
      const proxy = await startProxy(t, database, () => {
        asked++;
        return Buffer.alloc(0);
      });
      const sql = open(t, { ...loginOf(proxy.connection), connect_timeout: 0.2, backoff: () => 0.03 });
      await t.rejects(within(sql`SELECT 1`), { code: 'CONNECTION_CLOSED' });
      await t.rejects(within(sql.reserve()), { code: 'CONNECTION_CLOSED' });
      t.ok(asked > 2, 'asked again');
      t.ok(asked < 40, 'with pauses');
      await within(sql.end());
    });

    t.test('a parameter that cannot be serialised rejects its own query alone', async (t) => {
      const sql = open(t);
      const echo = (value: unknown, on: Sql | TransactionSql = sql) =>
        on`SELECT ${sql.json(value as JSONValue)} AS value`;
      const circular: Record<string, unknown> = {};
      circular.self = circular;
      await echo({});
      const inFlight = sql`SELECT pg_sleep(0.01), 1 AS one`.then(([row]) => row!.one);
      const faults = Promise.allSettled([sql`SELECT ${undefined as never}`, echo(circular), echo({ whole: true })]);
      t.equal(await within(inFlight), 1, 'the query in flight gets its answer');
      const [none, endless, good] = await within(faults);
      t.match(none, { reason: { code: 'UNDEFINED_VALUE' } });
      t.match(endless, { reason: { message: /circular/ } });
      t.match(good, { value: [{ value: { whole: true } }] });
      await t.rejects(within(sql`SELECT ${undefined as never}`), { code: 'UNDEFINED_VALUE' }, 'with nothing in flight');
      for (const together of [false, true]) {
        const failing = sql.begin(async (tx) => {
          const before = together ? tx`SELECT 1` : null;
          await Promise.all([before, tx`SELECT ${undefined as never}`]);
        });
        await t.rejects(within(failing), { code: 'UNDEFINED_VALUE' }, 'in a transaction');
      }
      await isSound(t, sql);
    });

    t.test('a statement that is prepared again is given the same values', async (t) => {
      const sql = open(t);
      const echo = () => sql`SELECT ${sql.json({ a: [true] })}::jsonb AS value`;
      await echo();
      await sql.unsafe('DEALLOCATE ALL');
      t.same(await within(echo()), [{ value: { a: [true] } }]);
    });

    t.test('bytes for a parameter that is no bytea are its binary format', async (t) => {
      const sql = open(t);
      // array_recv: dimensions, null flag, element type, length, lower bound; then each element behind its length.
      const head = Buffer.alloc(20);
      for (const [n, word] of [1, 0, 20, 2, 1].entries()) head.writeInt32BE(word, n * 4);
      const element = (value: bigint) => {
        const bytes = Buffer.alloc(12);
        bytes.writeInt32BE(8, 0);
        bytes.writeBigInt64BE(value, 4);
        return bytes;
      };
      const array = Buffer.concat([head, element(7n), element(-(2n ** 40n))]);
      const [row] = await within(
        sql`SELECT ${sql.typed(array as never, 1016)}::int8[]::text AS array, ${'text'}::text AS text, ${null}::text AS nothing,
          ${Buffer.from('\0bytes')} AS bytea`,
      );
      t.same(row, { array: '{7,-1099511627776}', text: 'text', nothing: null, bytea: Buffer.from('\0bytes') });
    });

    t.test('a transaction that begins where the pipeline is full has its connection to itself', async (t) => {
      const sql = open(t, { max_pipeline: 1 });
      await sql`SELECT 1`;
      const before = sql`SELECT pg_sleep(0.01)`.execute();
      const transaction = await within(
        sql.begin(async (tx) => {
          await tx`INSERT INTO sample VALUES (104, 'rolled back')`;
          const other = sql`SELECT pg_current_xact_id_if_assigned() AS transaction`.execute();
          await tx`DELETE FROM sample WHERE id = 104`;
          return { other };
        }),
      );
      await before;
      t.same(await within(transaction.other), [{ transaction: null }]);
      await isSound(t, sql);
    });
  });
}

/** An ErrorResponse, after which the server closes: https://www.postgresql.org/docs/current/protocol-message-formats.html */
function fatal(code: string, message: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5, 'E');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
