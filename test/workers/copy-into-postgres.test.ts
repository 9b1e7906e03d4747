// What the threads encode, PostgreSQL takes and holds as it was given: COPY is never refused for its text.
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { openPool, type Sql, type TransactionSql } from '../../db/client.ts';
import { copyInto } from '../../db/copy.ts';
import { rowErrorColumns } from '../../db/tables.ts';
import { inFileOrder, valueReader } from '../../src/import/chunk-rows.ts';
import { rowTarget } from '../../src/resource-table.ts';
import { defineResource } from '../../src/resources/resource.ts';
import { type RowError, RowErrorWriter } from '../../workers/row-error.ts';
import { createDatabase } from '../databases.ts';
import { jobId, parse } from './chunks.ts';

const samples = defineResource({
  name: 'samples',
  singular: 'sample',
  fields: {
    id: { type: 'uuid' },
    email: { type: 'email', maxLength: 100 },
    note: { type: 'text', default: null },
    active: { type: 'boolean', default: true },
    at: { type: 'timestamp', default: null },
    words: { type: 'text[]', default: [] },
  },
  keys: ['id', 'email'],
});

async function open(t: Test): Promise<Sql> {
  const sql = openPool(await createDatabase(t), { max: 1, name: 'test' });
  t.teardown(async () => await sql.end());
  await sql`CREATE TABLE samples (id uuid, email text COLLATE "C", note text, active boolean, at timestamptz, words text[])`;
  return sql;
}

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\\',
        '\\\\',
        '\\N',
        '\\.',
        '\n',
        '\r',
        '\t',
        '\b\f\v',
        '"',
        "'",
        '{',
        '}',
        ',',
        'NULL',
        '\x7f',
        '\x01',
        '\u2028',
        'é',
        '🦉',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join('').replaceAll('\0', '').toWellFormed());

t.test('every text and array comes back from the table as it was sent', async (t) => {
  const sql = await open(t);
  const record = fc.record({
    id: fc.uuid(),
    email: hostile.map((text) => `${text.replace(/[\s@\x00-\x1f\x7f]/g, '')}x@Example.com`),
    note: hostile,
    active: fc.boolean(),
    words: fc.array(hostile, { maxLength: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 40 }), async (records) => {
      const { parsed, errors } = parse(samples, {
        format: 'ndjson',
        records: records.map((one) => JSON.stringify(one)),
      });
      t.same(errors, []);
      const given = samples.keys.map((field) => inFileOrder(parsed).map(valueReader(samples, parsed, field)));
      await sql`TRUNCATE samples`;
      await sql.begin(async (tx) => await copyInto(tx as TransactionSql, rowTarget(samples), parsed.copy));
      const rows = await sql<Record<string, string>[]>`
        SELECT id, email, note, active, to_jsonb(words) AS words FROM samples ORDER BY ctid`;
      const inOrder = [...parsed.rowRecords].map((record) => records[record] as (typeof records)[number]);
      t.same(
        rows,
        inOrder.map(({ id, email, note, active, words }) => ({
          id,
          email,
          note: /\S/.test(note) ? note : null,
          active,
          words,
        })),
      );
      t.same(given, [records.map(({ id }) => id), records.map(({ email }) => email)], 'keys can be read from the rows');
      const ids = rows.map(({ id }) => (id as string).slice(0, 8));
      t.same(ids, [...ids].sort(), 'neighbours by key are neighbours in the table');
    }),
    { numRuns: 12 },
  );
});

