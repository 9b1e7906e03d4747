// How a chunk is loaded: keys are looked up before the copy only while chunks have conflicts.
import t from 'tap';
import { openPool } from '../../db/client.ts';
import { findConstraintNames } from '../../db/constraint-names.ts';
import type { Job } from '../../db/jobs.ts';
import { type LoadContext, loadChunk } from '../../src/import/load-chunk.ts';
import { tableShapeOf } from '../../src/resource-table.ts';
import users from '../../src/resources/users.ts';
import { parseChunk } from '../../workers/parse-chunk.ts';
import { createDatabase } from '../databases.ts';
import { user } from '../numbered.ts';
import { jobId, makeRequest } from '../workers/chunks.ts';

t.test('a chunk with a conflict has the next ones looked up, one without ends it', async (t) => {
  const sql = openPool(await createDatabase(t), { max: 1, name: 'test' });
  t.teardown(async () => await sql.end());
  await sql`INSERT INTO bulk.jobs (id, type, resource, format, status, options) VALUES (${jobId}, 'import', 'users', 'ndjson', 'processing', '{}')`;
  const [job] = await sql<Job[]>`SELECT id, attempt FROM bulk.jobs`;
  const stages: string[] = [];
  const sessions = new Set<number>();
  const context: LoadContext = {
    ...{ sql, job: job!, resource: users, references: 'set', probeFirst: false },
    constraints: await findConstraintNames(sql, tableShapeOf(users), users.keys),
    giveWay: async (pid) => void sessions.add(pid),
    observer: { stagePassed: (_chunk, stage) => stages.push(stage) },
  };
  let [chunks, firstRecord] = [0, 1];
  const load = async (numbers: number[]) => {
    const request = makeRequest(users, { format: 'ndjson', records: numbers.map((n) => user(n)), firstRecord });
    const place = { index: chunks++, byteStart: 0, byteEnd: 1, sourceEnd: 1, firstLine: 1, lastLine: 1 };
    const { loaded, rejected } = await loadChunk(
      context,
      { ...place, firstRecord, records: numbers.length },
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
