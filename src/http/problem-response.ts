// A problem as it goes over the wire (RFC 9457).
import { type Problem, type ProblemCode, problems } from '../problems.ts';

export const problemMediaType = 'application/problem+json';

/** Where a code is explained: a path of this service, because the project has no site to point to. */
export function typeOf(code: ProblemCode): string {
  return `/problems/${code}`;
}

/** `error` repeats `detail`: clients of the Go service read it. */
export function problemBody(problem: Problem, requestId: string): string {
  const { code, title, status, message: detail, members } = problem;
  return JSON.stringify({
    type: typeOf(code),
    title,
    status,
    detail,
    code,
    error: detail,
    request_id: requestId,
    ...members,
  });
}

/** What GET /problems/:code answers; null for a code that there is none of. */
export function explainCode(code: string): { type: string; code: string; status: number; title: string } | null {
  if (!Object.hasOwn(problems, code)) return null;
  const known = code as ProblemCode;
  const [status, title] = problems[known];
  return { type: typeOf(known), code, status, title };
}
