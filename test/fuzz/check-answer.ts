// What must hold of every answer, whatever was asked.
import assert from 'node:assert/strict';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { problems } from '../../src/problems.ts';
import { knownExport, knownImport } from './hostile-requests.ts';

/** What only the inside of the service would say: stacks, modules, statements, SQLSTATEs. */
const internal =
  /node_modules|node:internal|\.[jt]s:\d|\bat (async )?[\w.<>]+ \(|\bSELECT \w|\bINSERT INTO|\bSQLSTATE|syntax error at|invalid input syntax|Cannot read prop|is not a function|Maximum call stack|The needle/;

/** Ids of jobs that are there. */
export interface Known {
  importId: string;
  exportId: string;
}

/** Sends the request and looks at its answer. @throws AssertionError */
export async function checkAnswer(app: FastifyInstance, request: InjectOptions, known: Known): Promise<void> {
  const url = String(request.url).replaceAll(knownImport, known.importId).replaceAll(knownExport, known.exportId);
  const response = await app.inject({ ...request, url });
  const { statusCode, headers, body } = response;
  assert.ok(statusCode < 500, `${statusCode} ${body}`);
  assert.match(String(headers['x-request-id']), /^[\w.:=+/-]{1,128}$/);
  for (const [name, value] of Object.entries(headers)) {
    assert.doesNotMatch(`${name}: ${value}`, /[\r\n]/, 'no header is injected');
    assert.notEqual(name, 'x-injected');
  }
  if (statusCode >= 400 && request.method !== 'HEAD') checkProblem(response);
}

function checkProblem({ statusCode, headers, body }: LightMyRequestResponse): void {
  assert.match(String(headers['content-type']), /^application\/problem\+json/);
  const { code, status, detail, error, request_id } = JSON.parse(body);
  assert.equal(status, statusCode);
  assert.ok(Object.hasOwn(problems, code), code);
  assert.equal(problems[code as keyof typeof problems][0], statusCode);
  assert.equal(error, detail);
  assert.equal(request_id, headers['x-request-id']);
  assert.doesNotMatch(detail, internal);
  assert.ok(detail.length < 1000, 'what a client sent is not repeated at length');
}

/** Every job that the requests made ends, and none of them because of a fault of ours. @throws AssertionError */
export async function checkJobs(app: FastifyInstance): Promise<void> {
  const unfinished = () => app.sql`SELECT FROM bulk.jobs WHERE status IN ('pending', 'processing')`;
  while ((await unfinished()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const faulty = await app.sql`SELECT type, resource, options, failure FROM bulk.jobs
    WHERE failure->>'code' IN ('internal_error', 'database_error', 'out_of_memory')`;
  assert.deepEqual([...faulty], []);
  const [uncounted] = await app.sql`SELECT count(*) AS jobs FROM bulk.jobs
    WHERE type = 'import' AND status = 'completed' AND total_records <> successful + failed`;
  assert.equal(uncounted?.jobs, 0);
}
