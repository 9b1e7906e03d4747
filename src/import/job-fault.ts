/** Ends the job as `failed`, with a reason that the client is told. */
export class JobFault extends Error {
  readonly code: string;
  readonly line: number | undefined;
  constructor(code: string, detail: string, line?: number) {
    super(detail);
    this.code = code;
    this.line = line;
  }
}

/** The job was cancelled, or another attempt has taken it over: this one must leave it alone. */
export class Overtaken extends Error {
  constructor() {
    super('the job is no longer held by this attempt');
  }
}
