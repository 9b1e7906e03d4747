// The form of an upload, fields before the file so that a wrong one is refused before the file is sent.
import type { OnBytes } from './file-source.ts';
import type { Body } from './http.ts';

export interface UploadForm {
  fields: Readonly<Record<string, string | undefined>>;
  fileName: string;
  content: Blob | AsyncIterable<Uint8Array>;
  onBytes?: OnBytes;
}

/** @returns a body, and the headers that it needs of its own. */
export function encodeForm(form: UploadForm): { body: Body; headers: Record<string, string> } {
  return form.content instanceof Blob ? formOfBlob(form, form.content) : formOfStream(form, form.content);
}

function formOfBlob({ fields, fileName, onBytes }: UploadForm, content: Blob) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.set(name, value);
  // Without a third argument: with it another File would be made of this one.
  body.set('file', onBytes ? new CountedFile(content, fileName, onBytes) : new File([content], fileName));
  return { body, headers: {} };
}

/** A file that tells how much of it was read. Node's fetch reads files by stream(); browsers do not, and nothing is told. */
class CountedFile extends File {
  readonly #onBytes: OnBytes;

  constructor(content: Blob, name: string, onBytes: OnBytes) {
    super([content], name);
    this.#onBytes = onBytes;
  }

  override stream(): ReturnType<File['stream']> {
    let sent = 0;
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (piece, controller) => {
        this.#onBytes((sent += piece.byteLength), this.size);
        controller.enqueue(piece);
      },
    });
    return super.stream().pipeThrough(count);
  }
}

function formOfStream({ fields, fileName, onBytes }: UploadForm, content: AsyncIterable<Uint8Array>) {
  const boundary = `bulk-${crypto.randomUUID()}`;
  const encoder = new TextEncoder();
  async function* parts(): AsyncGenerator<Uint8Array> {
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      yield encoder.encode(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
    }
    const disposition = `form-data; name="file"; filename="${escapeName(fileName)}"`;
    const type = 'application/octet-stream';
    yield encoder.encode(`--${boundary}\r\ncontent-disposition: ${disposition}\r\ncontent-type: ${type}\r\n\r\n`);
    let sent = 0;
    for await (const piece of content) {
      yield piece;
      onBytes?.((sent += piece.byteLength), null);
    }
    yield encoder.encode(`\r\n--${boundary}--\r\n`);
  }
  return {
    body: ReadableStream.from(parts()) as Body,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}

/** As the HTML standard has it for multipart/form-data. */
function escapeName(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}
