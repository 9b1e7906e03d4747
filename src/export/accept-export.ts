// Makes an export job of a checked request: the job and its queue entry in one transaction.
import { createHash } from 'node:crypto';
import type { Kysely, Transaction } from 'kysely';
import { createJob, type Job } from '../../db/jobs.ts';
import type { Database } from '../../db/tables.ts';
import { problem } from '../problems.ts';
import { resources } from '../resources/index.ts';
import type { ExportOptions } from './export-options.ts';
import { type ExportRequest, parseSelection } from './parse-selection.ts';

const bodyProperties = ['resource', 'format', 'fields', 'filters', 'sort', 'limit', 'compression'];

export interface JobRequest extends ExportRequest {
  compression: ExportOptions['compression'];
}

/** @throws Problem unknown_option, invalid_option, invalid_filter and what parseSelection throws. */
export function parseJobRequest(body: unknown): JobRequest {
  const received = new Map(Object.entries(asObject(body ?? {}, 'the body', 'invalid_option')));
  for (const name of received.keys()) {
    if (bodyProperties.includes(name)) continue;
    throw problem(
      'unknown_option',
      `unknown property '${name.slice(0, 100)}', must be one of: ${bodyProperties.join(', ')}`,
    );
  }
  const filters = Object.entries(asObject(received.get('filters') ?? {}, 'filters', 'invalid_filter'));
  const compression = received.get('compression') ?? null;
  const request = parseSelection(resources, { ...Object.fromEntries(received), filters });
  if (compression !== null && compression !== 'gzip')
    throw problem('invalid_option', "compression must be 'gzip', or be left out");
  return { ...request, compression };
}

/** Equal for requests that ask for the same export. */
export function fingerprintOf({ resource, format, selection, compression }: JobRequest): string {
  const { fields, filters, sort, limit } = selection;
  const asked = [
    resource.name,
    format,
    fields,
    filters.map(({ field, operator, values }) => [field, operator, values]),
    sort,
    limit,
    compression,
  ];
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex');
}

export interface AcceptServices {
  db: Kysely<Database>;
  enqueueReady(tx: Transaction<Database>): Promise<void>;
}

/** @param also runs in the same transaction, once the job exists. */
export async function acceptExport(
  { db, enqueueReady }: AcceptServices,
  { resource, format, selection, compression, trace }: JobRequest & Pick<ExportOptions, 'trace'>,
  owner: string | null,
  also: (tx: Transaction<Database>, job: Job) => Promise<void> = async () => {},
): Promise<Job> {
  const options: ExportOptions = { selection, compression, trace };
  return await db.transaction().execute(async (tx) => {
    const job = await createJob(tx, {
      id: crypto.randomUUID(),
      type: 'export',
      resource: resource.name,
      format,
      options: options as never,
      owner,
    });
    await also(tx, job);
    await enqueueReady(tx);
    return job;
  });
}

function asObject(value: unknown, name: string, code: 'invalid_option' | 'invalid_filter'): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw problem(code, `${name} must be a JSON object`);
}
