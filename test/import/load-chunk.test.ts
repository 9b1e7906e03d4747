// How a chunk is loaded: keys are looked up before the copy only while chunks have conflicts, and what a rule of the
// database alone refuses is found in parts.
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { openPool } from '../../db/client.ts';
import { findConstraintNames } from '../../db/constraint-names.ts';
import type { Job } from '../../db/jobs.ts';
import { Overtaken } from '../../src/import/job-fault.ts';
import { type LoadContext, loadChunk } from '../../src/import/load-chunk.ts';
import { tableShapeOf } from '../../src/resource-table.ts';
import { defineResource } from '../../src/resources/resource.ts';
import users from '../../src/resources/users.ts';
import { parseChunk } from '../../workers/parse-chunk.ts';
import { createDatabase } from '../databases.ts';
import { id, user } from '../numbered.ts';
import { jobId, makeRequest } from '../workers/chunks.ts';

const place = { byteStart: 0, byteEnd: 1, sourceEnd: 1, firstLine: 1, lastLine: 1 };

/** A job whose chunks are loaded over so many sessions. */
async function prepare(t: Test, max = 1) {
  const sql = openPool(await createDatabase(t), { max, name: 'test' });
  t.teardown(async () => await sql.end());
  await sql`INSERT INTO bulk.jobs (id, type, resource, format, status, options) VALUES (${jobId}, 'import', 'users', 'ndjson', 'processing', '{}')`;
  const [job] = await sql<Job[]>`SELECT id, attempt FROM bulk.jobs`;
  const stages: string[] = [];
  const sessions = new Set<number>();
  const stopping = new AbortController();
  const context: LoadContext = {
    ...{ sql, job: job!, resource: users, references: 'set', probeFirst: false },
    constraints: await findConstraintNames(sql, tableShapeOf(users), users.keys),
    giveWay: async (pid) => void sessions.add(pid),
    signal: stopping.signal,
    observer: { stagePassed: (_chunk, stage) => stages.push(stage) },
  };
  return { sql, context, stages, sessions, stopping };
}

t.test('a chunk with a conflict has the next ones looked up, one without ends it', async (t) => {
  const { sql, context, stages, sessions } = await prepare(t);
  let [chunks, firstRecord] = [0, 1];
  const load = async (numbers: number[]) => {
    const request = makeRequest(users, { format: 'ndjson', records: numbers.map((n) => user(n)), firstRecord });
    const { loaded, rejected } = await loadChunk(
      context,
      { ...place, index: chunks++, firstRecord, records: numbers.length },
      parseChunk(request, users),
      false,
    );
    firstRecord += numbers.length;
    return { loaded, rejected, probeFirst: context.probeFirst, stages: stages.splice(0) };
  };

  const atOnce = ['look_up', 'copy', 'commit'];
  t.same(await load([1, 2, 3]), { loaded: 3, rejected: 0, probeFirst: false, stages: atOnce });
  t.same(
    await load([3, 4, 5]),
    { loaded: 2, rejected: 1, probeFirst: true, stages: ['look_up', ...atOnce] },
    'copied in vain, then looked up',
  );
  t.same(await load([5, 6, 7]), { loaded: 2, rejected: 1, probeFirst: true, stages: atOnce }, 'looked up at once');
  t.same(await load([8, 9]), { loaded: 2, rejected: 0, probeFirst: false, stages: atOnce });
  t.same(await load([10, 11]), { loaded: 2, rejected: 0, probeFirst: false, stages: atOnce });

  // More than are looked up at a time.
  const many = Array.from({ length: 5000 }, (_, i) => 20 + i);
  t.same(
    await load([...many, 20, 3000, 5019]),
    { loaded: 5000, rejected: 3, probeFirst: true, stages: atOnce },
    'a key that comes again is found without a second copy, however far behind the first',
  );
  t.same(
    await sql`SELECT pg_backend_pid() AS pid`,
    [...sessions].map((pid) => ({ pid })),
    'told which session loads',
  );
  t.same(await sql`SELECT successful, failed FROM bulk.jobs`, [{ successful: 5011, failed: 5 }]);
});

