// The JSON body of POST /v1/imports: options as a form has them, and a file_url in place of the file.
import { createHash } from 'node:crypto';
import { problem } from '../problems.ts';
import { fileNameOf, parseFileUrl } from '../remote/parse-file-url.ts';

export interface RemoteRequest {
  url: URL;
  fileName: string;
  /** The other properties, not checked yet. */
  fields: Map<string, string>;
  /** Of the URL. It stands for the content: a request that is sent again asks for the same, whatever is there by now. */
  sha256: string;
}

/** @throws Problem file_required, invalid_option; RemoteFault file_url_refused. */
export function readRemoteRequest(body: unknown): RemoteRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw problem('invalid_option', 'the body must be a JSON object with a resource and a file_url');
  }
  const { file_url: fileUrl, ...options } = body as Record<string, unknown>;
  if (fileUrl === undefined) {
    throw problem('file_required', 'name a file_url, or send the file itself as multipart/form-data');
  }
  if (typeof fileUrl !== 'string') throw problem('invalid_option', 'file_url must be text');
  const fields = new Map<string, string>();
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== 'string') throw problem('invalid_option', `${name.slice(0, 50)} must be text`);
    fields.set(name, value);
  }
  const url = parseFileUrl(fileUrl);
  const sha256 = createHash('sha256').update(`file_url ${url.href}`).digest('hex');
  return { url, fileName: fileNameOf(url), fields, sha256 };
}
