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
    /** With its query, percent-encoded. */
    path: string;
    headers?: Record<string, string>;
    json?: unknown;
    /** A multipart form: the fields, then the file. */
    form?: Record<string, string>;
    file?: { name: string; content: string };
  };
  /** For the recording: the jobs made until then do not run before it is sent. */
  jobsHeld?: true;
  response: {
    status: number;
    /** Those of response-headers.ts, in lower case, and the content type. */
    headers: Record<string, string>;
    /** Parsed when it is JSON; absent when there is none. */
    body?: unknown;
  };
}

export const examples: readonly Example[] = JSON.parse(readFileSync(new URL('examples.json', import.meta.url), 'utf8'));
