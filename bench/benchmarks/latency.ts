import { type Benchmark, repeat } from '../benchmark.ts';
import { awaitCompletion, upload } from '../http-client.ts';
import { latencySample, steadyLoad } from '../steady-load.ts';

const intervalMs = 20;
/** Asked beforehand: the first answers of a process, ours or the service's, say more about its start. */
const warmUpQuestions = 50;

export default {
  name: 'latency',
  description: 'p99 of GET /v1/imports/:id and of /health while an import of users runs',
  reach: { value: 50 },
  async run(bench) {
    const file = await bench.files.records('users', 'csv');
    const rounds = await repeat(bench, async () => {
      return await bench.databases.use({}, async (database) => {
        return await bench.services.use(database, async ({ url }) => {
          for (let n = 0; n < warmUpQuestions; n++) await expectAnswer(`${url}/health`);
          const jobId = await upload(url, file);
          const completed = awaitCompletion(url, jobId);
          const [job, health] = await Promise.all(
            [`/v1/imports/${jobId}`, '/health'].map(async (path) => {
              return await steadyLoad(async () => await expectAnswer(url + path), intervalMs, completed);
            }),
          );
          return { job: latencySample(job!), health: latencySample(health!) };
        });
      });
    });
    return (['job', 'health'] as const).map((route) => ({
      subject: `p99 of ${route === 'job' ? 'GET /v1/imports/:id' : 'GET /health'}, every ${intervalMs} ms`,
      baseline: null,
      unit: 'ms',
      rounds: rounds.map((round) => ({ subject: round[route], baseline: null })),
    }));
  },
} satisfies Benchmark;

async function expectAnswer(url: string): Promise<void> {
  const response = await fetch(url);
  await response.arrayBuffer();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
}
