// How the command ends: its exit codes, and the errors that lead to them.
import { BulkChecksumError, BulkConnectionError, BulkProblem } from '../client/index.ts';

/** Part of the interface: listed by --help and in the README. */
export const exitCodes = {
  ok: 0,
  /** Wrong arguments, or a file that cannot be read or written. */
  usage: 1,
  jobFailed: 2,
  tooManyRejected: 3,
  /** The service is away, or refused the request. */
  service: 4,
  interrupted: 130,
  /** Whoever reads the output was gone before its end; what a SIGPIPE would say. */
  outputClosed: 141,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = `Exit codes:
  0  done
  1  wrong arguments, or a file that cannot be read or written
  2  a job failed or was cancelled
  3  more records were rejected than --fail-over allows
  4  the service is away, or refused the request
  130  Ctrl-C; jobs that were accepted go on`;

/** What is wrong with the arguments. */
export class UsageError extends Error {}

/** A signal asked the command to end. */
export class Interrupted extends Error {}

export interface Failure {
  exitCode: ExitCode;
  /** For a person; null when there is nothing to say. */
  message: string | null;
  /** For a program. */
  members: Readonly<Record<string, unknown>>;
}

export function explainFailure(error: unknown): Failure {
  if (error instanceof Interrupted) return { exitCode: exitCodes.interrupted, message: null, members: {} };
  if (error instanceof BulkProblem) {
    const { code, status, detail, request_id } = error;
    const hint = hints[status] ?? '';
    const message = `${error.message}${hint} (${code}${request_id === null ? '' : `, request ${request_id}`})`;
    return { exitCode: exitCodes.service, message, members: { code, status, detail, request_id } };
  }
  if (error instanceof BulkConnectionError || error instanceof BulkChecksumError) {
    const hint = error instanceof BulkConnectionError && error.code === 'ECONNREFUSED' ? refusedHint : '';
    return { exitCode: exitCodes.service, message: `${error.message}${hint}`, members: { detail: error.message } };
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EPIPE') return { exitCode: exitCodes.outputClosed, message: null, members: {} };
  return { exitCode: exitCodes.usage, message, members: { detail: message } };
}

const refusedHint = '; is it running? --url or BULK_URL says where';
const hints: Readonly<Record<number, string>> = { 401: '; set BULK_API_KEY' };
