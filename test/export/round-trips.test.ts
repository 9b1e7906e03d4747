// What was exported imports back to the same rows, in every pair of formats.
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { arrayLiteral } from '../../db/array-literal.ts';
import { type Format, formats } from '../../src/resources/formats.ts';
import { build } from '../build.ts';
import { importFile } from '../client.ts';
import { id } from '../numbered.ts';

const resources = ['users', 'articles', 'comments'] as const;
const text = fc
  .string({
    unit: fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...'ab ",;\n\r\t\\.N\'{}[]|') },
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 40,
  })
  .filter((value) => value.isWellFormed() && !value.includes('\0') && /\S/.test(value));
const time = fc.date({
  min: new Date('0001-01-01T00:00:00Z'),
  max: new Date('9999-12-31T23:59:59Z'),
  noInvalidDate: true,
});

/** Fills the three tables with rows of every kind of value; ids are 0, 1, 2 … */
async function fill(app: FastifyInstance, seed: number, count: number): Promise<void> {
  const { sql } = app;
  const [texts, times] = [text, time].map((arbitrary, i) =>
    fc.sample(arbitrary as fc.Arbitrary<unknown>, { seed: seed + i, numRuns: count * 4 }),
  );
  const string = (n: number) => texts?.[n % texts.length] as string;
  const date = (n: number) => times?.[n % times.length] as Date;
  for (let n = 0; n < count; n++) {
    await sql`INSERT INTO users VALUES (${id(n)}, ${`User${n}.É@Example.com`}, ${string(n)}, ${n % 2 ? 'admin' : 'viewer'},
      ${n % 3 === 0}, ${date(n)}::timestamptz + interval '1 microsecond', ${date(n + 1)})`;
    await sql`INSERT INTO articles VALUES (${id(n)}, ${`slug-${n}`}, ${string(n + 1)}, ${string(n + 2)}, ${id(n)},
      ${arrayLiteral(n % 4 === 0 ? [] : [string(n), string(n + 3)])}, ${n % 2 ? 'published' : 'draft'}, ${n % 2 ? date(n) : null}, ${date(n + 2)})`;
    await sql`INSERT INTO comments VALUES (${id(n)}, ${id(n)}, ${id(n)}, ${string(n + 3)}, ${date(n + 3)})`;
  }
}

async function exported(app: FastifyInstance, resource: string, format: Format): Promise<Buffer> {
  const response = await app.inject(`/v1/exports?resource=${resource}&format=${format}&sort=id`);
  t.equal(response.statusCode, 200);
  return response.rawPayload;
}

t.test('every resource, from every format to every other', async (t) => {
  const app = await build(t, { IMPORT_BATCH_SIZE: '17' });
  await fill(app, 42, 120);
  const original: Record<string, Buffer> = {};
  for (const resource of resources)
    for (const format of formats) original[`${resource} ${format}`] = await exported(app, resource, format);

  for (const format of formats) {
    await app.sql`TRUNCATE users CASCADE`;
    for (const resource of resources) {
      const content = original[`${resource} ${format}`] as Buffer;
      const job = await importFile(app, { resource, name: `x.${format}`, content });
      t.match(
        job,
        { status: 'completed', successful: 120, failed: 0 },
        `${resource} from ${format}: ${JSON.stringify(job.errors[0])}`,
      );
      for (const other of formats) {
        t.ok(
          (await exported(app, resource, other)).equals(original[`${resource} ${other}`] as Buffer),
          `${resource}: ${format} to ${other}`,
        );
      }
    }
  }
});
