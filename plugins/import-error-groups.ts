// GET /v1/imports/:job_id/errors/groups: what is wrong with a file, in a few lines: its row errors by field and message.
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fp from 'fastify-plugin';
import { type Static, Type } from 'typebox';
import { type ErrorGroup, groupRowErrors } from '../db/error-groups.ts';
import type { Job } from '../db/jobs.ts';
import { isOverLimit } from '../db/time-limit.ts';
import { acquireConnection } from '../src/export/open-copy.ts';
import { importDocs, JobParams } from '../src/import/import-docs.ts';
import { problem } from '../src/problems.ts';
import { requireJob } from '../src/require-job.ts';
import { refuseBusy } from './stream-pool.ts';

const maxGroups = 200;
const busyWaitMs = 5_000;

export interface GroupsOptions {
  /** How long the database may take. Default 30 seconds: ten times what a million row errors take. */
  timeoutMs?: number;
}

export const GroupsSchema = Type.Object(
  {
    job_id: Type.String({ format: 'uuid' }),
    error_count: Type.Integer({ minimum: 0 }),
    groups: Type.Array(
      Type.Object({
        field: Type.Union([Type.String(), Type.Null()]),
        code: Type.String(),
        message: Type.String({ description: 'Without what differs from record to record.' }),
        count: Type.Integer({ minimum: 1 }),
        examples: Type.Array(
          Type.Object({
            line: Type.Integer({ minimum: 1 }),
            record: Type.Integer({ minimum: 1 }),
            value: Type.Optional(Type.String()),
          }),
          { description: 'Up to five, in the order of the file.' },
        ),
      }),
      { description: `By count, ${maxGroups} at most.` },
    ),
    truncated: Type.Boolean({ description: `There are more than ${maxGroups} groups.` }),
  },
  { title: 'ErrorGroups' },
);

export default fp<GroupsOptions>(
  async (instance, { timeoutMs = 30_000 }) => {
    const app = instance.withTypeProvider<TypeBoxTypeProvider>();
    const { db, streams } = app;
    /** By job: those who ask meanwhile get the same answer. */
    const grouping = new Map<string, Promise<ErrorGroup[]>>();

    async function group({ id, successful, failed }: Job): Promise<ErrorGroup[]> {
      // Not given up when its client leaves: others may wait for the same.
      const waiting = { signal: new AbortController().signal, waitMs: busyWaitMs };
      const release = await acquireConnection(streams.slots, waiting).catch((error: unknown) => {
        throw refuseBusy(error);
      });
      try {
        const options = { lastRecord: successful + failed, maxGroups: maxGroups + 1, timeoutMs };
        return await groupRowErrors(streams.pool, id, options);
      } catch (error) {
        if (!isOverLimit(error)) throw error;
        const detail = `the row errors could not be grouped within ${timeoutMs / 1000} seconds; try again, or take them as a file (/v1/imports/${id}/errors?format=csv)`;
        throw problem('too_busy', detail, {}, { 'retry-after': '30' });
      } finally {
        release();
      }
    }

    app.get(
      '/v1/imports/:job_id/errors/groups',
      {
        config: { scope: 'read', docs: importDocs.groups },
        schema: { params: JobParams, response: { 200: GroupsSchema } },
      },
      async ({ params, jobsOf }): Promise<Static<typeof GroupsSchema>> => {
        const job = await requireJob(db, 'import', params.job_id, jobsOf);
        const running = grouping.get(job.id) ?? group(job).finally(() => grouping.delete(job.id));
        grouping.set(job.id, running);
        const groups = await running;
        return {
          job_id: job.id,
          error_count: job.error_count,
          groups: groups.slice(0, maxGroups).map(({ examples, ...rest }) => ({
            ...rest,
            examples: examples.map(({ line, record, value }) => ({
              line,
              record,
              ...(value === null ? {} : { value }),
            })),
          })),
          truncated: groups.length > maxGroups,
        };
      },
    );
  },
  { name: 'import-error-groups', dependencies: ['auth', 'database', 'stream-pool'] },
);