t.test('a rule that only the database knows refuses what it refuses, and no more', async (t) => {
  const { sql, context } = await prepare(t);
  context.references = 'triggers';
  await sql`ALTER TABLE users ADD CHECK (name <> 'named')`;
  await sql.unsafe(`
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF EXISTS (SELECT FROM added WHERE name = 'unnamed') THEN RAISE 'nobody is told who'; END IF; RETURN NULL;
    END $$;
    CREATE TRIGGER late AFTER INSERT ON users REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION refuse()`);
  let index = 0;
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom('U', 'U', 'U', 'named', 'unnamed'), { minLength: 1, maxLength: 40 }),
    async (names) => {
      const firstRecord = 1000 * ++index;
      const records = names.map((name, n) => user(firstRecord + n, { name }));
      const request = makeRequest(users, { format: 'ndjson', records, firstRecord });
      await loadChunk(
        context,
        { ...place, index, firstRecord, records: names.length },
        parseChunk(request, users),
        false,
      );
      const refused = names.flatMap((name, n) => (name === 'U' ? [] : [firstRecord + n]));
      const errors = await sql`SELECT record FROM bulk.row_errors WHERE record >= ${firstRecord} ORDER BY record`;
      t.same(
        errors.map(({ record }) => record),
        refused,
      );
      const loaded = await sql`SELECT id FROM users WHERE right(id::text, 9)::int >= ${firstRecord} ORDER BY id`;
      t.same(
        loaded.map((row) => row.id),
        names.flatMap((name, n) => (name === 'U' ? [id(firstRecord + n)] : [])),
      );
    },
  );
  await fc.assert(property, { numRuns: 20 });
});

t.test('rows that a trigger drops are told from those that the table keeps', async (t) => {
  const { sql, context } = await prepare(t);
  context.references = 'triggers';
  await sql.unsafe(`
    CREATE FUNCTION drop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.name = 'dropped' THEN RETURN NULL; END IF; RETURN NEW; END $$;
    CREATE TRIGGER early BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION drop()`);
  let index = 0;
  const load = async (names: string[]) => {
    const firstRecord = 1000 * ++index;
    const records = names.map((name, n) => user(firstRecord + n, { name }));
    const request = makeRequest(users, { format: 'ndjson', records, firstRecord });
    const chunk = { ...place, index, firstRecord, records: names.length };
    const { loaded, diverted, rejected } = await loadChunk(context, chunk, parseChunk(request, users), false);
    return { loaded, diverted, rejected };
  };
  t.same(await load(['U', 'dropped', 'U']), { loaded: 3, diverted: 1, rejected: 0 });
  await sql`ALTER TABLE users ADD CHECK (name <> 'refused')`;
  t.same(await load(['dropped', 'refused', 'U', 'dropped']), { loaded: 3, diverted: 2, rejected: 1 });
  t.equal((await sql`SELECT FROM users`).length, 3);
});

t.test('a chunk whose rows are refused one by one is given up when nobody wants it any more', async (t) => {
  const { sql, context, stages, stopping } = await prepare(t, 2);
  await sql`ALTER TABLE users ADD CHECK (name <> 'U')`;
  const records = Array.from({ length: 3000 }, (_, n) => user(n));
  const load = async () => {
    const request = makeRequest(users, { format: 'ndjson', records, firstRecord: 1 });
    const chunk = { ...place, index: 0, firstRecord: 1, records: records.length };
    return await loadChunk(context, chunk, parseChunk(request, users), false);
  };
  const cancelled = load();
  await sql`UPDATE bulk.jobs SET status = 'cancelled'`;
  await t.rejects(cancelled, { message: new Overtaken().message });
  await sql`UPDATE bulk.jobs SET status = 'processing'`;
  stopping.abort(new Error('the process stops'));
  await t.rejects(load(), { message: 'the process stops' });
  t.notOk(stages.includes('copy'), 'neither was gone through with');
  t.same(await sql`SELECT chunk FROM bulk.chunks`, []);
});

t.test("a violated constraint is told by its field, also where the field's name is a keyword of SQL", async (t) => {
  const { sql } = await prepare(t);
  await sql`CREATE TABLE seats (id uuid PRIMARY KEY, "user" text CONSTRAINT one_seat UNIQUE, "from" varchar(90) COLLATE "C")`;
  await sql`CREATE UNIQUE INDEX one_address ON seats (lower("from"))`;
  const seats = defineResource({
    ...{ name: 'seats', singular: 'seat', keys: ['id', 'user', 'from'] },
    fields: { id: { type: 'uuid' }, user: { type: 'slug', maxLength: 9 }, from: { type: 'email', maxLength: 90 } },
  });
  const { keys } = await findConstraintNames(sql, tableShapeOf(seats), seats.keys);
  t.same(Object.fromEntries(keys), { seats_pkey: 'id', one_seat: 'user', one_address: 'from' });
});
