// What the database knows of the service at work, all of its processes together: for metrics. Every statement looks at
// unfinished jobs, jobs that have a file, live queue entries and sessions only, of which there are few.
import type { Sql } from './client.ts';
import type { JobType } from './jobs.ts';
import type { JobStatus } from './tables.ts';

export interface ServiceFigures {
  unfinishedJobs: { type: JobType; status: JobStatus; jobs: number; oldestSeconds: number }[];
  /** Bytes of the files that jobs keep: uploads, exported files. */
  storedFiles: { type: JobType; bytes: number }[];
  /** Queue entries by pg-boss's state: created and retry wait, active is being worked on. */
  queueEntries: { type: JobType; state: 'created' | 'retry' | 'active'; entries: number }[];
  /** Sessions by the pool that opened them: api, exports, queue, loaders, monitor. */
  sessions: { pool: string; state: string; sessions: number }[];
}

export async function readServiceFigures(sql: Sql): Promise<ServiceFigures> {
  const unfinishedJobs = await sql<ServiceFigures['unfinishedJobs']>`
    SELECT type, status, count(*) AS jobs, extract(epoch FROM now() - min(created_at))::float8 AS "oldestSeconds"
    FROM bulk.jobs WHERE status IN ('pending', 'processing') GROUP BY type, status`;
  const storedFiles = await sql<ServiceFigures['storedFiles']>`
    SELECT type, coalesce(sum(bytes_total), 0)::int8 AS bytes FROM bulk.jobs WHERE file IS NOT NULL GROUP BY type`;
  const queueEntries = await sql<ServiceFigures['queueEntries']>`
    SELECT name AS type, state::text AS state, count(*) AS entries FROM pgboss.job
    WHERE name IN ('import', 'export') AND state IN ('created', 'retry', 'active') GROUP BY name, state`;
  // The name of a loading connection holds its job's id.
  const sessions = await sql<ServiceFigures['sessions']>`
    SELECT CASE WHEN application_name ~ '^bulk [0-9a-f-]{36}' THEN 'loaders'
      ELSE split_part(application_name, ' ', 2) END AS pool,
      coalesce(state, 'unknown') AS state, count(*) AS sessions
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND starts_with(application_name, 'bulk ')
    GROUP BY 1, 2`;
  return {
    unfinishedJobs: [...unfinishedJobs],
    storedFiles: [...storedFiles],
    queueEntries: [...queueEntries],
    sessions: [...sessions],
  };
}
