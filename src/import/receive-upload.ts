// Reads the parts of a multipart request: streams its file to the store while hashing, collects its fields. Nothing is
// buffered and nothing parsed; whatever goes wrong, the client leaving included, no file remains.
import type { Readable } from 'node:stream';
import { type FileStore, FileTooLarge, type StoredFile } from '../file-store.ts';
import { problem } from '../problems.ts';

/** A part may come without a name, whatever the types of the parser say. */
export type UploadPart =
  | { type: 'field'; fieldname: string | undefined; value: unknown }
  | { type: 'file'; fieldname: string | undefined; filename: string | undefined; file: Readable };

export interface Upload {
  stored: StoredFile;
  fileName: string;
  fields: Map<string, string>;
}

export interface ReceiveOptions {
  store: FileStore;
  maxBytes: number;
  /** Passes on the content of the file, or throws when there is too much of it. */
  meter(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** Looks at the fields that came before the file, so that a wrong request is refused before its file is received. */
  checkFields(fields: ReadonlyMap<string, string>): void;
}

/**
 * @param parts with a file size limit above `maxBytes`: past its own limit the parser cuts a file short without an error.
 * @throws Problem malformed_request, file_required, file_too_large, invalid_option; what checkFields and meter throw; the parser's errors.
 */
export async function receiveUpload(
  parts: AsyncIterable<UploadPart>,
  { store, maxBytes, meter, checkFields }: ReceiveOptions,
): Promise<Upload> {
  const fields = new Map<string, string>();
  let received: { stored: StoredFile; fileName: string } | null = null;
  try {
    for await (const part of parts) {
      const { fieldname } = part;
      if (fieldname === undefined) throw problem('malformed_request', 'a part of the form has no name');
      if (part.type === 'field') {
        // A field that calls itself JSON has been parsed.
        if (typeof part.value !== 'string')
          throw problem('invalid_option', `the form field '${fieldname.slice(0, 50)}' must be text`);
        if (fieldname === 'file')
          throw problem('file_required', "the form field 'file' must be a file, with a file name");
        if (fields.has(fieldname))
          throw problem('invalid_option', `the form field '${fieldname.slice(0, 50)}' must be given once`);
        fields.set(fieldname, part.value);
        continue;
      }
      if (fieldname !== 'file' || received) {
        throw problem(
          'file_required',
          `send exactly one file, in the form field 'file'; there is another in '${fieldname.slice(0, 50)}'`,
        );
      }
      checkFields(fields);
      const stored = await store.write(meter(part.file), { maxBytes });
      received = { stored, fileName: unescapeName(part.filename ?? '') };
    }
    if (!received)
      throw problem('file_required', "the form has no file: send one in the field 'file', with a file name");
    return { ...received, fields };
  } catch (error) {
    if (received) await store.remove(received.stored.key);
    if (error instanceof FileTooLarge)
      throw problem('file_too_large', `the file is larger than ${maxBytes} bytes (MAX_UPLOAD_SIZE)`);
    throw error;
  }
}

/** Clients escape these in the names of a form, and nothing else (HTML, "multipart/form-data encoding algorithm"). */
function unescapeName(name: string): string {
  return name.replace(/%(?:22|0D|0A)/g, decodeURIComponent);
}
