// Rows in and bytes out by COPY: complete and counted, or an error, never in between; and a connection that serves on.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Connection, openPool, type Sql, type TransactionSql } from '../../db/client.ts';
import { copyInto, copyOut } from '../../db/copy.ts';
import { startProxy } from './cuttable-proxy.ts';
import { createWatchedDatabase, lost, pidOf, within } from './watched-database.ts';

const { database, admin, isSound, terminate, running, waiting } = await createWatchedDatabase(t);

/** One connection: what holds it holds the pool. */
function open(test: Test, connection: Connection = database): Sql {
  const sql = openPool(connection, { max: 1, name: randomUUID() });
  test.after(async () => await sql.end({ timeout: 0 }));
  return sql;
}

const sample = { table: 'sample', columns: ['id', 'name'] };
/** Megabytes that PostgreSQL takes as one row, so that it is still reading them when it refuses the row before. */
const padding = Buffer.concat([Buffer.from('2\t'), Buffer.alloc(8_000_000, 'x'), Buffer.from('\n')]);

t.test('texts go in as one COPY, in order, whatever their number', async (t) => {
  const sql = open(t);
  await sql.begin(async (tx) => {
    const copy = async (...texts: string[]) =>
      await copyInto(tx as TransactionSql, sample, ...texts.map((text) => Buffer.from(text)));
    await copy();
    await copy('1\ta\\tb\n2\t\\N\n');
    await copy('3\té\n', '', '4\t\n5\t\\\\.\n');
    t.same(await tx`SELECT id, name FROM sample ORDER BY id`, [
      { id: 1, name: 'a\tb' },
      { id: 2, name: null },
      { id: 3, name: 'é' },
      { id: 4, name: '' },
      { id: 5, name: '\\.' },
    ]);
    await tx`DELETE FROM sample`;
  });
  await isSound(t, sql);
});

t.test('a table and its columns may have any name, in any schema', async (t) => {
  const sql = open(t);
  await sql.begin(async (tx) => {
    await tx`CREATE SCHEMA "a.b"`;
    await tx`CREATE TABLE "a.b"."select ""it""" ("x.y" int, "Z" text DEFAULT 'default')`;
    const target = { schema: 'a.b', table: 'select "it"', columns: ['x.y'] };
    await copyInto(tx as TransactionSql, target, Buffer.from('7\n'));
    t.same(await tx`SELECT * FROM "a.b"."select ""it"""`, [{ 'x.y': 7, Z: 'default' }]);
  });
});

t.test('what the server refuses rejects with its reason, and leaves the transaction to roll back', async (t) => {
  const sql = open(t);
  const refused: [
    when: string,
    target: typeof sample,
    texts: (string | Buffer)[],
    reason: { code: string; where?: string | RegExp; constraint_name?: string },
  ][] = [
    ['at the start', { ...sample, table: 'nowhere' }, ['1\ta\n'], { code: '42P01' }],
    [
      'in the middle',
      sample,
      ['1\ta\nno number\tb\n', padding, padding],
      { code: '22P02', where: /^COPY sample, line 2, column id: "no number"/ },
    ],
    [
      'at the end',
      sample,
      ['1\ta\n', '1\tb\n'],
      { code: '23505', constraint_name: 'sample_pkey', where: 'COPY sample, line 2' },
    ],
    ['for a row cut off', sample, ['1\ta\n2'], { code: '22P04', where: /line 2/ }],
  ];
  for (const [when, target, texts, reason] of refused) {
    const copy = (tx: unknown) => copyInto(tx as TransactionSql, target, ...texts.map((text) => Buffer.from(text)));
    await t.rejects(within(sql.begin(copy)), reason, when);
    const goesOn = sql.begin(async (tx) => {
      await t.rejects(within(tx.savepoint(copy)), reason, `${when}, in a savepoint`);
      await copyInto(tx as TransactionSql, sample, Buffer.from('9\tloaded after that\n'));
      const rows = await tx`DELETE FROM sample RETURNING id`;
      t.same(rows, [{ id: 9 }], 'the transaction goes on');
    });
    await within(goesOn);
  }
  t.same(await admin`SELECT FROM sample`, []);
  await isSound(t, sql);
});

