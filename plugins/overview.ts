// GET /v1/overview: what a person wants to see first. Rows and health are the service's; jobs and throughput are those that
// the caller may see.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { type Static, Type } from 'typebox';
import { countUnfinished } from '../db/usage.ts';
import { versionText } from '../src/help.ts';
import { Throughput } from '../src/metrics/throughput.ts';
import { serviceDocs } from '../src/service-docs.ts';

const Count = Type.Integer({ minimum: 0 });
const Check = Type.Object({ status: Type.Enum(['up', 'down']) }, { additionalProperties: true });
const UnfinishedSchema = Type.Object({ pending: Count, processing: Count });

export const OverviewSchema = Type.Object(
  {
    resources: Type.Record(
      Type.String(),
      Type.Object({
        rows: Count,
        estimated: Type.Boolean({
          description:
            "PostgreSQL's estimate: there are more than a million, or they could not be counted in time, as while somebody has locked the table.",
        }),
      }),
    ),
    jobs: Type.Object(
      { import: UnfinishedSchema, export: UnfinishedSchema },
      { description: 'Unfinished jobs that the caller may see.' },
    ),
    throughput: Type.Array(Type.Object({ at: Type.String({ format: 'date-time' }), records: Count }), {
      description:
        'Records that imports committed in this process, loaded or rejected, in each ten seconds of the last ten minutes, oldest first; of jobs that the caller may see.',
    }),
    started_at: Type.String({ format: 'date-time', description: 'Of this process.' }),
    version: Type.String(),
    health: Type.Object({
      status: Type.Enum(['healthy', 'unhealthy']),
      checks: Type.Object({ database: Check, storage: Check, queue: Check, workers: Check }),
    }),
  },
  { title: 'Overview' },
);

export default fp(
  async (instance) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { config, db, telemetry } = app;
    const startedAt = new Date().toISOString();
    const everybodys = new Throughput();
    const owners = new Set(config.access.keys.flatMap(({ owner }) => (owner === null ? [] : [owner])));
    /** Of those alone who can ask for it: there may be jobs of owners whose keys are gone. */
    const byOwner = new Map([...owners].map((owner) => [owner, new Throughput()]));
    telemetry.listen({
      chunkLoaded({ owner }, { loaded, rejected }) {
        const now = Date.now();
        everybodys.add(loaded + rejected, now);
        if (owner !== null) byOwner.get(owner)?.add(loaded + rejected, now);
      },
    });

    app.get(
      '/v1/overview',
      { config: { scope: 'read', docs: serviceDocs.overview }, schema: { response: { 200: OverviewSchema } } },
      async ({ jobsOf }): Promise<Static<typeof OverviewSchema>> => {
        const [counts, unfinished, health] = await Promise.all([
          app.countRows(),
          countUnfinished(db, jobsOf),
          app.checkHealth(),
        ]);
        const jobs = { import: { pending: 0, processing: 0 }, export: { pending: 0, processing: 0 } };
        for (const { type, status, jobs: count } of unfinished) jobs[type][status] = count;
        const seen = jobsOf === undefined ? everybodys : byOwner.get(jobsOf);
        return {
          resources: Object.fromEntries(counts),
          jobs,
          throughput: (seen ?? new Throughput())
            .list(Date.now())
            .map(({ at, records }) => ({ at: new Date(at).toISOString(), records })),
          started_at: startedAt,
          version: versionText(),
          health,
        };
      },
    );
  },
  { name: 'overview', dependencies: ['auth', 'database', 'health', 'row-counts', 'telemetry'] },
);
