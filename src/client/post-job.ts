// A request that makes a job. It has gone well when the answer names the job: what is in between (a proxy, a sign-in page)
// may answer 200 without that anything has arrived.
import { BulkProblem } from './bulk-problem.ts';
import type { Http, HttpRequest } from './http.ts';

/** @throws as Http.json; BulkProblem also when the answer names no job. */
export async function postJob<Job extends { job_id: string }>(
  http: Http,
  path: string,
  request: HttpRequest,
): Promise<{ job: Job; replayed: boolean }> {
  const response = await http.send(path, { ...request, method: 'POST' });
  const job = await http.parse<Job | null>(response, request.signal);
  if (typeof job?.job_id !== 'string') {
    const detail = 'the answer names no job; is the URL that of the service?';
    throw new BulkProblem(response.status, response.headers, { detail });
  }
  return { job, replayed: response.headers.get('idempotency-replayed') === 'true' };
}