t.test('a connection that dies while rows go in rejects', async (t) => {
  const sql = open(t);
  const statement = 'COPY "sample" ("id", "name") FROM STDIN';
  await admin.begin(async (neighbour) => {
    await neighbour`INSERT INTO sample VALUES (1, 'not committed, so that the COPY waits')`;
    for (const texts of [['1\ta\n'], ['1\ta\n', padding, padding]]) {
      const copying = sql.begin(async (tx) => {
        const pid = await pidOf(tx);
        await Promise.all([
          copyInto(tx as TransactionSql, sample, ...texts.map((text) => Buffer.from(text))),
          waiting(statement, 'Lock').then(() => terminate(pid)),
        ]);
      });
      await t.rejects(within(copying), lost);
    }
    await neighbour`ROLLBACK`;
  });
  await isSound(t, sql);
});

async function readAll(rows: Readable): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  for await (const block of rows) {
    blocks.push(block);
    await turn();
  }
  return blocks;
}

const endless = "COPY (SELECT generate_series(1, 1000000000), repeat('x', 1000)) TO STDOUT";

t.test('rows come out complete and counted, many of them at a time', async (t) => {
  const sql = open(t);
  for (const [count, width] of [
    [0, 0],
    [1, 0],
    [1, 300_000],
    [7, 100_000],
    [20_000, 90],
  ] as const) {
    const statement = `COPY (SELECT n, repeat('x', ${width}) FROM generate_series(1, ${count}) n) TO STDOUT`;
    const rows = await copyOut(sql, statement);
    await within(once(rows, 'readable'));
    const blocks = await within(readAll(rows));
    const expected = Array.from({ length: count }, (_, n) => `${n + 1}\t${'x'.repeat(width)}\n`).join('');
    t.ok(Buffer.concat(blocks).equals(Buffer.from(expected)), `${count} rows of ${width} bytes`);
    t.equal(rows.count, count);
    // PostgreSQL sends what fills its buffer of 8 kB: a reader that is as fast gets no more at a time.
    t.ok(blocks.length <= 1 + expected.length / 4_000, `in ${blocks.length} blocks`);
  }
  await isSound(t, sql);
});

t.test('a statement that fails is an error, wherever it does', async (t) => {
  const sql = open(t);
  await admin`CREATE TABLE later (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)`;
  const failing: [when: string, statement: string, code: string][] = [
    ['before it starts', 'COPY (SELECT * FROM nowhere) TO STDOUT', '42P01'],
    ['at its first row', 'COPY (SELECT 1 / (1 - n) FROM generate_series(1, 3) n) TO STDOUT', '22012'],
    ['half-way', 'COPY (SELECT 1 / (9000 - n), n FROM generate_series(1, 20000) n) TO STDOUT', '22012'],
    [
      'after its last row, at the commit',
      'COPY (INSERT INTO later SELECT 1 FROM generate_series(1, 2) RETURNING id) TO STDOUT',
      '23505',
    ],
  ];
  for (const [when, statement, code] of failing) {
    const read = async () => await readAll(await copyOut(sql, statement));
    await t.rejects(within(read()), { code }, when);
    await isSound(t, sql);
  }
});

t.test('a reader that goes away ends the statement and frees the connection', async (t) => {
  const sql = open(t);
  const [untouched, begun] = [await copyOut(sql, endless), copyOut(sql, endless)];
  untouched.destroy();
  const rows = await within(begun);
  await once(rows, 'readable');
  rows.read();
  rows.destroy();
  await isSound(t, sql);
});

