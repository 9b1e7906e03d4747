// What has become of each record that was sent: a row, a rejected record, neither (lost) or both (doubled).
import type { Sql } from '../../db/client.ts';
import { chunkRanges } from './checks.ts';
import type { FileSet, TortureFile } from './files.ts';

export interface RecordCounts {
  checked: number;
  lost: number;
  doubled: number;
}

/**
 * Of a file whose import was cancelled the records of committed chunks count, as no others were taken.
 * @param imports job ids by file.
 */
export async function countRecords(
  sql: Sql,
  files: FileSet,
  imports: ReadonlyMap<TortureFile, string>,
): Promise<RecordCounts> {
  const sum: RecordCounts = { checked: 0, lost: 0, doubled: 0 };
  for (const file of Object.values(files) as TortureFile[]) {
    const jobId = imports.get(file) ?? null;
    const taken =
      file === files.cancelled
        ? (await chunkRanges(sql, jobId)).map(({ first_record, records }) => ({ from: first_record, count: records }))
        : [{ from: 1, count: file.records }];
    const rows = await sql<{ id: string }[]>`SELECT id FROM ${sql(file.resource)}`;
    const errors = await sql<{ record: number }[]>`SELECT DISTINCT record FROM bulk.row_errors WHERE job_id = ${jobId}`;
    const loaded = new Set(rows.map(({ id }) => id));
    const rejected = new Set(errors.map(({ record }) => record));
    for (const { from, count } of taken) {
      for (let record = from; record < from + count; record++) {
        const id = file.ids[record - 1];
        const outcomes = (id != null && loaded.has(id) ? 1 : 0) + (rejected.has(record) ? 1 : 0);
        sum.checked++;
        if (outcomes === 0) sum.lost++;
        if (outcomes === 2) sum.doubled++;
      }
    }
  }
  return sum;
}