t.test(
  'PostgreSQL reads every timestamp that was accepted as the same instant, and its export is accepted again',
  async (t) => {
    const sql = await open(t);
    const number = (max: number, width = 2) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(width, '0'));
    const timestamp = fc
      .record({
        year: fc.oneof(fc.constantFrom('0000', '0001', '9999', '2024', '1900'), number(9999, 4)),
        month: fc.oneof(number(13), fc.constantFrom('01', '12', '02')),
        day: fc.oneof(number(32), fc.constantFrom('01', '31', '29')),
        time: fc.tuple(number(24), number(60), number(60)).map((parts) => parts.join(':')),
        mark: fc.constantFrom('T', 't'),
        fraction: fc.oneof(
          fc.constant(''),
          fc.stringMatching(/^\.[0-9]{1,200}$/),
          fc.constantFrom('.999999', '.9999996', '.5'),
        ),
        offset: fc.oneof(
          fc.constantFrom('Z', 'z', '+15:59', '-15:59', '+16:00', '-00:00'),
          fc.tuple(fc.constantFrom('+', '-'), number(24), number(60)).map(([sign, h, m]) => `${sign}${h}:${m}`),
        ),
      })
      .map(
        ({ year, month, day, mark, time, fraction, offset }) =>
          `${year}-${month}-${day}${mark}${time}${fraction}${offset}`,
      );
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(timestamp, { minLength: 50, maxLength: 100 }), async (timestamps) => {
        const id = '00000000-0000-4000-8000-000000000001';
        const send = (given: readonly string[]) =>
          parse(samples, { format: 'ndjson', records: given.map((at) => JSON.stringify({ id, email: 'a@b.c', at })) });
        const { parsed } = send(timestamps);
        await sql`TRUNCATE samples`;
        await sql.begin(async (tx) => await copyInto(tx as TransactionSql, rowTarget(samples), parsed.copy));
        const rows = await sql<{ micros: string; at: string }[]>`
        SELECT (extract(epoch FROM at) * 1000000)::int8::text AS micros, to_json(at)#>>'{}' AS at FROM samples ORDER BY ctid`;
        const given = [...parsed.rowRecords].map((record) => timestamps[record] as string);
        for (const [n, { micros }] of rows.entries()) {
          const [, whole, fraction = '', offset] = /^(.{19})(\.\d+)?(.*)$/.exec(given[n] as string) ?? [];
          const wholeMicros = BigInt(Date.parse(`${whole}${offset}`.toUpperCase())) * 1000n;
          const expected = wholeMicros + BigInt(Math.round(Number(`0${fraction}`) * 1_000_000));
          t.equal(BigInt(micros), expected, `${given[n]}`);
        }
        t.same(send(rows.map(({ at }) => at)).errors, []);
        accepted += rows.length;
      }),
      { numRuns: 12 },
    );
    t.ok(accepted > 100, `${accepted} accepted`);
  },
);

t.test('row errors can be stored, whatever they quote', async (t) => {
  const sql = await open(t);
  const value = fc.option(
    fc.oneof(
      hostile,
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a\0b', '\ud83e', '🦉'.repeat(300), `${'x'.repeat(199)}🦉🦉`),
    ),
  );
  const error: fc.Arbitrary<RowError> = fc.record({
    record: fc.integer({ min: 1, max: 2 ** 40 }),
    line: fc.integer({ min: 1, max: 2 ** 31 }),
    field: fc.option(hostile),
    code: fc.constantFrom('json', 'constraint'),
    message: fc.oneof(hostile, fc.string({ unit: 'binary' })),
    value,
  });
  const storable = (text: string | null) => text?.toWellFormed().replaceAll('\0', '\ufffd') ?? null;
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(error, { selector: (one) => one.record, maxLength: 10 }), async (records) => {
      const errors = records.flatMap((one) => [one, { ...one, code: 'second' }]);
      const writer = new RowErrorWriter(jobId);
      for (const one of errors) writer.write(one);
      t.equal(writer.count, errors.length);
      await sql`TRUNCATE bulk.row_errors`;
      await sql.begin(
        async (tx) =>
          await copyInto(
            tx as TransactionSql,
            { schema: 'bulk', table: 'row_errors', columns: rowErrorColumns },
            writer.copy,
          ),
      );
      const rows =
        await sql`SELECT record::float8, n, line::float8, field, code, message, value FROM bulk.row_errors ORDER BY ctid`;
      t.same(
        rows,
        errors.map(({ record, line, field, code, message, value }) => ({
          record,
          n: code === 'second' ? 1 : 0,
          line,
          field: storable(field),
          code,
          message: storable(message),
          value: storable(value === null ? null : [...value].slice(0, 200).join('')),
        })),
      );
    }),
    { numRuns: 12 },
  );
});
