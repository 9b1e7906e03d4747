import type { Logger } from 'pino';
import { isSqlstate, sqlstateOf } from '../../db/sqlstate.ts';
import type { JobFailure } from '../../db/tables.ts';
import { JobFault } from '../import/job-fault.ts';

/** What the client is told of an export job that failed. The rest goes to the log alone. */
export function explainFailure(error: unknown, log: Logger): JobFailure {
  if (error instanceof JobFault) return { code: error.code, detail: error.message };
  log.error({ err: error }, 'Export stopped by an unforeseen error');
  const state = sqlstateOf(error);
  if (state === 'ENOSPC' || state === 'EDQUOT')
    return { code: 'storage_full', detail: 'no space is left where exports are stored' };
  if (isSqlstate(state)) {
    return {
      code: 'database_error',
      detail: `the database refused the export (SQLSTATE ${state}); the service's log says more`,
    };
  }
  return { code: 'internal_error', detail: "the export stopped on an internal error; the service's log says more" };
}
