import { setTimeout as wait } from 'node:timers/promises';
import { openPool, type Sql } from '../../db/client.ts';
import { streamOf, uuidAt } from '../../testdata/random.ts';
import { type Benchmark, repeat } from '../benchmark.ts';
import { connectionTo } from '../database-server.ts';
import { awaitCompletion, upload } from '../http-client.ts';
import { latencySample, steadyLoad } from '../steady-load.ts';

const intervalMs = 10;
/** Enough that an update that waits holds up no other. */
const connections = 20;
const quietMs = { full: 5000, quick: 500 };

export default {
  name: 'neighbour-latency',
  description: "p99 of another client's single-row updates of users and articles while comments load",
  reach: { value: 30 },
  async run(bench) {
    const file = await bench.files.records('comments', 'ndjson');
    const sizes = { users: bench.files.sizeOf('users'), articles: bench.files.sizeOf('articles') };
    const round = async () =>
      await bench.databases.use({ loaded: ['users', 'articles'] }, async (database) => {
        const sql = openPool(connectionTo(database), { max: connections, name: 'bulk bench neighbour' });
        const update = async (question: number) => await updateParent(sql, sizes, question);
        try {
          // All of them open before the first update is due.
          await Promise.all(Array.from({ length: connections }, async () => await sql`SELECT pg_sleep(0.5)`));
          return await bench.services.use(database, async ({ url }) => {
            const quiet = wait(bench.settings.quick ? quietMs.quick : quietMs.full);
            const baseline = await steadyLoad(update, intervalMs, quiet);
            const completed = awaitCompletion(url, await upload(url, file));
            const subject = await steadyLoad(update, intervalMs, completed);
            return { subject: latencySample(subject), baseline: latencySample(baseline) };
          });
        } finally {
          await sql.end({ timeout: 5 });
        }
      });
    const subject = `p99 of updates, one every ${intervalMs} ms, while ${file.records} comments load`;
    return [{ subject, baseline: 'without the import', unit: 'ms', rounds: await repeat(bench, round) }];
  },
} satisfies Benchmark;

/** One row, any one, of each parent's table in turn. */
async function updateParent(
  sql: Sql,
  sizes: Readonly<Record<'users' | 'articles', number>>,
  question: number,
): Promise<void> {
  const table = question % 2 === 0 ? 'users' : 'articles';
  const column = { users: 'name', articles: 'title' }[table];
  const id = uuidAt(streamOf(0, table), Math.floor(Math.random() * sizes[table]));
  const { count } = await sql`UPDATE ${sql(table)} SET ${sql(column)} = ${`changed ${question}`} WHERE id = ${id}`;
  if (count !== 1) throw new Error(`no row of ${table} has the id ${id}`);
}