t.test('a signal ends a statement whose server waits for somebody to read', async (t) => {
  const sql = open(t);
  const controller = new AbortController();
  const rows = await copyOut(sql, endless, controller.signal);
  rows.read(0);
  await within(waiting(endless, 'ClientWrite'));
  const failed = once(rows, 'close');
  const reason = new Error('enough');
  controller.abort(reason);
  await t.rejects(within(failed), reason);
  t.equal(rows.errored, reason);
  await isSound(t, sql);
});

t.test('a signal is heard before there is a stream', async (t) => {
  const sql = open(t);
  const reason = new Error('enough');
  await t.rejects(copyOut(sql, endless, AbortSignal.abort(reason)), reason, 'before anything');

  const holder = await sql.reserve();
  const waiter = new AbortController();
  const given = copyOut(sql, endless, waiter.signal);
  waiter.abort(reason);
  await t.rejects(within(given), reason, 'in line for a connection');
  holder.release();
  await isSound(t, sql);

  const locked = 'COPY sample TO STDOUT';
  await admin.begin(async (neighbour) => {
    await neighbour`LOCK TABLE sample`;
    const controller = new AbortController();
    const copying = copyOut(sql, locked, controller.signal);
    await within(waiting(locked, 'Lock'));
    controller.abort(reason);
    await t.rejects(within(copying), reason, 'behind a lock');
    await isSound(t, sql);
  });
});

t.test('a signal that comes after the end does nothing', async (t) => {
  const sql = open(t);
  const controller = new AbortController();
  const rows = await copyOut(sql, 'COPY (SELECT 1) TO STDOUT', controller.signal);
  t.equal(Buffer.concat(await readAll(rows)).toString(), '1\n');
  controller.abort();
  await isSound(t, sql);
});

t.test('a connection that is lost is an error, read from or not', async (t) => {
  const proxy = await startProxy(t, database);
  const sql = open(t, proxy.connection);
  const half = await copyOut(sql, endless);
  const reading = readAll(half);
  await within(running(endless));
  proxy.cut();
  await t.rejects(within(reading), lost);
  await isSound(t, sql);

  const unread = await copyOut(sql, endless);
  const [backend] = await admin`SELECT pid FROM pg_stat_activity WHERE query = ${endless} AND state = 'active'`;
  await terminate(backend!.pid);
  await t.rejects(within(readAll(unread)), lost);
  await isSound(t, sql);
});

t.test('a pool that is ended leaves no statement behind, though nobody reads', async (t) => {
  const sql = open(t);
  const rows = await copyOut(sql, endless);
  await within(waiting(endless, 'ClientWrite'));
  const closed = once(rows, 'close');
  await sql.end({ timeout: 0 });
  await t.rejects(within(closed), { code: 'CONNECTION_DESTROYED' });
  const gone = async () => {
    while ((await admin`SELECT FROM pg_stat_activity WHERE query = ${endless} AND state = 'active'`).length)
      await pause(2);
  };
  await within(gone());
});

t.test('a cancellation that comes late cancels nobody else', async (t) => {
  const sql = open(t);
  for (let rows = 0; rows < 30; rows++) {
    const copying = await copyOut(
      sql,
      `COPY (SELECT repeat('x', 1000) FROM generate_series(1, ${rows * 10})) TO STDOUT`,
    );
    await once(copying, 'readable');
    copying.destroy();
    t.same(await within(sql`SELECT 1 AS one FROM pg_sleep(0.002)`), [{ one: 1 }]);
  }
  await isSound(t, sql);
});

t.test('a statement that cannot be cancelled is read to its end, and the connection serves on', async (t) => {
  const proxy = await startProxy(t, database);
  const sql = open(t, proxy.connection);
  const rows = await copyOut(sql, "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 20000)) TO STDOUT");
  const pid = await pidOfCopy();
  proxy.refuse();
  rows.destroy();
  t.equal(await within(pidOf(sql)), pid, 'by the same connection');

  async function pidOfCopy(): Promise<number> {
    const [row] = await admin`SELECT pid FROM pg_stat_activity
      WHERE application_name = ${sql.options.connection.application_name!} AND state = 'active'`;
    return row!.pid;
  }
});

t.end();
