import type { Logger } from 'pino';
import { isSqlstate, sqlstateOf } from '../../db/sqlstate.ts';
import type { JobFailure } from '../../db/tables.ts';
import { FileFault } from './file-fault.ts';
import { JobFault } from './job-fault.ts';

/** What the client is told of a job that failed. Anything unforeseen goes to the log alone. */
export function explainFailure(error: unknown, log: Logger): JobFailure {
  if (error instanceof JobFault || error instanceof FileFault) {
    const { code, message, line } = error;
    return { code, detail: message, ...(line === undefined ? {} : { line }) };
  }
  log.error({ err: error }, 'Import stopped by an unforeseen error');
  const state = sqlstateOf(error);
  if (isSqlstate(state)) {
    return {
      code: 'database_error',
      detail: `the database refused the import (SQLSTATE ${state}); the service's log says more`,
    };
  }
  return { code: 'internal_error', detail: "the import stopped on an internal error; the service's log says more" };
}
