// The examples of the document: requests that were sent to the service, and what it answered. Recorded, and compared with
// what the service answers now, by test/openapi/examples.test.ts.
import { readFileSync } from 'node:fs';

export interface Example {
  /** Of the operation that it is an example of. */
  operationId: string;
  /** Unique within the operation. */
  name: string;
  summary: string;
  request: {
    method: 'GET' | 'POST';
    /** With its query. `{createImport.a_file}` stands for the id of the job that this example made. */
    path: string;
    headers?: Record<string, string>;
    json?: unknown;
    text?: string;
    /** A multipart form: the fields, then the file. */
    form?: Record<string, string>;
    file?: { name: string; content: string };
  };
  /** For the recording: jobs stand still from before this one until the last of such a row. */
  jobsHeld?: true;
  response: {
    status: number;
    /** Those of response-headers.ts, in lower case, and the content type. */
    headers: Record<string, string>;
    /** Parsed when it is JSON; absent when there is none. */
    body?: unknown;
  };
}

/** As recorded, with the places of ids. */
export const recordedExamples: readonly Example[] = JSON.parse(
  readFileSync(new URL('examples.json', import.meta.url), 'utf8'),
);

const answers = new Map(
  recordedExamples.map(({ operationId, name, response: { body } }) => [`${operationId}.${name}`, body]),
);

/** Whole: with the ids that the recording had. */
export const examples: readonly Example[] = recordedExamples.map(({ request, ...example }) => ({
  ...example,
  request: { ...request, path: fillPlaces(request.path, answers) },
}));

/** @param made what examples were answered with, by operation and name. @throws Error for one that made no job. */
export function fillPlaces(path: string, made: ReadonlyMap<string, unknown>): string {
  const idOf = (example: string) => {
    const { job_id: id } = (made.get(example) ?? {}) as { job_id?: string };
    if (id === undefined) throw new Error(`the example ${example} has made no job`);
    return id;
  };
  // Every second part stood between braces.
  const parts = path.split(/[{}]/);
  return parts.map((part, n) => (n % 2 === 1 ? idOf(part) : part)).join('');
}
