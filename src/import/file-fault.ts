/** Why a stored file cannot be read, or not to its end; the codes that clients see in a job's `failure`. */
export type FileFaultCode =
  | 'empty_file'
  | 'unsupported_encoding'
  | 'malformed_header'
  | 'duplicate_column'
  | 'missing_columns'
  | 'malformed_json'
  | 'damaged_gzip'
  | 'file_too_large';

/** The file itself is at fault: reading it again will end in the same way. */
export class FileFault extends Error {
  readonly code: FileFaultCode;
  /** Physical line, from 1, where reading ended; undefined when the fault has no place. */
  readonly line: number | undefined;
  /** The file is in order as far as it goes, but ends too early. */
  readonly endsEarly: boolean;
  constructor(
    code: FileFaultCode,
    message: string,
    line?: number,
    { endsEarly = false, ...options }: ErrorOptions & { endsEarly?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.line = line;
    this.endsEarly = endsEarly;
  }
}
