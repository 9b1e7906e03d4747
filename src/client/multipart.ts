// The form of an upload, fields before the file so that a wrong one is refused before the file is sent.
import { isNode, type OnBytes, readSource } from './file-source.ts';
import type { Body } from './http.ts';

export interface UploadForm {
  fields: Readonly<Record<string, string | undefined>>;
  fileName: string;
  content: Blob | AsyncIterable<Uint8Array>;
  onBytes?: OnBytes;
}

/** @returns what makes the body, for each attempt anew where the content can be read again; and the headers it needs. */
export function encodeForm(form: UploadForm): { body: () => Body; headers: Record<string, string> } {
  // Browsers do not send streams. Node's fetch does not survive a file in a FormData that cannot be read to its end.
  return form.content instanceof Blob && !isNode() ? formOfBlob(form, form.content) : formOfStream(form);
}

function formOfBlob({ fields, fileName }: UploadForm, content: Blob) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value);
  body.set('file', content, fileName);
  return { body: () => body, headers: {} };
}

function formOfStream({ fields, fileName, content, onBytes }: UploadForm) {
  const boundary = `bulk-${crypto.randomUUID()}`;
  const encoder = new TextEncoder();
  const named = Object.entries(fields).filter(([, value]) => value !== undefined);
  const before = encoder.encode(
    [
      ...named.map(
        ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}`,
      ),
      `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="${escapeName(fileName)}"\r\n` +
        'content-type: application/octet-stream\r\n\r\n',
    ].join('\r\n'),
  );
  const after = encoder.encode(`\r\n--${boundary}--\r\n`);
  const total = content instanceof Blob ? content.size : null;
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield before;
    let sent = 0;
    for await (const piece of readSource(content)) {
      yield piece;
      onBytes?.((sent += piece.byteLength), total);
    }
    yield after;
  }
  return {
    body: () => ReadableStream.from(parts()) as Body,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      ...(total === null ? {} : { 'content-length': String(before.length + total + after.length) }),
    },
  };
}

/** As the HTML standard has it for multipart/form-data. */
function escapeName(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}
