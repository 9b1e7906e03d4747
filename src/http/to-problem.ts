// Every error that can reach the error handler → the problem it is answered with. A client reads the words of our own
// problems and of refusals of its request; what went wrong inside is for the log alone.
import type { FastifyError } from 'fastify';
import { sqlstateOf, verdictOf } from '../../db/sqlstate.ts';
import { isLostThread } from '../import/retry-lost-threads.ts';
import { Problem, type ProblemCode, problem } from '../problems.ts';
import { NoThread } from '../run-in-threads.ts';
import { explainValidation } from './explain-validation.ts';

const formTooLarge = 'the form has too many parts; send one file and the options of the import';

/** Codes of Fastify and @fastify/multipart whose own status or words would not do. */
const refusals: Readonly<Record<string, readonly [code: ProblemCode, detail: string]>> = {
  FST_ERR_BAD_URL: ['malformed_request', 'the URL is not validly percent-encoded'],
  FST_ERR_MAX_PARAM_LENGTH: ['not_found', 'there is nothing at this URL'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'the body is larger than this route takes'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_request', 'the body is empty; send a JSON object'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_request', 'the body is not valid JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_request', 'the body is not as long as Content-Length says'],
  FST_PARTS_LIMIT: ['too_many_parts', formTooLarge],
  FST_FIELDS_LIMIT: ['too_many_parts', formTooLarge],
  FST_FILES_LIMIT: ['too_many_parts', formTooLarge],
  FST_REQ_FILE_TOO_LARGE: ['file_too_large', 'the file is larger than this service takes (MAX_UPLOAD_SIZE)'],
  FST_PROTO_VIOLATION: ['malformed_request', 'the form has a field whose name is not allowed'],
  FST_INVALID_MULTIPART_CONTENT_TYPE: ['unsupported_media_type', 'the body must be multipart/form-data'],
  FST_INVALID_JSON_FIELD_ERROR: ['malformed_request', 'a form field declared as JSON is not valid JSON'],
  FST_MP_PREMATURE_CLOSE: ['malformed_request', 'the request ended before its form was complete'],
};

/** What remains of errors that name a status of their own. */
const codesByStatus: Readonly<Record<number, ProblemCode>> = {
  404: 'not_found',
  408: 'request_timeout',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};

/** The form parser throws plain errors, known by nothing but their text. */
const malformedForm = /^Multipart: |multipart data$/;
const longBoundary = /^The needle cannot have a length bigger/;

const retrySeconds = 5;

export function toProblem(error: unknown, { contentType = '' }: { contentType?: string } = {}): Problem {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return internalError();
  const { code, statusCode = 500, validation, validationContext, message } = error as FastifyError;
  if (validation) return explainValidation({ validation, validationContext });
  const refusal = refusals[code];
  if (refusal) return problem(...refusal);
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    const sent = contentType === '' ? 'a body without a Content-Type' : `Content-Type '${contentType.slice(0, 100)}'`;
    return problem('unsupported_media_type', `${sent} is not what this route takes`);
  }
  if (longBoundary.test(message))
    return problem('malformed_request', 'the form is malformed: its boundary is too long');
  if (malformedForm.test(message)) return problem('malformed_request', `the form is malformed: ${message}`);
  if (statusCode >= 400 && statusCode < 500) {
    return problem(codesByStatus[statusCode] ?? 'malformed_request', message || 'the request cannot be understood');
  }
  return serverFault(error);
}

function serverFault(error: Error): Problem {
  const code = sqlstateOf(error);
  // 53100: the database's disk.
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === '53100') {
    return problem('storage_full', 'the service has no room left to store this');
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    const detail = 'the service has as many files and connections open as it may; try again';
    return problem('too_busy', detail, {}, { 'retry-after': String(retrySeconds) });
  }
  if (error instanceof NoThread || isLostThread(error)) {
    const detail = 'the threads that read files end, or do not start; try again';
    return problem('too_busy', detail, {}, { 'retry-after': String(retrySeconds) });
  }
  if (verdictOf(error) === 'transient') {
    return problem(
      'database_unavailable',
      'the database cannot be reached, or is too busy; try again',
      {},
      { 'retry-after': String(retrySeconds) },
    );
  }
  return internalError();
}

function internalError(): Problem {
  return problem('internal_error', 'something went wrong inside the service; its log has more under this request_id');
}
