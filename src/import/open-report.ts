// The whole error report of an import as one stream, formatted by PostgreSQL: any number of errors, constant memory.
import { Readable } from 'node:stream';
import type { Job } from '../../db/jobs.ts';
import { copyRowErrors, type ReportFormat, type ReportRange } from '../../db/row-errors.ts';
import { type OpenOptions, openCopy, type RowSource } from '../export/open-copy.ts';

/** @throws what openCopy throws. */
export async function openReport(
  source: RowSource,
  job: Job,
  format: ReportFormat,
  range: ReportRange,
  options: OpenOptions,
): Promise<Readable> {
  const rows = await openCopy(source, copyRowErrors(job.id, format, range), options);
  if (format !== 'json') return rows;
  const head = `{"job_id":"${job.id}","error_count":${job.error_count},"errors":[`;
  return Readable.from(wrap(rows, head, ']}\n'), { objectMode: false });
}

/** Puts `head` in the place of the comma before the first row, and `tail` behind the last row. */
async function* wrap(rows: Readable, head: string, tail: string): AsyncGenerator<Buffer | string> {
  let first = true;
  for await (const block of rows as AsyncIterable<Buffer>) {
    if (first) yield head;
    yield first ? block.subarray(1) : block;
    first = false;
  }
  yield first ? head + tail : tail;
}
