// GET /v1/exports is two things in the contract: a streamed export, and the list of export jobs. Which one a query asks
// for is decided here, and nowhere else.
import type { Kysely } from 'kysely';
import type { Static } from 'typebox';
import { listJobs } from '../../db/jobs.ts';
import type { Database, JobStatus } from '../../db/tables.ts';
import { cursorAfter, parseCursor } from '../page-cursor.ts';
import { problem } from '../problems.ts';
import { resources } from '../resources/index.ts';
import { type ExportPageSchema, viewExport } from './export-view.ts';

type Query = Readonly<Record<string, unknown>>;

const listParameters: readonly string[] = ['status', 'resource', 'limit', 'after'];
const statuses: readonly JobStatus[] = ['pending', 'processing', 'completed', 'failed', 'cancelled'];
const defaultLimit = 50;
const maxLimit = 1000;

/**
 * Without a resource it is the list. With one it is an export, except that `after`, or a `status` that jobs have and
 * its records cannot, only means the list: ?resource=users&status=completed. An empty `after` is the first page.
 */
export function asksForJobs(query: Query): boolean {
  if (!Object.keys(query).every((name) => listParameters.includes(name))) return false;
  if (query.resource === undefined || query.after !== undefined) return true;
  const { status } = query;
  if (!isStatus(status)) return false;
  const field = resources.get(String(query.resource))?.fields.status;
  return field === undefined || (field.type === 'enum' && !field.values.includes(status));
}

/**
 * Newest first.
 * @param owner whose jobs alone there are, for the caller; undefined: everybody's.
 * @throws Problem invalid_parameter, unknown_resource.
 */
export async function listExports(
  db: Kysely<Database>,
  query: Query,
  owner: string | undefined,
): Promise<Static<typeof ExportPageSchema> & { limit: number }> {
  const repeated = listParameters.find((name) => Array.isArray(query[name]));
  if (repeated) throw problem('invalid_parameter', `${repeated} is given more than once`, { field: repeated });
  const { status, resource } = query;
  if (status !== undefined && !isStatus(status)) throw invalid('status', `one of: ${statuses.join(', ')}`);
  if (resource !== undefined && !(typeof resource === 'string' && resources.has(resource))) {
    throw problem('unknown_resource', `unknown resource, must be one of: ${[...resources.keys()].join(', ')}`);
  }
  const after = query.after === undefined || query.after === '' ? undefined : parseCursor(String(query.after));
  if (after === null) throw invalid('after', 'the `next` of the page before');
  const limit = readLimit(query.limit);
  const jobs = await listJobs(db, { type: 'export', status, resource, owner, limit, after });
  const next = jobs.length === limit ? cursorAfter(jobs.at(-1)!) : undefined;
  return { exports: jobs.map(viewExport), ...(next === undefined ? {} : { next }), limit };
}

function isStatus(value: unknown): value is JobStatus {
  return (statuses as readonly unknown[]).includes(value);
}

function readLimit(value: unknown): number {
  if (value === undefined) return defaultLimit;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= maxLimit) return number;
  throw invalid('limit', `a whole number from 1 to ${maxLimit}`);
}

function invalid(name: string, accepted: string): Error {
  return problem('invalid_parameter', `${name} must be ${accepted}`, { field: name });
}
