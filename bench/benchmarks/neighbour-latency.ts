import { setTimeout as wait } from 'node:timers/promises';
import { openPool, type Sql } from '../../db/client.ts';
import { streamOf, uuidAt } from '../../testdata/random.ts';
import { type Benchmark, repeat } from '../benchmark.ts';
import { connectionTo } from '../database-server.ts';
import { awaitCompletion, upload } from '../http-client.ts';
import { latencySample, steadyLoad } from '../steady-load.ts';

const intervalMs = 10;
/** Enough that a write that waits holds up no other. */
const connections = 20;
const pauseMs = { full: 5000, quick: 500 };

export default {
  name: 'neighbour-latency',
  description: "p99 of another client's single-row writes to comments, users and articles while comments load",
  reach: { value: 30 },
  async run(bench) {
    const file = await bench.files.records('comments', 'ndjson');
    const sizes = { users: bench.files.sizeOf('users'), articles: bench.files.sizeOf('articles') };
    const round = async () =>
      await bench.databases.use({ loaded: ['users', 'articles'] }, async (database) => {
        const sql = openPool(connectionTo(database), { max: connections, name: 'bulk bench neighbour' });
        const write = async (question: number) => await writeRow(sql, sizes, question);
        const pause = async () => await wait(bench.settings.quick ? pauseMs.quick : pauseMs.full);
        try {
          // All of them open before the first write is due.
          await Promise.all(Array.from({ length: connections }, async () => await sql`SELECT pg_sleep(0.5)`));
          return await bench.services.use(database, async ({ url, pid }) => {
            const quiet = await steadyLoad(write, intervalMs, pause());
            const jobId = await upload(url, file);
            await awaitRows(sql);
            process.kill(pid, 'SIGSTOP');
            const frozen = await steadyLoad(write, intervalMs, pause()).finally(() => process.kill(pid, 'SIGCONT'));
            const loading = await steadyLoad(write, intervalMs, awaitCompletion(url, jobId));
            return { quiet: latencySample(quiet), frozen: latencySample(frozen), loading: latencySample(loading) };
          });
        } finally {
          await sql.end({ timeout: 5 });
        }
      });
    const rounds = await repeat(bench, round);
    const during = {
      loading: `while ${file.records} comments load`,
      frozen: 'while the process that loads them is frozen',
    };
    return (['loading', 'frozen'] as const).map((when) => ({
      subject: `p99 of writes, one every ${intervalMs} ms, ${during[when]}`,
      baseline: 'without the import',
      unit: 'ms',
      rounds: rounds.map(({ quiet, [when]: subject }) => ({ subject, baseline: quiet })),
    }));
  },
} satisfies Benchmark;

/** Until the import has committed some: then it is in the middle of others. */
async function awaitRows(sql: Sql): Promise<void> {
  while ((await sql`SELECT FROM bulk.chunks LIMIT 1`).length === 0) await wait(5);
}

/** In turn one row, any one, of each parent's table changed, and a comment added. */
async function writeRow(
  sql: Sql,
  sizes: Readonly<Record<'users' | 'articles', number>>,
  question: number,
): Promise<void> {
  const idOf = (table: 'users' | 'articles') => uuidAt(streamOf(0, table), Math.floor(Math.random() * sizes[table]));
  const [userId, articleId] = [idOf('users'), idOf('articles')];
  const text = `written ${question}`;
  const { count } = await [
    () => sql`UPDATE users SET name = ${text} WHERE id = ${userId}`,
    () => sql`UPDATE articles SET title = ${text} WHERE id = ${articleId}`,
    () => sql`INSERT INTO comments VALUES (gen_random_uuid(), ${articleId}, ${userId}, ${text}, now())`,
  ][question % 3]!();
  if (count !== 1) throw new Error(`no user has the id ${userId}, or no article the id ${articleId}`);
}
